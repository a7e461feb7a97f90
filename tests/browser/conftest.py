"""One real system and one real browser for each file; a context of its own, signed in, for each test.

The system is a whole `zmq-bridge up` with its simulated broker and terminal. Pictures of what was seen are kept in
`.cache/screenshots`. Nothing here may depend on how fast the machine is: what is waited for has time, and an order that
was denied because news came late is asked for again.
"""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright
from playwright.sync_api import Error as BrowserError

from tests.running import RunningBridge
from tests.support import wait_until
from web.build import install
from zmq_bridge.simulator.broker_client import BrokerClient

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / ".cache" / "screenshots"
AXE_WORK = ROOT / ".cache" / "npm"
LOGIN = 123456
WIDTHS = {"desk": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
           "--disable-component-update", "--disable-sync", "--no-first-run"]  # fmt: skip
LATE = ("ACCOUNT_STALE", "TERMINAL_SILENT", "QUOTE_STALE", "CONVERSION_STALE", "DAY_REFERENCE_MISSING")
"""What an order may be denied for on a machine that is busy with other things."""

WATCH_SHIFTS = """
window.moved = 0;
new PerformanceObserver((list) => {
    for (const each of list.getEntries()) if (!each.hadRecentInput) window.moved += each.value;
}).observe({type: "layout-shift", buffered: true});
"""


@dataclass
class System:
    """The running system, as programs and the broker reach it."""

    bridge: RunningBridge
    key: str

    @property
    def url(self) -> str:
        """Where the dashboard is."""
        return f"http://127.0.0.1:{self.bridge.ports['WEB']}"

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """One request with the demo's key."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"X-API-Key": self.key, "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}{path}", method=method, data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=PATIENCE_MS / 1000) as response:
            return json.loads(response.read())

    def price(self, symbol: str = "EURUSD") -> dict[str, Any]:
        """What the account's broker quotes now."""
        found = self.api("GET", f"/api/market/prices?symbols={symbol}")["prices"]
        return dict(found[0])

    def signal(self, **fields: Any) -> Any:
        """A buy of EURUSD near the market, with a stop and a target that risk likes, admitted."""
        return wait_until(lambda: self._admitted(fields), 60, "always denied because something was late")

    def denied(self, **fields: Any) -> str:
        """The same, denied by risk; the code of why."""
        with pytest.raises(HTTPError, match="422") as refusal:
            self.api("POST", "/api/signal", self._order() | fields)
        return str(json.loads(refusal.value.read())["code"])

    def broker(self, operation: str, **arguments: Any) -> None:
        """Something happens at the broker."""
        with BrokerClient("127.0.0.1", self.bridge.ports["BROKER"], timeout_s=10) as broker:
            broker.call(operation, **arguments)

    def deposit(self, amount: str, comment: str) -> None:
        """Money arrives at the broker."""
        self.broker("cash", amount=amount, comment=comment)

    def positions(self) -> list[dict[str, Any]]:
        """What is open."""
        found: list[dict[str, Any]] = self.api("GET", "/api/positions")["positions"]
        return found

    def opened(self) -> dict[str, Any]:
        """The position that an order opens, as soon as the broker has filled it."""
        return wait_until(self.positions, 60, "the position never opened")[0]

    def end_all(self) -> None:
        """Trading is allowed, and nothing is open or pending: what every test begins and ends with."""
        self.api("POST", "/api/risk/state", {"account": LOGIN, "state": "active", "reason": "a test ends"})
        self.api("POST", "/api/positions/close-all", {"account": LOGIN, "cancel_pending": True})
        wait_until(lambda: not self.positions() and not self.pending(), 60, "something stayed open")
        wait_until(lambda: self.api("GET", "/api/account")["trading_state"] == "active", 60, "trading stayed halted")

    def pending(self) -> list[dict[str, Any]]:
        """What rests at the broker."""
        found: list[dict[str, Any]] = self.api("GET", f"/api/orders?account={LOGIN}&status=working")["orders"]
        return found

    def member_key(self, user_id: int) -> str:
        """A key of a member's own."""
        made = self.api("POST", "/api/keys", {"name": "member", "scopes": ["member"], "user_id": user_id})
        return str(made["key"])

    def has_pool(self) -> bool:
        """Whether the demo's deposit has its owner, and trading is allowed."""
        try:
            pool = self.api("GET", "/api/account/stats")["pool"]
            return bool(pool["members"] == 1 and self.api("GET", "/api/account")["trading_state"] == "active")
        except HTTPError:  # not before the first snapshot
            return False

    def _order(self) -> dict[str, Any]:
        bid = float(self.price()["bid"])
        stops = {"sl": f"{bid - 0.004:.5f}", "tp": f"{bid + 0.012:.5f}"}
        return {"symbol": "EURUSD", "action": "BUY", "volume": "0.10", "account": LOGIN, **stops}

    def _admitted(self, fields: dict[str, Any]) -> Any:
        try:
            return self.api("POST", "/api/signal", self._order() | fields)
        except HTTPError as refusal:
            said = json.loads(refusal.read())
            assert said["code"] in LATE, said
            return None


@dataclass
class Visitor:
    """A browser tab, and what went wrong in it."""

    page: Page
    system: System
    problems: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Go to a page and wait until its scripts run."""
        self.page.goto(f"{self.system.url}{path}")
        expect(self.page.locator("#link-state")).not_to_have_text("Connecting")
        return self.page

    def shifts(self) -> float:
        """How much has jumped since the page was opened (cumulative layout shift, without what the reader did)."""
        return float(self.page.evaluate("window.moved"))

    def picture(self, name: str, *, whole: bool = True) -> None:
        """Keep what is seen: the whole page, or what is on the screen."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=whole)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[System]:
    """The whole product, reconciled and active; its demo pool belongs to the member House."""
    bridge = RunningBridge(tmp_path_factory.mktemp("browser") / "var")
    try:
        bridge.start("--seed", "7")
        bridge.be_patient()
        running = System(bridge=bridge, key=bridge.api_key())
        wait_until(running.has_pool, 120, "no pool")
        yield running
    finally:
        bridge.abandon()


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """The driver; while it runs, its event loop is the thread's: it ends with the file."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """A real Chromium: the machine's, or the one that `playwright install chromium` brought."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None and not Path(playwright.chromium.executable_path).exists():
        pytest.skip("no Chromium here: apt-get install chromium, or python -m playwright install chromium")
    try:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
    except BrowserError as error:
        pytest.skip(f"Chromium does not start here: {str(error).splitlines()[0]}")
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The text of axe-core, pinned like the scripts of the pages."""
    program = AXE_WORK / "node_modules/axe-core/axe.min.js"
    if not program.is_file():
        install(AXE_WORK)
    return program.read_text()


@pytest.fixture
def visit(chromium: Browser, system: System) -> Iterator[Callable[..., Visitor]]:
    """`visit()`: a tab that is signed in; `key=None` for a stranger, `at="phone"`, `theme="dark"`."""
    contexts: list[BrowserContext] = []

    def make(*, key: str | None = "", at: str = "desk", theme: str = "light", **more: Any) -> Visitor:
        context = chromium.new_context(
            viewport=WIDTHS[at], color_scheme=theme, timezone_id="Europe/Berlin", locale="en-GB", **more
        )
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(WATCH_SHIFTS)
        contexts.append(context)
        if key is not None:
            signed_in = context.request.post(f"{system.url}/api/session", data={"key": key or system.key})
            assert signed_in.ok, signed_in.text()
        visitor = Visitor(page=context.new_page(), system=system)
        visitor.page.on("console", lambda said: _note(visitor, said.type, said.text))
        visitor.page.on("pageerror", lambda error: visitor.problems.append(str(error)))
        return visitor

    yield make
    for context in contexts:
        context.close()


def _note(visitor: Visitor, kind: str, text: str) -> None:
    if kind in ("error", "warning"):
        visitor.problems.append(text)
