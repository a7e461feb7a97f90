"""Every page, on a desk and on a phone, light and dark: axe finds nothing, nothing overflows, nothing is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import System, Visitor
from tests.support import wait_until

Visit = Callable[..., Visitor]

PAGES = ("overview", "trading", "signals", "risk", "community", "system")
PATHS = {"overview": "/"}
SHIFTS_MAX = 0.05  # half of what is called good
RUN_AXE = "axe.run(document, {resultTypes: ['violations']}).then((found) => found.violations)"


pytestmark = pytest.mark.timeout(300)  # the first of them starts the whole system


@pytest.fixture(scope="module")
def busy(system: System) -> Iterator[System]:
    """A system that has something to show: a position, a pending order, a denial, a member with a request."""
    system.signal()
    bid = float(system.price()["bid"])
    system.signal(type="limit", price=f"{bid - 0.003:.5f}", sl=f"{bid - 0.006:.5f}", tp=f"{bid + 0.006:.5f}")
    assert system.denied(volume="20") == "POSITION_RISK"
    grace = system.api("POST", "/api/users", {"name": "Grace Hopper", "email": "grace@example.org"})
    system.api("POST", f"/api/users/{grace['id']}/invest", {"amount": "1500.00"})
    system.opened()
    wait_until(system.pending, 60, "the limit order never rested")
    yield system
    system.end_all()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("at", ["desk", "phone"])
def test_every_page_is_accessible_fits_stands_still_and_loads_cleanly(
    visit: Visit, busy: System, axe: str, at: str, theme: str
) -> None:
    visitor = visit(at=at, theme=theme)
    for name in PAGES:
        page = visitor.open(PATHS.get(name, f"/{name}"))
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        visitor.picture(f"{name}-{at}-{theme}")
        assert visitor.shifts() < SHIFTS_MAX, f"{name} jumps"
        assert page.locator("[data-problem]").all_inner_texts() == [], name
        _is_accessible_and_fits(page, axe, name)
    assert visitor.problems == []


@pytest.mark.parametrize(("at", "theme"), [("desk", "dark"), ("phone", "light")])
def test_a_members_page_is_accessible_fits_and_stands_still(
    visit: Visit, busy: System, axe: str, at: str, theme: str
) -> None:
    grace = next(user for user in busy.api("GET", "/api/users")["users"] if user["name"] == "Grace Hopper")
    visitor = visit(key=busy.member_key(grace["id"]), at=at, theme=theme)
    page = visitor.open("/me")
    visitor.picture(f"me-{at}-{theme}")
    assert visitor.shifts() < SHIFTS_MAX
    _is_accessible_and_fits(page, axe, "me")
    assert visitor.problems == []


@pytest.mark.parametrize(
    ("path", "opener"), [("/risk", "Use the kill switch"), ("/trading", "Modify EURUSD"), ("/community", "Invest for")]
)
def test_dialogs_are_accessible_on_a_phone(visit: Visit, busy: System, axe: str, path: str, opener: str) -> None:
    visitor = visit(at="phone", theme="dark")
    page = visitor.open(path)
    page.get_by_role("button", name=opener).first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    visitor.picture(f"dialog{path.replace('/', '-')}", whole=False)
    _is_accessible_and_fits(page, axe, path)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", ["sign-in", "nowhere"])
def test_the_pages_of_strangers_are_accessible_too(visit: Visit, axe: str, path: str, theme: str) -> None:
    visitor = visit(key=None, at="phone", theme=theme)
    visitor.page.goto(f"{visitor.system.url}/{path}")
    expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
    visitor.picture(f"{path}-{theme}")
    _is_accessible_and_fits(visitor.page, axe, path)


def test_a_curve_is_drawn_whatever_order_its_days_come_in(visit: Visit, busy: System) -> None:
    visitor = visit()
    page = visitor.open("/community")
    days = [["2026-03-02", "1.01"], ["2026-03-01", "1.00"], ["2026-03-03", "0.99"], ["2026-03-02", "1.02"]]
    page.evaluate(
        """(days) => {
            document.getElementById("pool-curve-chart").dataset.days = JSON.stringify(days);
            document.dispatchEvent(new Event("theme"));
        }""",
        days,
    )
    expect(page.locator("#pool-curve-chart canvas").first).to_be_visible()
    visitor.picture("curve", whole=False)
    assert visitor.problems == []


def test_nothing_jumps_while_cards_are_asked_for_again(visit: Visit, busy: System) -> None:
    visitor = visit()
    page = visitor.open("/")
    for _ in range(2):
        with page.expect_response(lambda response: "/cards/positions" in response.url):
            page.evaluate("htmx.trigger('#card-positions', 'refresh')")
    assert visitor.shifts() < SHIFTS_MAX


def test_a_chosen_theme_stays(visit: Visit) -> None:
    page = visit(theme="light").open("/")
    page.get_by_role("button", name="Theme: as the system").click()
    page.get_by_role("button", name="Theme: light").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 17, 23)"


def test_the_keyboard_is_enough(visit: Visit, busy: System) -> None:
    page = visit().open("/trading")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    opener = page.get_by_role("button", name="Close EURUSD").first
    opener.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    assert page.evaluate("document.querySelector('dialog[open]').contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(opener).to_be_focused()


def _is_accessible_and_fits(page: Page, axe: str, name: str) -> None:
    page.evaluate(axe)
    found = page.evaluate(RUN_AXE)
    told = [(each["id"], [node["target"] for node in each["nodes"]]) for each in found]
    assert told == [], name
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, f"{name} overflows"
