"""The pages without a browser: who gets in, what is served, and what a page says when something does not answer."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from flask import Flask, request

from ledger.units import Price
from tests.admission.world import LOGIN, World, position
from tests.web.conftest import Caller
from web import create_app
from web.pages import audit_words, files
from web.pages.cards import CARDS
from web.pages.filters import duration, lots, number, percent, price, signed, signed_percent, units
from web.pages.reasons import told
from web.pages.views import PAGES, _own_path
from zmq_bridge.settings import Settings
from zmq_bridge.storage.ledger.prices import store_price
from zmq_bridge.storage.ticks.gaps import close_gap, open_gap

READER = ("read", "trade", "admin")
ROOT = Path(__file__).parents[2]


PERSON = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_a_stranger_is_asked_to_sign_in_and_comes_back(caller: Callable[..., Caller]) -> None:
    for page in PAGES:
        response = caller().client.get(f"{page.path}?account=7", headers=PERSON)
        assert response.status_code == 401, page.name
        assert f'data-next="{page.path}?account=7"' in response.text, page.name


@pytest.mark.parametrize("path", ["/tradin", "/overview/x", "/" + "x" * 3000, "/<script>alert(1)</script>", "/%00"])
def test_a_person_who_lost_the_way_reads_a_page_with_a_way_back(caller: Callable[..., Caller], path: str) -> None:
    response = caller().client.get(path, headers=PERSON)
    assert (response.status_code, response.mimetype) == (404, "text/html")
    assert 'href="/"' in response.text
    assert "<script>alert" not in response.text
    assert len(response.text) < 4000
    assert caller().client.get(path).get_json()["code"] == "NOT_FOUND"


@pytest.mark.parametrize("path", ["/api/nothing", "/cards/x/y", "/health/x", "/static/none.css"])
def test_where_programs_ask_they_get_json_whatever_they_accept(caller: Callable[..., Caller], path: str) -> None:
    response = caller().client.get(path, headers=PERSON)
    assert (response.status_code, response.get_json()["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_signing_in_never_leads_to_another_site(wanted: str) -> None:
    assert _own_path(wanted) == "/"


def test_all_that_a_page_loads_is_served_and_nothing_of_it_is_inline(caller: Callable[..., Caller]) -> None:
    reader = caller(*READER)
    seen = set()
    for page in PAGES[:-1]:
        text = reader.get(page.path).text
        assert re.findall(r"<script(?![^>]*src=)", text) == [], page.name
        assert re.findall(r' (?:style|on\w+)="', text) == [], page.name
        seen |= set(re.findall(r'(?:href|src)="(/static/[^"]+)"', text))
    assert seen
    for path in seen:
        assert reader.client.get(path).status_code == 200, path


def test_without_the_scripts_of_npm_a_page_says_that_it_stands_still(
    caller: Callable[..., Caller], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reader = caller(*READER)
    assert "never brought from npm" not in reader.get("/").text
    monkeypatch.setattr(files, "VENDORS", (tmp_path,))
    assert "never brought from npm" in reader.get("/").text
    assert reader.get("/static/vendor/htmx.min.js").status_code == 404


def test_scripts_import_only_what_is_there(app: Flask) -> None:
    client, waiting, seen = app.test_client(), ["/static/scripts/app.js"], set()
    while waiting:
        path = waiting.pop()
        response = client.get(path)
        assert response.status_code == 200, path
        seen.add(path)
        imported = {f"/static/scripts/{name}" for name in re.findall(r'from "\./([\w-]+\.js)"', response.text)}
        waiting += imported - seen
    assert len(seen) > 5


def test_every_card_answers_a_reader(caller: Callable[..., Caller]) -> None:
    reader = caller(*READER)
    for name in CARDS:
        reply = reader.get(f"/cards/{name}")
        assert reply.status_code == 200, f"{name}: {reply.text[:500]}"


def test_a_card_is_no_way_around_the_keys_scopes(caller: Callable[..., Caller]) -> None:
    reply = caller("signal").get("/cards/positions")
    assert reply.status_code == 403
    assert "Scope missing" in reply.text


def test_a_card_of_nobody_is_401(caller: Callable[..., Caller], world: World) -> None:
    assert caller().get("/cards/positions").status_code == 401


def test_a_key_that_may_not_see_a_page_is_told_what_it_lacks(caller: Callable[..., Caller]) -> None:
    signaller = caller("signal")
    response = signaller.client.get("/risk", headers=PERSON | {"X-API-Key": str(signaller.key)})
    assert response.status_code == 403
    assert "read or trade" in response.text


def test_a_member_who_opens_the_overview_comes_to_their_own_page(caller: Callable[..., Caller], world: World) -> None:
    user_id = world.rows("INSERT INTO users (name, email) VALUES ('Ada', 'a@example.org') RETURNING id")[0].id
    member = caller("member", user_id=user_id)
    response = member.client.get("/", headers=PERSON | {"X-API-Key": str(member.key)})
    assert (response.status_code, response.headers["Location"]) == (302, "/me")
    assert member.get("/me").status_code == 200


def test_a_key_for_another_account_sees_nothing_of_this_one(caller: Callable[..., Caller], world: World) -> None:
    text = caller(*READER, accounts=[1]).get("/").text
    assert str(LOGIN) not in text


def test_parameters_that_no_page_has_change_nothing(caller: Callable[..., Caller]) -> None:
    text = (
        caller(*READER)
        .get("/", name="x", _scheme="javascript", _external="1", _anchor="a", endpoint="b", look="c")
        .text
    )
    assert "javascript:" not in text
    assert 'hx-get="/cards/account?look=w8"' in text


def test_without_a_database_a_person_reads_words_and_a_program_json(
    caller: Callable[..., Caller], app: Flask, settings: Settings
) -> None:
    reader = caller(*READER)
    gone = create_app(replace(settings, database_url="postgresql://nobody@127.0.0.1:9/none?connect_timeout=1"))
    headers = {"X-API-Key": str(reader.key)}
    page = gone.test_client().get("/", headers=headers | PERSON)
    assert (page.status_code, "does not answer" in page.text, "Reload" in page.text) == (503, True, True)
    card = gone.test_client().get("/cards/account", headers=headers)
    assert (card.status_code, (card.json or {})["code"]) == (503, "DATABASE_UNAVAILABLE")


def test_ticks_that_are_missing_are_listed_until_they_are_there(caller: Callable[..., Caller], world: World) -> None:
    reader = caller(*READER)
    assert "Every tick is there" in reader.get("/cards/gaps").text
    with world.engine.begin() as connection:
        gap = open_gap(
            connection, world.account_id, "EURUSD", session=1, from_msc=1000, to_msc=2000, lost=7, reason="a jump"
        )
    text = reader.get("/cards/gaps").text
    assert f'id="gap-{gap}"' in text
    assert 'data-label="Ticks">7<' in text
    with world.engine.begin() as connection:
        close_gap(connection, gap, "filled")
    assert "Every tick is there" in reader.get("/cards/gaps").text


def test_what_comes_from_outside_is_written_as_text(caller: Callable[..., Caller], world: World) -> None:
    world.run("UPDATE accounts SET server = '<script>alert(1)</script>'")
    text = caller(*READER).get("/").text
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_figures_are_written_exactly() -> None:
    assert str(number("1234567.80")) == "1,234,567.80"
    assert str(number("-0.05")) == "−0.05"
    assert str(signed("-1234.50")) == '<span class="down">−1,234.50</span>'
    assert str(signed("3.00")) == '<span class="up">+3.00</span>'
    assert str(signed("0.00")) == "0.00"
    assert str(lots("0.1")) == "0.10"
    assert str(lots("0.0010")) == "0.001"
    assert str(lots("100")) == "100.00"
    assert str(price("1.08500")) == "1.08500"
    assert "none" in str(price("0"))
    assert str(percent("0.0512")) == "5.12\N{NO-BREAK SPACE}%"
    assert str(signed_percent("-0.00001")) == '<span class="">0.00\N{NO-BREAK SPACE}%</span>'
    assert str(number("-0.001", places=2)) == "0.00"
    assert str(units("10000.00000000")) == "10,000"
    assert str(units("387.34639521")) == "387.34639521"
    assert [str(duration(ms)) for ms in (3, 1500, 90_000, 7_200_000)] == ["3 ms", "1.5 s", "1.5 min", "2.0 h"]


def test_figures_of_a_decision_stand_beside_their_bounds() -> None:
    assert str(told({"risk": "8720", "risk_max": "310.3254"})) == "risk 8,720.00 of at most 310.33"
    assert str(told({"reward": "1.2", "reward_min": "1.5", "symbol": "X"})) == "reward 1.20, at least 1.50; symbol X"
    assert str(told({"price": "1.08507", "rho": "0.8123456789"})) == "price 1.08507; rho 0.812346"
    assert str(told({"symbol": "<b>"})) == "symbol &lt;b&gt;"
    assert str(told({"found": "01M7YZYKVHHD33ZSVQ6NFEVV3Z"})) == "found …VV3Z"
    assert str(told({"volume": "0.1", "margin": "100", "silent_s": "3.519"})) == (
        "volume 0.10; margin 100.00; silent 3.52\N{NO-BREAK SPACE}s"
    )
    assert str(told({"server": None, "accounts": ["1@A", "2@B"]})) == "accounts 1@A, 2@B"
    assert str(told(None)) == ""


@pytest.mark.parametrize(
    ("code", "found", "expected", "said"),
    [
        ("STOP_LOSS_WRONG_SIDE", "1.0849", "1.08587", "stop loss 1.0849, must be above 1.08587"),
        ("TAKE_PROFIT_WRONG_SIDE", "1.0870", "1.08587", "take profit 1.0870, must be below 1.08587"),
        ("STOP_LOSS_WRONG_SIDE", "1.08587", "1.08587", "stop loss 1.08587, must be beyond, not at, 1.08587"),
        ("PRICE_OFF_TICK", "1.083005", "0.00001", "found 1.083005; expected 0.00001"),
        ("PRICE_WRONG_SIDE", "1.085", "1.085", "found 1.085; expected 1.085"),
        ("TRADING_HALTED", "halted: <b>", "active", "found halted: &lt;b&gt;; expected active"),
    ],
)
def test_a_price_that_was_denied_is_written_in_full(code: str, found: str, expected: str, said: str) -> None:
    assert str(told({"found": found, "expected": expected}, code)) == said


def test_prices_of_a_decision_have_the_symbols_digits(caller: Callable[..., Caller], world: World) -> None:
    world.freshen()
    order = {"symbol": "EURUSD", "action": "BUY", "volume": "0.10", "sl": "1.2", "tp": "1.3"}
    assert caller("signal").post("/api/signal", order).json["code"] == "STOP_LOSS_WRONG_SIDE"
    for name in ("signals", "decisions"):
        shown = caller(*READER).get(f"/cards/{name}").text
        assert re.search(r"stop loss 1\.20000, must be below \d\.\d{5}\b", shown), name


def test_a_signal_of_a_symbol_that_nobody_knows_has_padded_prices(caller: Callable[..., Caller], world: World) -> None:
    world.freshen()
    caller("signal").post("/api/signal", {"symbol": "NOPE", "action": "BUY", "volume": "1", "sl": "1", "tp": "2.125"})
    shown = re.sub(r"<[^>]+>", " ", caller(*READER).get("/cards/signals").text)
    assert " 1.00 " in shown
    assert " 2.125 " in shown


def test_cards_whose_figures_must_agree_come_in_one_answer(caller: Callable[..., Caller]) -> None:
    for leader in {card.leader for card in CARDS.values()} - {""}:
        text = caller(*READER).get(f"/cards/{leader}").text
        followers = [card.name for card in CARDS.values() if card.leader == leader]
        assert CARDS[leader].leader == ""
        for name in (leader, *followers):
            assert text.count(f'id="card-{name}"') == 1, name
        assert text.count("hx-swap-oob") == len(followers)


@pytest.mark.own_app
def test_the_same_question_is_asked_once_for_everything_that_is_shown_together(
    app: Flask, caller: Callable[..., Caller]
) -> None:
    asked: list[str] = []
    app.before_request(lambda: asked.append(request.full_path))
    assert caller(*READER).get("/risk").status_code == 200
    inside = [path for path in asked if path.startswith("/api/")]
    assert inside
    assert sorted(inside) == sorted(set(inside))


@pytest.mark.parametrize("within", ["1h", "1d", "7d", "30d", "", "ever", "<b>"])
def test_signals_are_cut_to_a_stretch_of_time(caller: Callable[..., Caller], world: World, within: str) -> None:
    world.clock.now -= timedelta(days=400)
    old = world.buy().signal_id
    world.clock.now += timedelta(days=400)
    new = world.buy().signal_id
    shown = caller(*READER).get("/cards/signals", within=within).text
    assert f'id="signal-{new}"' in shown
    assert (f'id="signal-{old}"' in shown) == (within not in ("1h", "1d", "7d", "30d"))
    page = caller(*READER).get("/signals", within=within)
    assert page.status_code == 200
    assert "<b>" not in page.text


def test_members_are_shown_page_by_page(caller: Callable[..., Caller]) -> None:
    admin = caller(*READER)
    ids = [admin.post("/api/users", {"name": f"M{n}", "email": f"m{n}@example.org"}).json["id"] for n in range(53)]
    first = admin.get("/community").text
    following = re.search(r'href="([^"]*cursor=[^"]*)#card-members"', first)
    assert following is not None
    path, _, query = html.unescape(following[1]).partition("?")
    second = admin.get(path, **dict(parse_qsl(query))).text
    seen = [set(map(int, re.findall(r'id="member-(\d+)"', text))) for text in (first, second)]
    assert seen[0] | seen[1] >= set(ids)
    assert not seen[0] & seen[1]
    assert "First page" in second


@pytest.mark.parametrize("value", [None, "", "NaN", "Infinity", "word"])
def test_what_is_no_number_is_a_dash_and_never_a_zero(value: object) -> None:
    assert "none" in str(number(value))
    assert "none" in str(signed(value))


def test_a_key_that_only_reads_is_shown_no_button_that_acts(caller: Callable[..., Caller], world: World) -> None:
    world.snapshot(positions=[position(7)])
    acting, reading = caller(*READER), caller("read")
    assert 'data-dialog="close"' in acting.get("/cards/positions", look="acting").text
    text = reading.get("/trading").text
    assert 'id="position-' in text
    for act in ('data-dialog="', "data-call="):
        assert act not in text + reading.get("/risk").text, act


def test_of_two_accounts_the_chosen_one_is_shown_everywhere(caller: Callable[..., Caller], world: World) -> None:
    world.add_account(777)
    reader = caller(*READER)
    for page in ("/", "/trading", "/risk", "/system"):
        text = reader.get(page, account=777).text
        assert '<option value="777" selected>' in text, page
        assert 'data-account="777"' in text, page
        assert "?account=777" in re.findall(r'hx-get="([^"]+)"', text)[0], page
    assert f'data-account="{LOGIN}"' in reader.get("/", account=12).text  # one that is not there, or not for this key


def test_a_gain_today_is_called_profit_and_uses_nothing_of_the_loss(
    caller: Callable[..., Caller], world: World
) -> None:
    world.snapshot(equity="10059.64")
    world.freshen()
    reader = caller(*READER)
    state, limits = reader.get("/cards/risk-state").text, reader.get("/cards/limits").text
    assert "<dt>Profit today</dt><dd>59.64;" in state
    assert "Loss today" not in state
    meter = limits.partition('id="meter-max_daily_loss_percent"')[2].partition("</div>")[0]
    assert "Profit today" in meter
    assert "59.64 <small>up" in meter
    assert 'value="0.0000"' in meter


def test_a_stopped_strategy_is_let_go_on_from_the_page_by_an_admin(
    caller: Callable[..., Caller], world: World
) -> None:
    strategy = "01M7YZYKVHHD33ZSVQ6NFEVV3Z"
    latch = "INSERT INTO strategy_latches (account_id, strategy, reason) VALUES (%s, %s, 'x')"
    world.run(latch, world.account_id, strategy)
    admin, reader = caller(*READER), caller("read", "trade")
    shown = admin.get("/cards/risk-state").text
    assert f'data-dialog="release" data-fields=\'{{"strategy": "{strategy}"}}\'' in shown
    assert "…VV3Z" in shown
    assert 'id="dialog-release"' in admin.get("/risk").text
    for text in (reader.get("/cards/risk-state").text, reader.get("/risk").text):
        assert 'data-dialog="release"' not in text
        assert 'id="dialog-release"' not in text


def test_a_members_page_lives_by_the_stream_and_a_key_of_no_member_is_told_so(
    caller: Callable[..., Caller], world: World
) -> None:
    user_id = world.rows("INSERT INTO users (name, email) VALUES ('Ada', 'a@example.org') RETURNING id")[0].id
    own = caller("member", user_id=user_id).get("/me").text
    assert 'data-heard="SHARE"' in own
    assert 'data-stream="ws://' in own
    assert caller("trade").get("/").text.count('data-heard="MARKET_DATA POSITIONS SIGNALS"') == 1
    nobody = caller("admin").get("/me").text
    assert "This key is no member" in nobody
    assert "card-my-share" not in nobody


def test_the_kill_switch_shows_with_the_decisions_and_how_it_ends_here(
    caller: Callable[..., Caller], world: World
) -> None:
    reader = caller(*READER)
    assert "Kill switch" not in reader.get("/cards/decisions").text
    reader.post("/api/risk/kill", {"account": LOGIN, "reason": "a drill", "close_positions": False})
    told = reader.get("/cards/decisions").text
    assert "a drill" in told
    assert "in force" in told
    for card in ("holds", "risk-state"):
        text = reader.get(f"/cards/{card}").text
        assert "zmq-bridge trading active" in text, card
        assert "Set state" in text, card
    assert 'data-state="halted"' in reader.get("/cards/state").text
    assert "Set state" not in caller("read").get("/cards/holds").text
    assert reader.post("/api/risk/state", {"account": LOGIN, "state": "active", "reason": "over"}).status_code < 300
    assert "; lifted" in reader.get("/cards/decisions").text


def test_every_day_of_a_curve_is_drawn_in_order(caller: Callable[..., Caller], world: World) -> None:
    user_id = world.rows("INSERT INTO users (name, email) VALUES ('Ada', 'a@example.org') RETURNING id")[0].id
    world.snapshot()
    began = datetime.now(UTC) - timedelta(days=3)
    with world.engine.begin() as connection:
        for days, nav in enumerate(("1000", "1010", "990.5")):
            at = began + timedelta(days=days)
            price = Price(nav=Decimal(nav), units=Decimal(1000))
            store_price(connection, world.account_id, at=at, server_day=at.date(), price=price, cause="snapshot")
    text = caller("admin", "read").get("/cards/pool-curve").text
    days_drawn = json.loads(html.unescape(re.findall(r"data-days='([^']+)'", text)[0]))
    assert [day for day, _ in days_drawn] == sorted({day for day, _ in days_drawn})
    assert [value for _, value in days_drawn][:3] == ["1.00000000", "1.01000000", "0.99050000"]
    months = caller("admin", "read").get("/cards/pool-months").text
    assert f'data-label="Year">{began.year}<' in months
    assert caller("member", user_id=user_id).get("/cards/my-curve").status_code == 200


def test_a_member_finds_nothing_of_another_on_any_page_or_card(caller: Callable[..., Caller], world: World) -> None:
    world.snapshot(positions=[position(7)])
    admin = caller(*READER)
    ada, bob = (
        (admin.post("/api/users", {"name": name, "email": f"{name}@example.org"}).json or {})["id"]
        for name in ("ada", "bobby")
    )
    asked = admin.post(f"/api/users/{bob}/invest", {"amount": "4321.00"}).json or {}
    secrets = ("bobby", asked["reference"], asked["id"], "4,321.00", "4321.00")
    assert all(secret in admin.get("/cards/requests").text for secret in ("bobby", asked["reference"], "4,321.00"))
    member = caller("member", user_id=ada)
    for name in CARDS:
        for query in ({}, {"user": bob, "user_id": bob, "account": LOGIN}, {"look": "acting", "cursor": "x"}):
            text = member.get(f"/cards/{name}", **query).text
            assert not [secret for secret in secrets if secret in text], (name, query)
    assert f"/api/users/{ada}/statement" in member.get("/me", user=bob).text
    assert f"/api/users/{bob}/" not in member.get("/me", user=bob, user_id=bob).text
    for page in (page for page in PAGES if page.name != "me"):
        assert member.get(page.path).status_code == 403, page.name


def test_the_audit_log_names_keys_and_members(caller: Callable[..., Caller], world: World) -> None:
    admin = caller(*READER)
    user_id = (admin.post("/api/users", {"name": "Grace", "email": "g@example.org"}).json or {})["id"]
    made = admin.post("/api/keys", {"name": "hers", "scopes": ["member"], "user_id": user_id}).json or {}
    text = re.sub(r"<[^>]+>", " ", admin.get("/cards/audit").text)
    assert "Grace" in text
    assert "key hers" in text
    assert made["key"] not in text
    assert "Key made" in text
    assert "Member added" in text


def test_the_audit_log_names_accounts_by_their_login(caller: Callable[..., Caller], world: World) -> None:
    admin = caller(*READER)
    admin.post("/api/risk/state", {"account": LOGIN, "state": "halted", "reason": "a drill"})
    text = re.sub(r"<[^>]+>", " ", admin.get("/cards/audit").text)
    assert f"account {LOGIN}" in text
    assert "account:" not in text


@pytest.mark.parametrize(
    ("actor", "said"),
    [("cli:root", "command line, root"), ("system", "the bridge"), ("K1", "key one"), ("one (K1)", "key one"),
     ("risk monitor", "risk monitor"), ("gone (K2)", "gone (K2)"), ("one (K1): why (not)", "key one"),
     ("gone (K2): why (K1)", "gone (K2): why (K1)"), ("evil (K1) (K2)", "evil (K1) (K2)"),
     ("evil (K3): for one (K1)", "key evil")],
)  # fmt: skip
def test_whoever_did_something_is_called_as_people_call_them(actor: str, said: str) -> None:
    assert audit_words.person(actor, {"api_key:K1": "key one", "api_key:K3": "key evil"}) == said


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ({"risk": "100.004", "risk_max": "100.00"}, "risk 100.004 of at most 100.00"),
        ({"risk": "310.33", "risk_max": "310.3254"}, "risk 310.33 of at most 310.3254"),
        ({"reward": "1.4999999", "reward_min": "1.5"}, "reward 1.4999999, at least 1.5"),
        ({"age_s": "10.001", "age_s_max": "10"}, "age 10.001 of at most 10"),
        ({"volume": "0.1", "volume_max": "0.10"}, "volume 0.10 of at most 0.10"),
        ({"risk": "-0.001", "risk_max": "0"}, "risk −0.001 of at most 0"),
        ({"a": "x", "a_max": "x", "a_min": "y"}, "a x of at most x, at least y"),
    ],
)
def test_a_figure_past_its_bound_never_looks_as_if_it_were_at_it(context: dict[str, str], said: str) -> None:
    assert str(told(context)) == said


def test_a_key_that_is_called_like_a_member_leaves_the_audit_log_readable(
    caller: Callable[..., Caller], world: World
) -> None:
    admin = caller(*READER)
    made = admin.post("/api/keys", {"name": "user:7", "scopes": ["admin"]}).json or {}
    client = Caller(admin.client, made["key"])
    assert client.post("/api/keys", {"name": "another", "scopes": ["read"]}).status_code == 201
    reply = admin.get("/cards/audit")
    assert reply.status_code == 200
    assert "key user:7" in re.sub(r"<[^>]+>", " ", reply.text)


def test_every_action_has_words_of_its_own_and_a_new_one_is_still_shown() -> None:
    sources = [path for folder in ("zmq_bridge", "web") for path in (ROOT / folder).rglob("*.py")]
    action = re.compile(r'(?:action=|_audit\(.*?)"([a-z_]+\.[a-z_]+)"')
    found = {name for path in sources for name in action.findall(path.read_text())}
    assert "ledger.reverse" in found
    assert found <= audit_words.ACTIONS.keys()
    assert audit_words.action("thing.was_done") == "Thing was done"
    assert audit_words.thing("thing:7", {}) == "thing 7"
