"""WebSocket clients against the running stream: what they see, and what they may not."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from websockets.exceptions import ConnectionClosed

from tests.admission.world import MONEY, position
from tests.stream.running import PAGE_PORT
from tests.stream.world import LOGIN, OTHER
from tests.support import wait_until
from web.stream import sources, updates
from web.stream.hub import Hub
from web.stream.requests import parse_request
from web.stream.words import REQUEST_BYTES_MAX, REQUESTS_BURST, Topic
from zmq_bridge.storage.keys import revoke_key
from zmq_bridge.storage.risk.trading_state import set_account_state
from zmq_bridge.storage.sessions import end_session, start_session
from zmq_bridge.storage.ticks.gaps import close_gap, open_gap
from zmq_bridge.storage.trading.state import Place, keep_snapshot, lock_account
from zmq_bridge.storage.users import create_user

NOW = datetime.now(UTC)


def test_a_subscription_begins_with_the_present_and_goes_on_with_what_changes(stream, world, new_key):
    with stream.client(new_key("read").text) as client:
        greeting = client.hear()
        assert (greeting["type"], greeting["seq"], greeting["version"]) == ("CONNECTED", 1, 1)
        client.say("SUBSCRIBE_PRICES", symbols=["EURUSD"], account=LOGIN, request_id="a")
        present = client.hear()
        assert present["type"] == "PRICE_UPDATE"
        assert (present["snapshot"], present["request_id"]) == (True, "a")
        assert [(price["symbol"], price["bid"]) for price in present["prices"]] == [("EURUSD", "1.10000")]
        world.quote("GBPUSD", 1.3, 1.4)
        world.quote("EURUSD", 1.1234, 1.12345)
        (price,) = client.hear()["prices"]
        assert (price["account"], price["symbol"], price["bid"], price["ask"]) == (
            LOGIN,
            "EURUSD",
            "1.12340",
            "1.12345",
        )


def test_positions_money_and_risk_of_an_account_come_together(stream, world, new_key, engine):
    with stream.client(new_key("trade").text) as client:
        client.hear()
        client.say("SUBSCRIBE_POSITIONS", account=LOGIN)
        book = client.hear_type("POSITION_UPDATE")
        assert [position["ticket"] for position in book["positions"]] == [1, 2]
        assert client.hear_type("ACCOUNT_UPDATE")["balance"] == "10000.00"
        assert client.hear_type("RISK_UPDATE", snapshot=True)["trading_state"] == "halted"
        world.positions([])
        assert client.hear_type("POSITION_UPDATE") | {"seq": 0} == {
            "type": "POSITION_UPDATE", "seq": 0, "account": LOGIN, "positions": [],
        }  # fmt: skip
        world.money(equity="9000")
        assert client.hear_type("ACCOUNT_UPDATE", equity="9000.00")["account"] == LOGIN
        with engine.begin() as connection:
            set_account_state(connection, world.ids[LOGIN], "reducing", reason="lunch", actor="ann", now=NOW)
        wait_until(lambda: any("lunch" in hold["reason"] for hold in client.hear_type("RISK_UPDATE")["holds"]))


@pytest.fixture
def eager(monkeypatch):
    """A stream that looks at limits ten times as often."""
    monkeypatch.setattr(sources, "LIMITS_EVERY_S", sources.LIMITS_EVERY_S / 10)


def test_what_is_used_of_the_limits_is_told_when_it_changes(eager, stream, world, new_key, engine):
    def positions_used():
        limits = client.hear_type("RISK_UPDATE", account=LOGIN)["limits"]
        return [(each["used"], each["left"]) for each in limits if each["limit"] == "max_positions"]

    def snapshot(seq, positions):
        with engine.begin() as connection:
            lock_account(connection, world.ids[LOGIN])
            keep_snapshot(
                connection, world.ids[LOGIN], Place(session=1, event_seq=0, seq=seq), account=MONEY,
                positions=positions, orders=(), time_msc=1, received_at=datetime.now(UTC),
            )  # fmt: skip

    snapshot(1, [])
    with stream.client(new_key("read").text) as client:
        client.say("SUBSCRIBE_POSITIONS", account=LOGIN)
        wait_until(lambda: positions_used() == [("0", "10")])
        snapshot(2, [position(9)])
        wait_until(lambda: positions_used() == [("1", "9")])


def test_money_is_written_as_the_api_writes_it(stream, world, new_key):
    with stream.client(new_key("trade").text) as client:
        client.say("SUBSCRIBE_POSITIONS", account=LOGIN)
        book = client.hear_type("POSITION_UPDATE")["positions"]
        assert {(each["profit"], each["swap"]) for each in book} == {("-1.50", "0.00")}
        world.happened("deal", ticket=7, symbol="EURUSD", profit="12", commission="-0.7", swap="0", fee="0.005")
        deal = wait_until(lambda: client.hear_type("POSITION_UPDATE").get("deals"))[0]
        assert [deal[name] for name in ("profit", "commission", "swap", "fee")] == ["12.00", "-0.70", "0.00", "0.005"]


def test_limits_that_did_not_change_are_no_news(new_key):
    hub = Hub()
    used = {"limit": "max_positions", "used": "1", "allowed": "10", "left": "9"}
    member = hub.join(new_key("read").key, lambda: None, lambda code, reason: None)
    hub.subscribe(member, parse_request('{"action": "SUBSCRIBE_POSITIONS"}'))
    hub.publish([updates.risk(LOGIN, "active", [], [used])])
    assert [message.type for message in member.client.take()] == ["RISK_UPDATE"]
    hub.publish([updates.risk(LOGIN, "active", [], [dict(used)])])
    assert not member.client.has_news
    hub.publish([updates.risk(LOGIN, "active", [], [used | {"used": "2", "left": "8"}])])
    assert member.client.has_news


def test_deals_and_terminals_are_told(stream, world, new_key):
    with stream.client(new_key("read").text) as client:
        client.say("SUBSCRIBE_POSITIONS", account=LOGIN)
        client.hear_type("RISK_UPDATE")
        world.happened("deal", ticket=7, symbol="EURUSD", volume="0.10", price="1.1")
        assert client.hear_type("POSITION_UPDATE")["deals"][0]["ticket"] == 7
        world.happened("terminal", role="both", state="disconnected", reason="silent")
        told = client.hear_type("ACCOUNT_UPDATE")
        assert told["terminal"] == {"role": "both", "state": "disconnected", "reason": "silent"}


def test_a_gap_in_ticks_is_announced_and_its_end_too(stream, world, new_key, engine):
    with stream.client(new_key("read").text) as client:
        client.say("SUBSCRIBE_MARKET_DATA", symbols=["EURUSD"])
        client.hear_type("PRICE_UPDATE")
        span = {"session": 1, "from_msc": 5, "to_msc": 9, "lost": 3}
        with engine.begin() as connection:
            open_gap(connection, world.ids[LOGIN], "GBPUSD", **span, reason="not ours")
            gap_id = open_gap(connection, world.ids[LOGIN], "EURUSD", **span, reason="numbers jumped")
        gap = client.hear_type("GAP", of="ticks")
        assert (gap["gap"], gap["state"], gap["symbol"], gap["lost"]) == (gap_id, "open", "EURUSD", 3)
        with engine.begin() as connection:
            close_gap(connection, gap_id, "lost", 2)
        end = client.hear_type("GAP", of="ticks")
        assert (end["state"], end["lost"], end["found"]) == ("lost", 3, 2)


def test_what_a_key_may_not_see_is_not_sent(stream, world, new_key):
    key = new_key("read", "trade", accounts=[LOGIN], symbols=["EURUSD"]).text
    with stream.client(key) as client:
        client.hear()
        client.say("SUBSCRIBE_MARKET_DATA")
        client.say("SUBSCRIBE_POSITIONS")
        prices = client.hear_type("PRICE_UPDATE")["prices"]
        assert [(price["account"], price["symbol"]) for price in prices] == [(LOGIN, "EURUSD")]
        book = client.hear_type("POSITION_UPDATE")
        assert (book["account"], [each["symbol"] for each in book["positions"]]) == (LOGIN, ["EURUSD"])
        client.hear_type("RISK_UPDATE", account=LOGIN)
        for login in (OTHER, LOGIN):
            world.quote("GBPUSD", 1.0, 1.0, login=login)
            world.happened("deal", login=login, ticket=1, symbol="GBPUSD")
            world.positions([(3, "GBPUSD")], login=login)
        world.quote("EURUSD", 1.0, 1.0, login=OTHER)
        world.quote("EURUSD", 1.5, 1.5)
        told = {message["type"]: message | {"seq": 0} for message in (client.hear(), client.hear())}
        empty = {"type": "POSITION_UPDATE", "seq": 0, "account": LOGIN, "positions": []}
        assert told["POSITION_UPDATE"] == empty
        assert [price["bid"] for price in told["PRICE_UPDATE"]["prices"]] == ["1.50000"]


def test_a_scope_that_is_missing_is_named(stream, new_key):
    for scope, action in (
        ("signal", "SUBSCRIBE_POSITIONS"), ("terminal", "REQUEST_SIGNALS"), ("terminal", "REQUEST_MARKET_DATA"),
    ):  # fmt: skip
        with stream.client(new_key(scope).text) as client:
            client.say(action, request_id="r")
            error = client.hear_type("ERROR")
            assert (error["code"], error["request_id"]) == ("SCOPE_MISSING", "r"), action
            assert scope in error["message"]


def test_a_members_key_sees_nothing_of_the_account(stream, new_key, engine):
    with engine.begin() as connection:
        user_id = create_user(connection, name="Ann", email="ann@example.org", actor="test").id
    with stream.client(new_key("member", user_id=user_id).text) as client:
        client.hear()
        for topic in set(Topic) - {Topic.SHARE}:
            client.say(f"SUBSCRIBE_{topic}", **({"symbols": ["EURUSD"]} if topic == "PRICES" else {}))
            assert client.hear()["code"] == "SCOPE_MISSING"


def test_accounts_and_symbols_of_others_are_refused_in_words(stream, new_key):
    with stream.client(new_key("read", accounts=[LOGIN], symbols=["EURUSD"]).text) as client:
        client.say("SUBSCRIBE_POSITIONS", account=OTHER)
        assert client.hear_type("ERROR")["code"] == "ACCOUNT_UNKNOWN"
        client.say("SUBSCRIBE_PRICES", symbols=["EURUSD", "GBPUSD"])
        assert client.hear_type("ERROR")["code"] == "SYMBOL_NOT_ALLOWED"


def test_after_unsubscribing_nothing_more_comes(stream, world, new_key):
    with stream.client(new_key("read").text) as client:
        client.say("SUBSCRIBE_PRICES", symbols=["EURUSD", "GBPUSD"])
        client.hear_type("PRICE_UPDATE")
        client.say("UNSUBSCRIBE_PRICES", symbols=["EURUSD"])
        client.say("REQUEST_PRICES", symbols=["USDJPY"], request_id="fence")
        client.hear_type("PRICE_UPDATE", request_id="fence", prices=[])
        world.quote("EURUSD", 2.0, 2.0)
        world.quote("GBPUSD", 2.0, 2.0)
        assert [price["symbol"] for price in client.hear()["prices"]] == ["GBPUSD"]


# who is let in


def test_without_headers_the_first_message_says_who_it_is(stream, new_key):
    with stream.client() as client:
        client.say("AUTHENTICATE", api_key=new_key("read").text)
        assert client.hear()["type"] == "CONNECTED"


def test_who_does_not_say_who_it_is_hears_why_and_is_closed(stream):
    for first in ('{"action":"AUTHENTICATE","api_key":"zb_x_y"}', '{"action":"REQUEST_POSITIONS"}', "hello", "[]"):
        with stream.client() as client:
            client.connection.send(first)
            error = client.hear()
            assert (error["code"], error["closing"]) == ("UNAUTHENTICATED", True), first
            assert "zb_x_y" not in error["message"]
            assert client.closed() == (4401, "UNAUTHENTICATED")


def test_a_key_in_the_address_is_not_looked_at(stream, new_key):
    from websockets.sync.client import connect

    with connect(f"ws://127.0.0.1:{stream.port}/ws?api_key={new_key('read').text}") as connection:
        connection.send('{"action":"REQUEST_POSITIONS"}')
        assert json.loads(connection.recv(timeout=60))["code"] == "UNAUTHENTICATED"


def test_a_browsers_session_counts_on_our_own_pages_only(stream, new_key, engine):
    with engine.begin() as connection:
        token, _ = start_session(connection, new_key("read").key, datetime.now(UTC))
    cookie = {"Cookie": f"other=1; zb_session={token}"}
    for ours in (f"http://127.0.0.1:{PAGE_PORT}", "http://127.0.0.1"):
        with stream.client(**cookie, Origin=ours) as client:
            assert client.hear()["type"] == "CONNECTED", ours
    for other in (f"http://evil.example:{PAGE_PORT}", "http://127.0.0.1:9999", "null", None):
        with stream.client(**cookie, **({"Origin": other} if other else {})) as client:
            assert client.hear()["type"] == "ERROR", other
            assert client.closed() == (4403, "ORIGIN_REFUSED"), other


def test_a_revoked_key_is_cut_off_at_once(stream, world, new_key, engine):
    new, bystander = new_key("read"), new_key("read")
    with stream.client(new.text) as client, stream.client(bystander.text) as other:
        client.say("SUBSCRIBE_PRICES", symbols=["EURUSD"])
        client.hear_type("PRICE_UPDATE")
        with engine.begin() as connection:
            revoke_key(connection, new.key.id, now=datetime.now(UTC), actor="ann")
        assert client.hear_type("ERROR")["code"] == "KEY_ENDED"
        assert client.closed() == (4401, "KEY_ENDED")
        other.say("REQUEST_POSITIONS")
        other.hear_type("POSITION_UPDATE")


def test_a_session_that_signed_out_is_cut_off(stream, new_key, engine):
    with engine.begin() as connection:
        token, _ = start_session(connection, new_key("read").key, datetime.now(UTC))
    with stream.client(Cookie=f"zb_session={token}", Origin=f"http://127.0.0.1:{PAGE_PORT}") as client:
        client.hear()
        with engine.begin() as connection:
            end_session(connection, token)
        assert client.closed() == (4401, "KEY_ENDED")


def test_an_expired_key_is_not_let_in(stream, new_key):
    with stream.client(new_key("read", expires_at=NOW - timedelta(days=1)).text) as client:
        assert client.closed()[0] == 4401


# bad input


UNFITTING = (
    ("{", "MALFORMED", "JSON object"),
    ("[1]", "MALFORMED", "[1]"),
    ('{"action":"SELL"}', "ACTION_UNKNOWN", "SUBSCRIBE_PRICES"),
    ('{"action":"SUBSCRIBE_PRICES"}', "INVALID_FIELD", "symbols"),
    ('{"action":"SUBSCRIBE_PRICES","symbols":["' + "x" * 65 + '"]}', "INVALID_FIELD", "64"),
    ('{"action":"SUBSCRIBE_PRICES","symbol":"EURUSD"}', "INVALID_FIELD", "'symbol'"),
    ('{"action":"SUBSCRIBE_POSITIONS","account":"1"}', "INVALID_FIELD", "whole number"),
    ('{"action":"RESUME","session":"x","seq":-1}', "INVALID_FIELD", "-1"),
    ('{"action":"AUTHENTICATE","api_key":"zb_secret"}', "INVALID_FIELD", "authenticated"),
)


def test_what_does_not_fit_is_answered_with_what_was_expected(stream, new_key):
    key = new_key("read").text
    for text, code, words in UNFITTING:
        with stream.client(key) as client:
            client.connection.send(text)
            error = client.hear_type("ERROR")
            assert error["code"] == code, text
            assert words in error["message"] + str(error.get("field")), text
            assert "zb_secret" not in error["message"]
            client.say("REQUEST_PRICES")  # it still serves
            client.hear_type("PRICE_UPDATE")


def test_a_binary_message_is_refused_and_an_overlong_one_ends_the_connection(stream, new_key):
    with stream.client(new_key("read").text) as client:
        client.connection.send(b"\x00\x01")
        assert client.hear_type("ERROR")["code"] == "MALFORMED"
        client.connection.send("x" * (REQUEST_BYTES_MAX + 1))
        assert client.closed()[0] == 1009


def test_a_flood_ends_the_connection_and_only_this_one(stream, new_key):
    with stream.client(new_key("read").text) as client, stream.client(new_key("read").text) as other:
        other.hear()
        with suppress(ConnectionClosed):
            for _ in range(100 * int(REQUESTS_BURST)):  # the more the slower they come: the allowance grows meanwhile
                client.say("UNSUBSCRIBE_PRICES")
        assert client.closed() == (4429, "FLOOD")
        other.say("REQUEST_PRICES")
        assert other.hear()["type"] == "PRICE_UPDATE"


def test_too_many_subscriptions_are_refused_whole(stream, new_key):
    with stream.client(new_key("read").text) as client:
        for part in range(3):
            client.say("SUBSCRIBE_PRICES", symbols=[f"S{part}-{number}" for number in range(200)], request_id=f"{part}")
        assert client.hear_type("ERROR")["code"] == "TOO_MANY_SUBSCRIPTIONS"


def test_a_full_house_says_so(database, redis_url, world, new_key):
    from tests.stream.running import RunningStream

    with RunningStream(database, redis_url, clients_max=1) as stream, stream.client(new_key("read").text) as first:
        first.hear()
        with stream.client(new_key("read").text) as second:
            assert second.closed() == (1013, "FULL")
        wait_until(lambda: stream.health()["clients"] == 1)


def test_stopping_says_goodbye(stream, new_key):
    with stream.client(new_key("read").text) as client:
        client.hear()
        stream.server.should_exit = True
        assert client.hear()["code"] == "GOING_AWAY"
        assert client.closed() == (1001, "GOING_AWAY")
