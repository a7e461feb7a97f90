"""What stopped an account stops it in every process that comes after: nothing of it lives in one."""

from __future__ import annotations

import json
import subprocess
import sys

from risk.states import Cause
from tests.admission.world import BUY, LOGIN, NOW
from zmq_bridge.admission.answers import Accepted
from zmq_bridge.storage.engine import dump_json
from zmq_bridge.storage.risk.kill import kill
from zmq_bridge.storage.risk.trading_state import set_account_state

ANOTHER_PROCESS = """
import json, sys
from datetime import datetime, timedelta
from zmq_bridge.admission.gate import Gate
from zmq_bridge.admission.schema import parse_signal
from zmq_bridge.admission.source import Source
from zmq_bridge.live.connection import open_redis
from zmq_bridge.live.reader import LiveReader
from zmq_bridge.storage.engine import create_engine
database, redis, now, signals = sys.argv[1:]
gate = Gate(create_engine(database), LiveReader(open_redis(redis)), clock=lambda: datetime.fromisoformat(now))
answers = [gate.admit(parse_signal(each), Source(id="key-1")) for each in json.loads(signals)]
print(json.dumps([str(getattr(answer, "code", "APPROVED")) for answer in answers]))
"""


def test_latches_and_states_survive_a_restart_of_everything(world, database, redis_url):
    """A drawdown latch, a stopped strategy, a person's halt and the kill switch, asked for by another process."""
    logins = [LOGIN, 701, 702, 703]
    accounts = [world.account_id, *map(world.add_account, logins[1:])]
    world.hold(Cause.DRAWDOWN)
    repeat_until_stopped(world, 701)
    with world.engine.begin() as connection:
        set_account_state(connection, accounts[2], "halted", reason="test", actor="ann", now=NOW)
    kill(world.engine, accounts[3], close_positions=False, reason="test", actor="ann", now=NOW)
    world.gate.close()
    for login in logins:
        world.freshen(login)
    signals = [BUY | {"account": login, "magic": 7, "volume": "0.01"} for login in logins]
    signals.append(signals[1] | {"magic": 8})
    asked = [sys.executable, "-c", ANOTHER_PROCESS, database, redis_url, NOW.isoformat(), json.dumps(signals)]
    told = subprocess.run(asked, capture_output=True, text=True, timeout=120, check=True)
    assert json.loads(told.stdout) == [
        "DRAWDOWN_LATCHED", "STRATEGY_LATCHED", "TRADING_HALTED", "TRADING_HALTED", "APPROVED",
    ]  # fmt: skip


def repeat_until_stopped(world, login: int) -> None:
    limits = dump_json({"max_repeats": 1})
    world.run("INSERT INTO risk_limits (limits, actor) VALUES (%s, 'ann')", limits)
    assert isinstance(world.buy(account=login, magic=7, volume="0.01"), Accepted)
    assert world.buy(account=login, magic=7, volume="0.01").code == "REPEATED_EXECUTION"
