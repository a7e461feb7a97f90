"""What nobody answered is brought up again, however much stands before it that nobody can answer yet."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.admission.world import World
from zmq_bridge.live.connection import open_redis
from zmq_bridge.protocol.ids import new_id
from zmq_bridge.relay.claims import CLAIM_MAX, Adopt, Attend, Claims
from zmq_bridge.relay.messages import Claimed, Report
from zmq_bridge.storage.commands.leases import lease_again
from zmq_bridge.storage.engine import create_engine

OPEN = """
INSERT INTO commands (id, account_id, kind, payload, status, expires_at, sent_at)
VALUES (%s, %s, 'cancel_order', '{"order": 1}', %s, now() + %s::interval, now() - interval '1 minute')
"""


@pytest.fixture
def world(database: str, redis_url: str) -> Iterator[World]:
    """A healthy account."""
    engine, client = create_engine(database), open_redis(redis_url)
    yield World(engine, client)
    client.close()
    engine.dispose()


def put(world: World, account_id: int, status: str, expires: str) -> str:
    """A command that was handed out a minute ago."""
    command_id = new_id(int(time.time() * 1000))
    world.run(OPEN, command_id, account_id, status, expires)
    return command_id


def test_a_desk_brings_up_everything_although_an_account_has_many_that_nobody_knows_the_end_of(world):
    """A terminal whose broker is away says `unknown` of each: they stay, and others come behind them."""
    other = world.add_account(777)
    old = {put(world, world.account_id, "unknown", "-1 hour") for _ in range(CLAIM_MAX)}
    late = put(world, other, "sent", "1 hour")
    told: list[Report] = []

    def report(each: Report) -> bool:
        told.append(each)
        return True

    claims = Claims(report)
    with world.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for account_id in (world.account_id, other):
            claims.obey(connection, Adopt(account_id=account_id))
            claims.obey(connection, Attend(account_id=account_id, trades=True, present=True))
        claims.begin(connection)
        connection.invalidate()  # its locks go with it
    asked = [command.command_id for each in told if isinstance(each, Claimed) for command in each.commands]
    assert sorted(asked) == sorted({*old, late})


def test_a_terminal_that_polls_gets_at_its_next_poll_what_there_was_no_room_for(world):
    ids = sorted(put(world, world.account_id, "unknown", "-1 hour") for _ in range(5))
    got: list[str] = []
    for _ in range(3):
        with world.engine.begin() as connection:
            got += [each.id for each in lease_again(connection, world.account_id, 2)]
    assert got == ids, "each once: what is on its lease takes nobody's place"
