"""A member's own share over the stream: pushed as it changes, to that member and to nobody else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

import pytest

from ledger.errors import ImpossibleHistory, InvalidAmount, InvalidFlows
from ledger.statement import member_statement
from tests.ledger.conftest import Broker
from tests.stream.test_events import Events, listening
from tests.stream.world import LOGIN, OTHER, SERVER
from tests.support import wait_until
from web.stream import shares, updates
from web.stream.hub import Hub
from web.stream.requests import parse_request
from web.stream.words import Type
from zmq_bridge.storage.accounts import ensure_account
from zmq_bridge.storage.keys import revoke_key
from zmq_bridge.storage.ledger import statements
from zmq_bridge.storage.ledger.pool import READ_TRIES, load_pool
from zmq_bridge.storage.ledger.request_list import page_requests
from zmq_bridge.storage.ledger.requests import request_subscription
from zmq_bridge.storage.locks import Lock
from zmq_bridge.storage.users import create_user

LOCKED = """
SELECT count(*) FROM pg_locks
WHERE locktype = 'advisory' AND classid = %s
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@pytest.fixture(autouse=True)
def eager(monkeypatch):
    """A stream that looks at shares ten times as often."""
    monkeypatch.setattr(shares, "SHARES_EVERY_S", shares.SHARES_EVERY_S / 10)


@pytest.fixture
def broker(engine, world):
    """The broker of the account, whose pool begins with 1,000.00 of Ann."""
    return Broker(engine=engine, account_id=world.ids[LOGIN])


@pytest.fixture
def members(engine, broker):
    """Ann, who owns the pool, and Bob, who owns nothing of it yet."""
    with engine.begin() as connection:
        ann, bob = (
            create_user(connection, name=name, email=f"{name}@example.org", actor="test").id for name in ("Ann", "Bob")
        )
    invest(engine, broker, ann, "1000.00")
    return ann, bob


def invest(engine, broker, member, amount):
    """Ask, and send the money with the reference."""
    with engine.begin() as connection:
        asked = request_subscription(connection, broker.account_id, member, Decimal(amount))
    broker.does("balance", amount, comment=asked.reference)
    broker.agrees()


def own(message):
    """The share in the account with the pool."""
    return next(share for share in message["shares"] if share["account"] == LOGIN)


def test_a_share_begins_with_the_present_and_is_pushed_as_it_changes(stream, new_key, engine, broker, members):
    ann, _ = members
    with stream.client(new_key("member", user_id=ann).text) as client:
        client.say("SUBSCRIBE_SHARE", request_id="s")
        present = client.hear_type("SHARE_UPDATE", snapshot=True, request_id="s")
        share = own(present)
        assert (share["user_id"], share["currency"], share["value"], share["profit"]) == (ann, "USD", "1000.00", "0.00")
        assert (share["contributed"], share["requests"][0]["status"]) == ("1000.00", "settled")
        broker.floating = Decimal("50.5")
        broker.agrees()
        wait_until(lambda: own(client.hear_type("SHARE_UPDATE"))["value"] == "1050.50")
        broker.floating = Decimal(0)
        invest(engine, broker, ann, "200.00")
        wait_until(lambda: own(client.hear_type("SHARE_UPDATE"))["contributed"] == "1200.00")


def test_nobody_is_told_of_anybody_elses_share(stream, new_key, engine, broker, members):
    ann, bob = members
    with (
        stream.client(new_key("member", user_id=ann).text) as hers,
        stream.client(new_key("member", user_id=bob).text) as his,
    ):
        hers.say("SUBSCRIBE_SHARE")
        his.say("SUBSCRIBE_SHARE")
        assert own(hers.hear_type("SHARE_UPDATE"))["value"] == "1000.00"
        assert own(his.hear_type("SHARE_UPDATE"))["value"] == "0.00"
        invest(engine, broker, bob, "500.00")
        told = []

        def hears(client, figure, value):
            told.append(client.hear_type("SHARE_UPDATE"))
            return own(told[-1])[figure] == value

        wait_until(lambda: hears(his, "value", "500.00"))
        wait_until(lambda: hears(hers, "share_percent", "66.6667"))
        hers.say("REQUEST_SHARE", request_id="again")
        told.append(hers.hear_type("SHARE_UPDATE", request_id="again"))
        mine = [share for message in told for share in message["shares"] if share["user_id"] == ann]
        assert {request["user_id"] for share in mine for request in share["requests"]} == {ann}
    assert all(len({share["user_id"] for share in message["shares"]}) == 1 for message in told)


@pytest.mark.parametrize("scopes", [["read", "signal", "trade"], ["admin"], ["terminal"]])
def test_a_key_of_no_member_has_no_share(stream, new_key, members, scopes):
    with stream.client(new_key(*scopes).text) as client:
        client.say("SUBSCRIBE_SHARE")
        assert client.hear_type("ERROR")["code"] == "SCOPE_MISSING"


def test_a_share_has_no_symbols(stream, new_key, members):
    with stream.client(new_key("member", user_id=members[0]).text) as client:
        client.say("SUBSCRIBE_SHARE", symbols=["EURUSD"])
        assert client.hear_type("ERROR")["code"] == "INVALID_FIELD"


def test_a_members_key_for_another_account_sees_no_share_in_this_one(stream, new_key, members):
    key = new_key("member", user_id=members[0], accounts=[1]).text
    with stream.client(key) as client:
        client.say("REQUEST_SHARE")
        assert client.hear_type("SHARE_UPDATE", snapshot=True)["shares"] == []


def test_a_share_comes_as_events_too_and_ends_with_the_key(stream, new_key, engine, members):
    new = new_key("member", user_id=members[0])
    with listening(stream, "/events?share", **{"X-API-Key": new.text}) as response:
        events = Events(response)
        assert events.hear()["type"] == "CONNECTED"
        assert own(events.hear())["value"] == "1000.00"
        with engine.begin() as connection:
            revoke_key(connection, new.key.id, now=datetime.now(UTC), actor="test")
        wait_until(lambda: events.hear().get("code") == "KEY_ENDED")


def test_a_share_that_is_the_same_is_no_news_until_it_was_forgotten(new_key, engine):
    with engine.begin() as connection:
        ann = create_user(connection, name="Ann", email="ann@example.org", actor="test").id
    hub = Hub()
    member = hub.join(new_key("member", user_id=ann).key, lambda: None, lambda code, reason: None)
    hub.subscribe(member, parse_request('{"action": "SUBSCRIBE_SHARE"}'))
    assert hub.members_asking() == {ann}
    share = updates.share(LOGIN, SERVER, ann, {"value": "1.00"})
    hub.publish([share, updates.share(LOGIN, SERVER, ann + 1, {"value": "2.00"})])
    assert [message.items for message in member.client.take()] == [(share.items[0].text,)]
    hub.publish([updates.share(LOGIN, SERVER, ann, {"value": "1.00"})])
    assert not member.client.has_news
    hub.forget(Type.SHARE_UPDATE)
    hub.publish([updates.share(LOGIN, SERVER, ann, {"value": "1.00"})])
    assert member.client.has_news


def test_shares_of_books_that_move_are_read_without_keeping_any_order_away(engine, broker, members, monkeypatch):
    """Whoever would hold the books still would hold their lock until the last account was read."""
    tries: list[object] = []
    locked: list[int] = []

    def moves(connection, account_id):
        found = load_pool(connection, account_id)
        if account_id == broker.account_id and len(tries) < READ_TRIES:
            tries.append(broker.agrees())
        return found

    def looks(connection, *wanted, **more):
        with engine.connect() as other:
            locked.append(other.exec_driver_sql(LOCKED, (int(Lock.ADMISSION),)).scalar_one())
        return page_requests(connection, *wanted, **more)

    monkeypatch.setattr(statements, "load_pool", moves)
    monkeypatch.setattr(shares, "page_requests", looks)
    found = {update.user_id for update in shares.share_news(engine, members) if update.login == LOGIN}
    assert (len(tries), found) == (1, set(members)), "the first look is good, though the books moved"
    assert locked
    assert set(locked) == {0}


@pytest.mark.parametrize("error", [InvalidAmount, InvalidFlows, ImpossibleHistory, InvalidOperation])
def test_one_members_unreadable_figures_keep_nobody_elses_back(engine, members, monkeypatch, caplog, error):
    ann, bob = members

    def unreadable(user_id, *rest):
        if user_id == ann:
            raise error("too large")
        return member_statement(user_id, *rest)

    monkeypatch.setattr(statements, "member_statement", unreadable)
    found = [(update.login, update.user_id) for update in shares.share_news(engine, members)]
    assert sorted(found) == [(LOGIN, bob), (OTHER, bob)]
    told = [record.getMessage() for record in caplog.records if record.name == shares.log.name]
    assert len(told) == 2, "one an account"
    assert any(f"account {LOGIN} at {SERVER}, member {ann}: {error.__name__}" in each for each in told)


def test_the_same_login_on_two_servers_is_two_pools(new_key, engine, members):
    ann, _ = members
    with engine.begin() as connection:
        ensure_account(
            connection, login=LOGIN, server="Demo-2", currency="USD", currency_digits=2, margin_mode="hedging",
            leverage=100,
        )  # fmt: skip
    hub = Hub()
    member = hub.join(new_key("member", user_id=ann).key, lambda: None, lambda code, reason: None)
    hub.subscribe(member, parse_request(json.dumps({"action": "SUBSCRIBE_SHARE", "account": LOGIN})))
    hub.publish(shares.share_news(engine, [ann]))
    told = [json.loads(item) for message in member.client.take() for item in message.items]
    assert {share["server"]: share["value"] for share in told} == {SERVER: "1000.00", "Demo-2": "0.00"}
    hub.answer(member, parse_request(json.dumps({"action": "REQUEST_SHARE", "account": LOGIN})))
    [answer] = member.client.take()
    assert len(answer.items) == 2
