"""Every page, on a desk and on a phone, light and dark: axe finds nothing, nothing overflows, nothing is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import System, Visitor
from tests.support import wait_until

PAGES = ("overview", "trading", "signals", "risk", "community", "system")
PATHS = {"overview": "/"}
RUN_AXE = "axe.run(document, {resultTypes: ['violations']}).then((found) => found.violations)"


@pytest.fixture(scope="module")
def busy(system: System) -> Iterator[System]:
    """A system that has something to show: a position, a pending order, a denial, a member with a request."""
    system.signal()
    bid = float(system.price()["bid"])
    system.signal(type="limit", price=f"{bid - 0.003:.5f}", sl=f"{bid - 0.006:.5f}", tp=f"{bid + 0.006:.5f}")
    with pytest.raises(OSError, match="422"):
        system.signal(volume="20")
    grace = system.api("POST", "/api/users", {"name": "Grace Hopper", "email": "grace@example.org"})
    system.api("POST", f"/api/users/{grace['id']}/invest", {"amount": "1500.00"})
    wait_until(system.positions, 20, "the position never opened")
    yield system
    system.api("POST", "/api/positions/close-all", {"account": 123456, "cancel_pending": True})
    wait_until(lambda: not system.positions(), 20, "the position never closed")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("at", ["desk", "phone"])
def test_every_page_is_accessible_fits_and_loads_cleanly(
    visit: Callable[..., Visitor], busy: System, axe: str, at: str, theme: str
) -> None:
    visitor = visit(at=at, theme=theme)
    for name in PAGES:
        page = visitor.open(PATHS.get(name, f"/{name}"))
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        visitor.picture(f"{name}-{at}-{theme}")
        page.evaluate(axe)
        found = page.evaluate(RUN_AXE)
        told = [(each["id"], [node["target"] for node in each["nodes"]]) for each in found]
        assert told == [], name
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, f"{name} overflows"
        assert page.locator("[data-problem]").all_inner_texts() == [], name
    assert visitor.problems == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_members_page_is_accessible_and_fits(
    visit: Callable[..., Visitor], busy: System, axe: str, theme: str
) -> None:
    grace = next(user for user in busy.api("GET", "/api/users")["users"] if user["name"] == "Grace Hopper")
    visitor = visit(key=busy.member_key(grace["id"]), at="phone", theme=theme)
    page = visitor.open("/me")
    visitor.picture(f"me-phone-{theme}")
    page.evaluate(axe)
    assert page.evaluate(RUN_AXE) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert visitor.problems == []


@pytest.mark.parametrize(
    ("path", "opener"), [("/risk", "Use the kill switch"), ("/trading", "Modify EURUSD"), ("/community", "Invest for")]
)
def test_dialogs_are_accessible_on_a_phone(
    visit: Callable[..., Visitor], busy: System, axe: str, path: str, opener: str
) -> None:
    visitor = visit(at="phone", theme="dark")
    page = visitor.open(path)
    page.get_by_role("button", name=opener).first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    visitor.picture(f"dialog{path.replace('/', '-')}", whole=False)
    page.evaluate(axe)
    assert page.evaluate(RUN_AXE) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_sign_in_page_is_accessible_too(visit: Callable[..., Visitor], axe: str, theme: str) -> None:
    visitor = visit(key=None, theme=theme)
    visitor.page.goto(f"{visitor.system.url}/sign-in")
    visitor.picture(f"sign-in-{theme}")
    visitor.page.evaluate(axe)
    assert visitor.page.evaluate(RUN_AXE) == []


def test_nothing_jumps_while_the_overview_loads_and_lives(visit: Callable[..., Visitor], busy: System) -> None:
    visitor = visit()
    visitor.page.add_init_script(
        "window.moved = 0; new PerformanceObserver((list) => { for (const each of list.getEntries())"
        " if (!each.hadRecentInput) window.moved += each.value; }).observe({type: 'layout-shift', buffered: true});"
    )
    page = visitor.open("/")
    for _ in range(2):  # two rounds of fresh answers
        with page.expect_response(lambda response: "/cards/positions" in response.url):
            page.evaluate("htmx.trigger('#card-positions', 'refresh')")
    assert page.evaluate("window.moved") < 0.05


def test_a_chosen_theme_stays(visit: Callable[..., Visitor]) -> None:
    visitor = visit(theme="light")
    page = visitor.open("/")
    page.get_by_role("button", name="Theme: as the system").click()
    page.get_by_role("button", name="Theme: light").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 17, 23)"


def test_the_keyboard_is_enough(visit: Callable[..., Visitor], busy: System) -> None:
    page = visit().open("/trading")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    opener = page.get_by_role("button", name="Close EURUSD").first
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    assert dialog.is_visible()
    assert page.evaluate("document.querySelector('dialog[open]').contains(document.activeElement)")
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert page.evaluate("document.activeElement.textContent.trim()").startswith("Close")
