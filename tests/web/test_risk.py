"""Risk over HTTP: state, report, what-if, limits, decisions, switches. The same rows and the same judge as the gate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from risk import Code as RiskCode
from risk.states import Cause, Hold
from tests.admission.world import BUY, LOGIN, order, position
from tests.running import PATIENT
from web.api import risk_limits
from web.parts import EXTENSION
from zmq_bridge.admission.answers import Accepted
from zmq_bridge.admission.answers import Code as GateCode
from zmq_bridge.storage import visits
from zmq_bridge.storage.locks import Lock, hold
from zmq_bridge.storage.risk import stopping
from zmq_bridge.storage.risk.holding import impose
from zmq_bridge.storage.risk.limits import await_decisions

EVERYTHING = ("signals", "risk_decisions", "commands", "reservations", "strategy_latches", "audit_log", "holds")


@pytest.fixture
def patience(request: pytest.FixtureRequest) -> dict[str, str]:
    """None but for the what-ifs: the usual limits are what is tested here."""
    return PATIENT if "what_if" in request.node.name else {}


def counts(world):
    return {table: world.count(table) for table in EVERYTHING}


# What if


def test_a_what_if_says_what_the_gate_would_say_and_changes_nothing(world, caller):
    ask = caller("signal")
    before = counts(world)
    world.freshen()
    reply = ask.post("/api/risk/assess", BUY)
    assert reply.status_code == 200
    assert (reply.json["verdict"], reply.json["code"], reply.json["account"]) == ("approved", "APPROVED", LOGIN)
    assert reply.json["commands"] == ["place_order"]
    assert {check["code"] for check in reply.json["checks"]} >= {"POSITION_RISK", "TOTAL_EXPOSURE", "DAILY_LOSS"}
    assert counts(world) == before
    accepted = world.buy()
    [reserved] = world.rows("SELECT risk, margin, volume FROM reservations WHERE command_id = %s", accepted.command_id)
    said = reply.json["reserves"]
    assert tuple(Decimal(said[name]) for name in ("risk", "margin", "volume")) == tuple(reserved)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sl": None}, "STOP_LOSS_MISSING"),
        ({"volume": "9"}, "POSITION_RISK"),
        ({"symbol": "NOPE"}, "SPEC_MISSING"),
        ({"account": 99}, "ACCOUNT_UNKNOWN"),
    ],
)
def test_a_what_if_denies_with_the_gates_own_code_and_stores_no_decision(world, caller, changes, code):
    ask = caller("trade")
    before = counts(world)
    world.freshen()
    reply = ask.post("/api/risk/assess", {k: v for k, v in (BUY | changes).items() if v is not None})
    assert (reply.status_code, reply.json["verdict"], reply.json["code"]) == (200, "denied", code)
    assert counts(world) == before
    assert world.buy(**changes).code == code


def test_a_what_if_that_is_no_signal_is_refused_by_field(caller):
    reply = caller("signal").post("/api/risk/assess", {"symbol": "EURUSD", "action": "HOLD"})
    assert (reply.status_code, reply.json["code"], reply.json["field"]) == (400, "INVALID_FIELD", "action")


def test_a_what_if_meets_the_limits_of_its_sender_symbol_and_strategy(world, caller):
    admin = caller("admin")
    put = admin.client.put("/api/risk/limits", json={"symbol": "EURUSD", "strategy": 7, "limits": {"max_lots": "0.05"}},
                           headers={"X-API-Key": admin.key})  # fmt: skip
    assert put.status_code == 201
    world.freshen()
    assert admin.post("/api/risk/assess", BUY | {"magic": 7}).json["code"] == "VOLUME_EXCEEDS_MAXIMUM"
    assert admin.post("/api/risk/assess", BUY | {"magic": 8}).json["code"] == "APPROVED"


def test_repeating_a_what_if_latches_nobody(world, caller):
    ask = caller("signal")
    for _ in range(8):
        world.freshen()
        assert ask.post("/api/risk/assess", BUY | {"magic": 3}).json["verdict"] == "approved"
    assert world.count("strategy_latches") == 0


# State and report


def test_the_state_names_everything_that_holds_the_account(world, caller):
    world.hold(Cause.DRAWDOWN)
    world.hold(Cause.POSITION_BY_HAND)
    body = caller("read").get("/api/risk/state").json
    assert body["trading_state"] == "halted"
    assert [(held["cause"], held["state"], held["actor"]) for held in body["holds"]] == [
        ("drawdown", "halted", "ann"), ("position_by_hand", "reducing", "ann"),
    ]  # fmt: skip
    assert all(held["at"] and held["reason"] == "test" and held["lifted_by"] for held in body["holds"])
    assert body["drawdown"]["latched"] is True
    assert body["stopping"]["acknowledged"] is False


def test_the_state_has_todays_loss_and_drawdown(world, caller):
    world.run("UPDATE risk_state SET nav_index = 0.95, nav_index_peak = 1, net_flows_today = 100")
    world.snapshot(equity=9_900)
    world.freshen()
    body = caller("read").get("/api/risk/state").json
    assert (body["day"]["loss"], body["day"]["loss_max"], body["day"]["equity_floor"]) == ("200", "500", "9600")
    assert (body["drawdown"]["percent"], body["drawdown"]["percent_max"]) == ("5", "20")
    assert (body["trading_state"], body["holds"], body["stopping"], body["problem"]) == ("active", [], None, None)


def test_the_report_says_what_is_used_and_left_of_every_limit(world, caller):
    world.snapshot(positions=[position(1), position(2, symbol="GBPUSD", price_open="1.26550", sl="1.26340",
                                                    tp="1.26900")])  # fmt: skip
    world.freshen()
    body = caller("read").get("/api/risk/report").json
    used = {usage["limit"]: usage for usage in body["limits"]}
    exposure = used["max_total_exposure_percent"]
    assert set(used) >= {"max_daily_loss_percent", "max_drawdown_percent", "max_positions", "max_leverage"}
    assert float(exposure["used"]) + float(exposure["left"]) == float(exposure["allowed"]) == 1000
    assert used["max_positions"]["used"] == "2"
    assert {each["symbol"] for each in body["symbols"]} == {"EURUSD", "GBPUSD"}
    assert {"EUR", "GBP", "USD"} <= {each["currency"] for each in body["currencies"]}
    assert body["clusters"]
    assert float(body["worst_case"]["loss"]) == float(exposure["used"])
    assert body["problems"] == []


def test_what_cannot_be_valued_is_a_named_problem_and_its_sums_unknown(world, caller):
    world.snapshot(positions=[position(1, sl="0")])
    world.freshen()
    body = caller("read").get("/api/risk/report").json
    assert [(problem["code"], problem["subject"]) for problem in body["problems"]] == [
        ("POSITION_UNPROTECTED", "position 1")
    ]
    assert body["worst_case"] is None


def test_an_unreadable_account_is_an_error_and_no_empty_report(world, caller):
    world.run("INSERT INTO risk_limits (limits, actor) VALUES ('{\"max_lots\": \"broken\"}', 'x')")
    reply = caller("read").get("/api/risk/report")
    assert (reply.status_code, reply.json["code"]) == (503, "STATE_UNREADABLE")
    assert "max_lots" in reply.json["message"]


def test_the_codes_are_all_there_and_need_no_key(caller):
    found = caller().get("/api/risk/codes").json["codes"]
    assert {each["code"] for each in found} == {code.value for code in (*RiskCode, *GateCode)}
    assert all(each["meaning"] for each in found)


# Decisions


def test_a_decision_is_read_back_with_its_inputs_every_check_and_its_verdict(world, caller):
    world.snapshot(positions=[position(1)])
    denied = world.buy(volume="9")
    found = caller("read").get(f"/api/risk/decisions/{denied.decision_id}").json
    assert (found["verdict"], found["code"], found["account"], found["symbol"]) == (
        "denied", "POSITION_RISK", LOGIN, "EURUSD",
    )  # fmt: skip
    checks = {check["code"]: check for check in found["checks"]}
    assert checks["POSITION_RISK"]["passed"] is False
    assert (checks["POSITION_RISK"]["limit"], checks["TOTAL_EXPOSURE"]["passed"]) == ("200", False)
    assert found["inputs"]["positions"][0]["ticket"] == 1
    assert found["inputs"]["quotes"]["EURUSD"]["bid"] == "1.0849"
    assert found["request"]["volume"] == "9"


def test_decisions_are_listed_newest_first_in_pages_and_cut_to_what_is_asked(world, caller):
    for volume in ("0.01", "9", "0.02", "8"):
        world.buy(volume=volume, magic=int(float(volume) * 100))
    read = caller("read")
    first = read.get("/api/risk/decisions", limit=3).json
    second = read.get("/api/risk/decisions", limit=3, cursor=first["next_cursor"]).json
    listed = [each["id"] for each in (*first["decisions"], *second["decisions"])]
    assert listed == sorted(listed, reverse=True)
    assert (len(listed), second["next_cursor"]) == (4, None)
    denied = read.get("/api/risk/decisions", verdict="denied", code="POSITION_RISK", symbol="EURUSD").json["decisions"]
    assert [each["verdict"] for each in denied] == ["denied", "denied"]
    assert read.get("/api/risk/decisions", symbol="USDJPY").json["decisions"] == []
    later = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    assert read.get("/api/risk/decisions", **{"from": later}).json["decisions"] == []


def test_a_key_sees_the_decisions_of_its_accounts_and_no_others(world, caller):
    known, nowhere = world.buy(), world.buy(account=99)
    other = caller("read", accounts=[777])
    for decision_id in (known.decision_id, nowhere.decision_id, "nonsense", "%00", "x" * 500):
        assert other.get(f"/api/risk/decisions/{decision_id}").status_code == 404
    own = caller("read", accounts=[LOGIN])
    assert own.get(f"/api/risk/decisions/{known.decision_id}").status_code == 200
    assert [each["id"] for each in own.get("/api/risk/decisions").json["decisions"]] == [known.decision_id]


# Limits


@pytest.fixture
def put(caller):
    admin = caller("admin")

    def send(body, verb="put"):
        reply = getattr(admin.client, verb)("/api/risk/limits", json=body, headers={"X-API-Key": admin.key})
        return reply.status_code, reply.get_json()

    return send


def test_limits_are_set_read_replaced_and_ended_each_a_version(world, caller, put):
    read = caller("read")
    assert read.get("/api/risk/limits").json["limits"]["max_positions"] == 10
    status, first = put({"limits": {"max_positions": 3}, "version": None})
    assert status == 201
    status, second = put({"limits": {"max_positions": 2}, "version": first["version"]})
    assert status == 201
    body = read.get("/api/risk/limits").json
    assert (body["limits"]["max_positions"], body["defaults"]["max_positions"]) == (2, 10)
    assert [row["version"] for row in body["rows"]] == [second["version"]]
    assert put({}, "delete") == (200, {"ended": {"max_positions": 2}, "waiting": []})
    assert put({}, "delete")[0] == 404
    assert read.get("/api/risk/limits").json["limits"]["max_positions"] == 10
    versions = read.get("/api/risk/limits/history").json["versions"]
    assert [(each["version"], each["limits"]["max_positions"]) for each in versions] == [
        (second["version"], 2), (first["version"], 3),
    ]  # fmt: skip
    assert all(each["ended_at"] and each["actor"].startswith("test (") for each in versions)
    actions = world.rows("SELECT action, before, after FROM audit_log WHERE action LIKE 'limits%%' ORDER BY id")
    assert [(row.action, row.before, row.after) for row in actions] == [
        ("limits.set", None, {"max_positions": 3}), ("limits.set", {"max_positions": 3}, {"max_positions": 2}),
        ("limits.end", {"max_positions": 2}, None),
    ]  # fmt: skip


def test_limits_of_all_accounts_wait_for_none_and_name_the_one_that_is_busy(world, put, monkeypatch):
    monkeypatch.setattr(visits, "WHOLE_S", 0.2)
    with world.engine.connect() as busy:
        hold(busy, Lock.ADMISSION, world.account_id)
        status, body = put({"limits": {"max_positions": 3}, "everywhere": True})
        assert (status, body["waiting"]) == (201, [LOGIN])
        assert put({"everywhere": True}, "delete") == (200, {"ended": {"max_positions": 3}, "waiting": [LOGIN]})
    monkeypatch.setattr(visits, "WHOLE_S", 30)
    assert put({"limits": {"max_positions": 4}, "everywhere": True})[1]["waiting"] == []


def test_limits_in_force_are_answered_so_though_the_database_goes_away_behind_them(app, world, put, monkeypatch):
    """An answer that they were not set would be set again, or worse, believed."""
    monkeypatch.setattr(visits, "WHOLE_S", 0.2)
    engine = app.extensions[EXTENSION].engine

    def gone(connection):
        raise OperationalError("BEGIN", None, Exception("server closed the connection"))

    def goes_away(*given):
        event.listen(engine, "begin", gone)
        try:
            return await_decisions(*given)
        finally:
            event.remove(engine, "begin", gone)

    monkeypatch.setattr(risk_limits, "await_decisions", goes_away)
    status, body = put({"limits": {"max_positions": 3}, "everywhere": True})
    assert (status, body["waiting"]) == (201, [LOGIN])
    assert put({"everywhere": True}, "delete") == (200, {"ended": {"max_positions": 3}, "waiting": [LOGIN]})


def test_a_change_that_somebody_else_made_meanwhile_is_a_conflict(world, put):
    put({"limits": {"max_positions": 3}})
    status, body = put({"limits": {"max_positions": 9}, "version": None})
    assert (status, body["code"]) == (409, "LIMITS_CHANGED")
    assert world.count("risk_limits") == 1


def test_an_override_tightens_for_its_own_source_symbol_or_strategy_only(world, put):
    put({"source": "key-1", "symbol": "EURUSD", "limits": {"max_lots": "0.05"}})
    put({"everywhere": True, "limits": {"max_lots": "0.2"}})
    assert world.buy(volume="0.06").code == "VOLUME_EXCEEDS_MAXIMUM"
    assert isinstance(world.buy(volume="0.05"), Accepted)
    assert isinstance(world.buy(volume="0.06", symbol="GBPUSD", sl="1.26340", tp="1.26960"), Accepted)


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        ({"max_losses": "1"}, "unknown limits: max_losses"),
        ({"max_positions": "many"}, "max_positions: expected int"),
        ({"max_lots": 0.5}, "max_lots: expected a number as text"),
        ({"max_lots": "NaN"}, "max_lots: expected a finite"),
        ({"max_drawdown_percent": "-1"}, "max_drawdown_percent: expected 0 to"),
        ({"repeat_window_s": "90000"}, "repeat_window_s: expected at most"),
        ({"symbols": "EURUSD"}, "symbols: expected a list"),
        ({"symbols": [["EURUSD"]]}, "symbols: expected a list"),
        ({"symbols": ["EUR\x00USD"]}, "symbols: expected a list"),
        ({"symbols": ["\ud800"]}, "symbols: expected a list"),
        ({"hours": 5}, "hours: expected lists"),
        ({"max_lots": {"a": 1}}, "max_lots: expected a number"),
        ({"max_lots": "9" * 5000}, "max_lots: expected 0 to"),
        ({"max_positions": True}, "max_positions: expected a number"),
        ({"hours": [[[1, 0]]]}, "hours: expected lists"),
    ],
)
def test_limits_that_make_no_sense_are_refused_by_name(world, put, limits, word):
    status, body = put({"limits": limits})
    assert (status, body["field"]) == (400, "limits")
    assert word in body["message"]
    assert world.count("risk_limits") == 0


# Switches


def test_the_state_is_set_by_a_named_key_and_what_else_holds_the_account_is_said(world, caller):
    trade = caller("trade")
    assert trade.post("/api/risk/state", {"state": "reducing", "reason": "holiday"}).status_code == 202
    assert world.state() == "reducing"
    world.hold(Cause.DRAWDOWN)
    assert trade.post("/api/risk/state", {"state": "active", "reason": "back"}).status_code == 202
    assert caller("read").get("/api/risk/state").json["trading_state"] == "halted"


@pytest.mark.parametrize("cause", [Cause.KILL_SWITCH, Cause.REJECT_STORM, Cause.TERMINAL_LOST, Cause.EVENT_UNBOOKED])
def test_what_stopped_an_account_is_lifted_only_with_the_scope_admin(world, caller, cause):
    world.hold(cause)
    before = world.state()
    body = {"state": "active", "reason": "back", "idempotency_key": "k"}
    refused = caller("trade").post("/api/risk/state", body)
    assert (refused.status_code, refused.json["code"]) == (403, "LIFT_NOT_ALLOWED")
    assert cause.value in refused.json["message"]
    assert world.state() == before
    assert caller("admin").post("/api/risk/state", body).status_code == 202
    assert world.state() == "active"


def test_the_switch_is_used_by_who_may_trade_and_not_lifted_by_him_either(world, caller):
    trade = caller("trade")
    assert trade.post("/api/risk/kill", {"reason": "storm"}).status_code == 202
    for state in ("active", "reducing"):
        assert trade.post("/api/risk/state", {"state": state, "reason": "back"}).status_code == 403
    assert trade.post("/api/risk/state", {"state": "halted", "reason": "to be sure"}).status_code == 202
    assert world.state() == "halted"


@pytest.mark.parametrize("everywhere", [False, True])
def test_a_state_is_taken_back_by_the_key_that_set_it_and_by_no_other_without_admin(world, caller, everywhere):
    one, other = caller("trade"), caller("trade")
    scope = {"everywhere": True} if everywhere else {}
    assert one.post("/api/risk/state", {"state": "halted", "reason": "lunch", **scope}).status_code < 300
    refused = other.post("/api/risk/state", {"state": "active", "reason": "back", **scope})
    assert (refused.status_code, refused.json["code"]) == (403, "LIFT_NOT_ALLOWED")
    assert world.state() == "halted"
    assert one.post("/api/risk/state", {"state": "active", "reason": "back", **scope}).status_code < 300
    assert world.state() == "active"


def test_a_switch_for_all_accounts_is_lifted_only_with_the_scope_admin(world, caller):
    assert caller("trade").post("/api/risk/kill", {"reason": "storm", "everywhere": True}).status_code == 202
    body = {"state": "active", "reason": "back", "everywhere": True}
    assert caller("trade").post("/api/risk/state", body).status_code == 403
    assert world.state() == "halted"
    assert caller("admin").post("/api/risk/state", body).status_code == 200
    assert world.state() == "active"


@pytest.mark.parametrize(
    "body", [{"state": "on", "reason": "x"}, {"state": "halted"}, {"state": "halted", "reason": ""}]
)
def test_a_state_needs_a_word_that_is_one_and_a_reason(world, caller, body):
    assert caller("trade").post("/api/risk/state", body).status_code == 400
    assert world.state() == "active"


def test_the_kill_switch_over_http(world, caller):
    world.snapshot(positions=[position(1)], orders=[order(2)])
    trade = caller("trade")
    reply = trade.post("/api/risk/kill", {"reason": "storm", "close_positions": True})
    assert reply.status_code == 202
    [done] = reply.json["accounts"]
    assert (done["account"], done["new"], len(done["command_ids"])) == (LOGIN, True, 2)
    [again] = trade.post("/api/risk/kill", {"reason": "storm", "close_positions": True}).json["accounts"]
    assert (again["new"], again["command_ids"]) == (False, [])
    body = caller("read").get("/api/risk/state").json
    assert [held["cause"] for held in body["holds"]] == ["kill_switch"]
    assert (body["stopping"]["orders_left"], body["stopping"]["positions_left"]) == (1, 1)
    assert {each["kind"] for each in body["stopping"]["commands"]} == {"set_trading_state", "close_all"}
    assert world.buy().code == "TRADING_HALTED"
    assert isinstance(world.close(), Accepted)


def test_a_switch_for_all_names_the_account_that_is_busy_and_nobody_lifts_it_before_it_came_there(
    world, caller, monkeypatch
):
    monkeypatch.setattr(stopping, "visit_each", visits.visit_once)  # one round, which has time however slow all is
    monkeypatch.setattr(visits, "WHOLE_S", 30)
    monkeypatch.setattr(visits, "WAIT_MS_MAX", 100)
    world.add_account(777)
    admin, body = caller("admin", "trade"), {"everywhere": True, "reason": "storm"}
    with world.engine.connect() as busy:
        hold(busy, Lock.ADMISSION, world.account_id)
        done = admin.post("/api/risk/kill", body).json["accounts"]
        assert {each["account"]: each["waiting"] for each in done} == {LOGIN: True, 777: False}
        found = caller("read").get("/api/risk/state", account=LOGIN).json
        assert (found["waiting"], found["stopping"]["waiting"]) == (True, True)
        refused = admin.post("/api/risk/state", body | {"state": "active"})
        assert (refused.status_code, refused.json["code"]) == (409, "STILL_STOPPING")
        halted = admin.post("/api/risk/state", body | {"state": "halted"})
        assert (halted.status_code, halted.json["waiting"]) == (200, [LOGIN])
    monkeypatch.setattr(visits, "WAIT_MS_MAX", 5000)
    assert admin.post("/api/risk/state", body | {"state": "active"}).json["waiting"] == []
    assert world.state() == "active"


def test_a_state_for_all_that_has_not_come_to_an_account_is_shown_there_without_a_stop(world, caller, monkeypatch):
    """A person's `reducing` cancels nothing, so there is no stop to show; what is on its way still ends later."""
    monkeypatch.setattr(visits, "WHOLE_S", 0.2)
    with world.engine.connect() as busy:
        hold(busy, Lock.ADMISSION, world.account_id)
        caller("trade").post("/api/risk/state", {"everywhere": True, "reason": "storm", "state": "reducing"})
        found = caller("read").get("/api/risk/state").json
        assert (found["trading_state"], found["waiting"], found["stopping"]) == ("reducing", True, None)


@pytest.mark.parametrize("cause", [Cause.REJECT_STORM, Cause.TERMINAL_LOST, Cause.DAILY_LOSS])
def test_what_trips_by_itself_shows_how_far_it_has_come(world, caller, cause):
    with world.engine.begin() as connection:
        impose(connection, world.account_id, Hold(cause=cause, reason="x", actor="risk", at=world.clock.now))
    found = caller("read").get("/api/risk/state").json
    assert (found["waiting"], found["stopping"]["orders_left"]) == (False, 0)


def test_all_accounts_are_switched_only_by_a_key_for_all(world, caller):
    world.add_account(777)
    body = {"everywhere": True, "reason": "storm"}
    some = caller("trade", accounts=[LOGIN])
    for path, more in (("kill", {}), ("state", {"state": "halted"})):
        reply = some.post(f"/api/risk/{path}", body | more)
        assert (reply.status_code, reply.json["code"]) == (403, "ACCOUNT_NOT_ALLOWED")
    assert some.post("/api/risk/kill", {"reason": "x", "account": 777}).status_code == 404
    assert caller("trade").post("/api/risk/kill", {"reason": "x"}).json["code"] == "ACCOUNT_REQUIRED"
    done = caller("trade").post("/api/risk/kill", body).json["accounts"]
    assert sorted(each["account"] for each in done) == [777, LOGIN]


def test_a_key_for_some_symbols_stops_but_does_not_close_the_others(world, caller):
    key = caller("trade", symbols=["EURUSD"])
    assert key.post("/api/risk/kill", {"reason": "x", "close_positions": True}).status_code == 403
    assert key.post("/api/risk/kill", {"reason": "x"}).status_code == 202


def test_latches_are_lifted_by_an_admins_name_and_only_when_they_are_set(world, caller):
    admin, trade = caller("admin"), caller("trade")
    world.run("INSERT INTO strategy_latches (account_id, strategy, reason) VALUES (%s, '7', 'x')", world.account_id)
    world.hold(Cause.DRAWDOWN)
    world.snapshot(positions=[position(5)])
    for path, body in (
        ("drawdown/reset", {"reason": "seen"}),
        ("strategies/release", {"reason": "seen", "strategy": "7"}),
        ("adopt", {"reason": "hedge", "ticket": 5}),
    ):
        assert trade.post(f"/api/risk/{path}", body).status_code == 403
        assert admin.post(f"/api/risk/{path}", {**body, "reason": ""}).status_code == 400
        assert admin.post(f"/api/risk/{path}", body).status_code == 200
    assert admin.post("/api/risk/drawdown/reset", {"reason": "seen"}).status_code == 404
    assert admin.post("/api/risk/strategies/release", {"reason": "x", "strategy": "7"}).status_code == 404
    assert admin.post("/api/risk/adopt", {"reason": "x", "ticket": 6}).status_code == 404
    actors = world.rows("SELECT action, actor FROM audit_log WHERE actor LIKE 'test (%%' ORDER BY id")
    assert {row.action for row in actors} == {"hold.lift", "drawdown.reset", "strategy.release", "ticket.adopt"}


# Nonsense

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(
    ["account", "everywhere", "reason", "state", "close_positions", "limits", "version", "source", "symbol", "strategy",
     "ticket", "action", "volume"]
)  # fmt: skip
limits_like = st.dictionaries(st.sampled_from(["symbols", "hours", "max_lots", "max_positions", "x"]), anything)
bodies = st.dictionaries(names, anything | limits_like | st.just("halted") | st.just(LOGIN), max_size=6) | anything
ADDRESSES = [
    ("POST", "assess"), ("POST", "state"), ("POST", "kill"), ("POST", "drawdown/reset"), ("POST", "strategies/release"),
    ("POST", "adopt"), ("PUT", "limits"), ("DELETE", "limits"),
]  # fmt: skip


@pytest.mark.parametrize(("verb", "path"), ADDRESSES)
def test_whatever_is_sent_is_answered_and_never_a_failure_of_ours(world, caller, verb, path):
    admin = caller("admin")
    headers = {"X-API-Key": admin.key}

    @settings(max_examples=40, deadline=None)
    @given(body=bodies)
    def send(body):
        reply = admin.client.open(f"/api/risk/{path}", method=verb, json=body, headers=headers)
        assert reply.status_code < 500, (body, reply.text)

    send()
