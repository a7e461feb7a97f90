"""The whole story in a browser, against the real pipeline: sign in, invest, signal, fill, close, statement, stop.

Each test begins where it needs to and ends with nothing open, so that they may run in any order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import LOGIN, System, Visitor
from tests.support import wait_until

Visit = Callable[..., Visitor]

pytestmark = pytest.mark.timeout(300)  # the first of them starts the whole system


@pytest.fixture
def trading(system: System) -> Iterator[System]:
    """A system in which nothing is open, before and after."""
    yield system
    system.end_all()


def test_a_wrong_key_is_told_so_and_the_right_one_leads_to_where_one_wanted(visit: Visit, system: System) -> None:
    visitor = visit(key=None)
    page = visitor.page
    page.goto(f"{system.url}/risk")
    page.get_by_label("API key").fill("zb_000000000000_nothing")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not one of ours")
    page.get_by_label("API key").fill(system.key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Risk", exact=True)).to_be_visible()
    assert page.evaluate("document.cookie") == ""  # the session is out of reach of scripts
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()
    page.goto(system.url)
    expect(page.get_by_label("API key")).to_be_visible()


def test_a_new_member_invests_and_owns_units_when_the_deposit_arrives(visit: Visit, system: System) -> None:
    visitor = visit()
    page = visitor.open("/community")
    page.get_by_role("button", name="Add a member").click()
    page.get_by_label("Name").fill("Ada Lovelace")
    page.get_by_label("E-mail").fill("ada@example.org")
    page.get_by_role("button", name="Add", exact=True).click()
    row = page.get_by_role("row").filter(has_text="ada@example.org")
    row.get_by_role("button", name="Invest").click()
    page.get_by_role("dialog").get_by_label("Amount").fill("2500.00")
    page.get_by_role("button", name="Ask to invest").click()
    expect(page.locator("#toasts")).to_contain_text("Deposit 2500.00")
    reference = page.get_by_role("row").filter(has_text="Pending").filter(has_text="Ada").locator("code").inner_text()
    system.deposit("2500.00", reference)
    settled = page.get_by_role("row").filter(has_text=reference)
    expect(settled).to_contain_text("Settled")
    expect(row).to_contain_text("%")
    visitor.picture("story-invested")
    assert visitor.problems == []
    _statement_is_hers(page, system)
    _she_sees_her_own_page_only(visit, system)


def test_money_without_an_owner_is_given_to_a_request_that_waits(visit: Visit, system: System) -> None:
    member = system.api("POST", "/api/users", {"name": "Alan Turing", "email": "alan@example.org"})
    asked = system.api("POST", f"/api/users/{member['id']}/invest", {"amount": "321.00"})
    system.deposit("321.00", "no reference")
    visitor = visit()
    page = visitor.open("/community")
    page.get_by_role("button", name="Match").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Kind")).to_have_value("invest")
    choice = page.locator(f"#waiting-requests option[value='{asked['id']}']")
    expect(choice).to_have_text(re.compile(f"Alan Turing, invest 321.00 USD, {asked['reference']}"))
    dialog.get_by_label("Request").fill(asked["id"])
    visitor.picture("story-matching", whole=False)
    dialog.get_by_role("button", name="Match").click()
    expect(page.locator("#card-suspense")).to_contain_text("Every deposit has its owner")
    expect(page.locator(f"#member-{member['id']} [data-label=Value]")).to_have_text("321.00")
    assert visitor.problems == []


def test_a_signal_appears_is_filled_and_is_closed_by_hand(visit: Visit, trading: System) -> None:
    feed = visit().open("/signals")
    visitor = visit()
    page = visitor.open("/trading")
    signal_id = trading.signal(comment="from the story")["signal_id"]
    told = feed.locator(f"#signal-{signal_id}")
    expect(told).to_contain_text("Approved")
    expect(told).to_contain_text("Done")
    expect(told.locator("[data-label='Done after']")).to_contain_text("ms")
    _time_is_the_readers(feed, signal_id, trading)
    position = trading.opened()
    row = page.locator(f"#position-{position['ticket']}")
    expect(row).to_contain_text("EURUSD")
    _move_the_stop(page, trading, position)
    row.get_by_role("button", name="Close").click()
    visitor.picture("story-closing", whole=False)
    page.get_by_role("button", name="Close position").click()
    expect(row).to_have_count(0)
    trade = page.locator(f"#trade-{position['ticket']}")
    expect(trade).to_be_visible()
    visitor.picture("story-closed")
    deals = trading.api("GET", f"/api/trades?account={LOGIN}&status=closed")["trades"]
    shown = trade.locator("[data-label='Net profit']").inner_text().replace("\N{MINUS SIGN}", "-").replace("+", "")
    net = next(each["net_profit"] for each in deals if each["position"] == position["ticket"])
    assert Decimal(shown) == Decimal(net)
    assert visitor.problems == []


def test_the_order_ticket_tells_what_risk_says_before_and_the_broker_fills_after(visit: Visit, trading: System) -> None:
    visitor = visit()
    page = visitor.open("/trading")
    bid = float(trading.price()["bid"])
    page.locator("#t-size").select_option("volume")
    page.get_by_label("Stop loss").locator("visible=true").fill(f"{bid - 0.004:.5f}")
    page.get_by_label("Take profit").locator("visible=true").fill(f"{bid + 0.012:.5f}")
    page.get_by_label("Lots", exact=True).fill("30")
    verdict = page.locator("#what-if")
    expect(verdict).to_contain_text("Position risk")
    visitor.picture("story-denied")
    page.get_by_role("button", name="Place buy order").click()
    expect(page.locator("#ticket > .wrong")).to_contain_text("Not placed: risk says no")
    expect(verdict).to_contain_text("Risk of the new order exceeds")
    expect(page.locator("#t-send")).to_have_attribute("data-denied", "")
    assert trading.positions() == []
    page.get_by_label("Lots", exact=True).fill("0.10")
    expect(verdict).to_contain_text("would let it through")
    visitor.picture("story-approved")
    page.get_by_role("button", name="Place buy order").click()
    position = trading.opened()
    assert Decimal(position["volume"]) == Decimal("0.10")
    expect(page.locator(f"#position-{position['ticket']}")).to_be_visible()
    trading.end_all()
    expect(page.locator(f"#position-{position['ticket']}")).to_have_count(0)


def test_the_kill_switch_asks_twice_and_stops_everything_until_somebody_lifts_it(visit: Visit, trading: System) -> None:
    trading.signal()
    trading.opened()
    visitor = visit()
    page = visitor.open("/risk")
    page.get_by_role("button", name="Use the kill switch").click()
    stop = page.get_by_role("button", name="Stop trading")
    page.get_by_role("dialog").get_by_label("Reason").fill("the story ends")
    expect(stop).to_be_disabled()
    page.get_by_label("Type 123456").fill("12345")
    expect(stop).to_be_disabled()
    page.get_by_label("Type 123456").fill("123456")
    page.get_by_label("Also close every open position").check()
    visitor.picture("story-kill-switch", whole=False)
    stop.click()
    expect(page.locator("#card-state")).to_contain_text("Halted")
    wait_until(lambda: not trading.positions(), 60, "the kill switch closed nothing")
    expect(page.locator("#card-risk-state")).to_contain_text("the story ends")
    expect(page.locator("#s-state")).to_have_value("halted")
    expect(page.locator("#card-decisions")).to_contain_text("the story ends")
    visitor.picture("story-killed")
    ticket = visit().open("/trading")
    expect(ticket.locator("#t-send")).to_be_disabled()
    ticket.get_by_label("Stop loss").locator("visible=true").fill("1")
    ticket.get_by_label("Take profit").locator("visible=true").fill("2")
    expect(ticket.locator("#what-if .reason")).to_contain_text("Trading is halted: only reductions and cancels pass.")
    assert trading.denied() == "TRADING_HALTED"
    page.locator("#s-state").select_option("active")
    page.locator("#s-reason").fill("the story goes on")
    page.get_by_role("button", name="Set state").click()
    expect(page.locator("#card-state")).to_contain_text("Active")
    wait_until(lambda: trading.api("GET", "/api/account")["trading_state"] == "active", 60)
    expect(ticket.locator("#t-send")).to_be_enabled()


def test_a_heartbeat_is_called_old_by_what_the_server_said_not_by_a_late_answer(visit: Visit) -> None:
    visitor = visit()
    visitor.page.clock.install()
    page = visitor.open("/system")
    page.route("**/cards/**", lambda _route: None)  # no answer comes any more
    page.clock.fast_forward(9_000)
    heartbeat = page.locator("#card-terminals .age")
    expect(heartbeat).to_have_text(re.compile(r"^(9|\d\d) s$"))
    assert page.locator("#card-terminals .warn-ink, #card-health .warn-ink").count() == 0
    heartbeat.evaluate("(age) => { age.dataset.at -= 9_000; }")  # as if the last answer had told of one so old
    page.clock.fast_forward(1_000)
    expect(heartbeat).to_have_text(re.compile(r"^\d\d s old$"))
    expect(heartbeat).to_have_class(re.compile("warn-ink"))


def test_a_wrong_stop_is_told_in_whole_prices(visit: Visit) -> None:
    page = visit().open("/trading")
    page.get_by_label("Stop loss").locator("visible=true").fill("9")
    page.get_by_label("Take profit").locator("visible=true").fill("10")
    expect(page.locator("#what-if .reason")).to_contain_text(re.compile(r"9\.00000, must be below \d\.\d{5}\."))


def test_prices_arrive_live_and_what_stops_arriving_is_called_old(visit: Visit, system: System) -> None:
    visitor = visit()
    page = visitor.open("/")
    expect(page.locator("#link-state")).to_have_text("Live")
    bid = page.locator("#price-EURUSD [data-quote=bid]")
    before = bid.inner_text()
    expect(bid).not_to_have_text(before)
    page.route("**/cards/**", lambda route: route.abort())
    account = page.locator("#card-account")
    expect(account.locator(".late")).to_contain_text("Not updated since")
    assert "is-late" in str(account.get_attribute("class"))
    page.unroute("**/cards/**")
    expect(account.locator(".late")).to_be_hidden()


def test_a_price_that_no_longer_moves_is_greyed_and_called_old(visit: Visit, system: System) -> None:
    visitor = visit()
    visitor.page.clock.install()
    page = visitor.open("/")
    row = page.locator("#price-EURUSD")
    system.broker("feed_pause")
    page.route("**/cards/**", lambda route: route.abort())  # each answer would bring the server's clock along
    try:
        page.clock.fast_forward(12_000)
        expect(row.locator(".age")).to_contain_text("old")
        assert "is-stale" in str(row.get_attribute("class"))
    finally:
        system.broker("feed_resume")
    page.unroute("**/cards/**")
    expect(row.locator(".age")).not_to_contain_text("old")
    assert "is-stale" not in str(row.get_attribute("class"))


def test_without_the_stream_the_page_goes_on_by_asking(visit: Visit, system: System) -> None:
    visitor = visit()
    visitor.page.clock.install()
    visitor.page.route_web_socket("**/ws", lambda socket: socket.close())
    page = visitor.open("/")
    expect(page.locator("#link-state")).to_have_text("Polling")
    bid = page.locator("#price-EURUSD [data-quote=bid]")
    before = bid.inner_text()
    page.clock.fast_forward(5_000)
    expect(bid).not_to_have_text(before)


def test_a_destination_is_added_and_its_test_message_arrives(visit: Visit, system: System) -> None:
    heard: Queue[bytes] = Queue()
    with listening(heard) as port:
        visitor = visit()
        page = visitor.open("/system")
        page.get_by_role("button", name="Add", exact=True).click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Name").fill("hook")
        dialog.get_by_label("Address").fill(f"json://127.0.0.1:{port}/")
        dialog.get_by_role("button", name="Add").click()
        page.get_by_role("button", name="Send a test to hook").click()
        assert b"test" in heard.get(timeout=60).lower()
        expect(page.locator("#card-notifications")).to_contain_text("hook: sent")
        visitor.picture("story-notified")
        page.get_by_role("button", name="Remove hook").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        expect(page.locator("#destination-hook")).to_have_count(0)
    assert visitor.problems == []


@contextmanager
def listening(heard: Queue[bytes]) -> Iterator[int]:
    """A web server that notes what is posted to it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # as http.server calls it
            heard.put(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def _time_is_the_readers(feed: Page, signal_id: str, system: System) -> None:
    """Berlin's time on the page, the trade server's on hover."""
    at = datetime.fromisoformat(system.api("GET", f"/api/signals/{signal_id}")["created_at"])
    shown = feed.locator(f"#signal-{signal_id} time")
    expect(shown).to_have_text(f"{at.astimezone(ZoneInfo('Europe/Berlin')):%H:%M:%S}")
    assert f"server {at:%Y-%m-%d %H:%M}" in str(shown.get_attribute("title"))


def _move_the_stop(page: Page, system: System, position: dict[str, str]) -> None:
    """Nearer to the market, which no limit minds."""
    wanted = f"{float(position['sl']) + 0.001:.5f}"
    page.locator(f"#position-{position['ticket']}").get_by_role("button", name="Modify").click()
    page.get_by_role("dialog").get_by_label("Stop loss").fill(wanted)
    page.get_by_role("button", name="Change stops").click()
    expect(page.locator(f"#position-{position['ticket']} [data-label=Stop]")).to_have_text(wanted)
    assert Decimal(system.positions()[0]["sl"]) == Decimal(wanted)


def _statement_is_hers(page: Page, system: System) -> None:
    row = page.get_by_role("row").filter(has_text="ada@example.org")
    for kind, begins in (("PDF", b"%PDF-"), ("CSV", b"day,units,")):
        with page.expect_download() as started:
            row.get_by_role("link", name=kind).click()
        content = started.value.path().read_bytes()
        assert content.startswith(begins), kind
        assert len(content) > 50, kind


def _she_sees_her_own_page_only(visit: Visit, system: System) -> None:
    ada = next(user for user in system.api("GET", "/api/users")["users"] if user["email"] == "ada@example.org")
    visitor = visit(key=system.member_key(ada["id"]), at="phone", theme="dark")
    page = visitor.open("/")
    assert page.url.endswith("/me")
    expect(page.get_by_role("navigation").get_by_role("link")).to_have_count(1)
    expect(page.locator("#card-my-share")).to_contain_text("2,500.00")
    expect(page.locator("#link-state")).to_have_text("Live")
    asked = system.api("POST", f"/api/users/{ada['id']}/invest", {"amount": "250.00"})
    system.deposit("250.00", asked["reference"])
    settled = page.get_by_role("row").filter(has_text=asked["reference"])
    expect(settled).to_contain_text("Settled")  # told by the stream, and by nothing that was clicked
    expect(page.locator("#card-my-share")).to_contain_text("2,750.00")
    assert "House" not in page.content()
    visitor.picture("story-member")
    page.goto(f"{system.url}/community")
    assert page.url.endswith("/me")
    assert visitor.problems == []
