"""`zmq-bridge ticks`: a symbol's ticks as a strategy would get them; a live table on a terminal, lines in a pipe."""

from __future__ import annotations

import time
from collections import deque
from datetime import UTC, datetime

import click
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from zmq_bridge.cli.console import console
from zmq_bridge.cli.live_price import quoted_symbols
from zmq_bridge.cli.peers import own_credentials
from zmq_bridge.cli.wiring import allow_list
from zmq_bridge.client import Client, GapNotice, LiveTick, TickFeed
from zmq_bridge.settings import Settings, load_settings, local_host

ROWS = 15  # newest ticks on the screen
REFRESH_S = 0.1
SILENCE_S = 5.0  # then a hint is shown
RATE_WINDOW_S = 5.0
GAPS_SHOWN = 3


@click.command("ticks")
@click.argument("symbol")
@click.option("--account", "login", type=int, default=0, help="Only the ticks of this account; default: all.")
@click.option("--count", type=click.IntRange(min=1), help="Stop after so many ticks.")
def command(symbol: str, login: int, count: int | None) -> None:
    """Show the ticks of SYMBOL (in the broker's exact spelling) as they come, until Ctrl-C.

    In a pipe each tick is a line: time, account, bid, ask. Gaps go to stderr.
    """
    settings = load_settings()
    _warn_of_unknown(symbol, settings)
    screen = Screen(symbol)
    with _client(settings) as client, client.ticks(symbol, login=login, on_gap=screen.gap) as feed:
        if console.is_terminal:
            _show(feed, screen, count)
        else:
            _print(feed, symbol, count)


class Screen:
    """The newest ticks and what there is to know about their stream."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.count = 0
        self._ticks: deque[LiveTick] = deque(maxlen=ROWS)
        self._arrivals: deque[float] = deque()
        self._gaps: deque[GapNotice] = deque(maxlen=GAPS_SHOWN)
        self._last_s = time.monotonic()

    def tick(self, tick: LiveTick) -> None:
        """Take a tick in."""
        self.count += 1
        self._last_s = time.monotonic()
        self._ticks.appendleft(tick)
        self._arrivals.append(self._last_s)

    def gap(self, notice: GapNotice) -> None:
        """Take news of a gap in."""
        self._gaps.appendleft(notice)
        if not console.is_terminal:
            click.echo(describe(notice), err=True)

    def render(self) -> RenderableType:
        """Draw."""
        now_s = time.monotonic()
        while self._arrivals and now_s - self._arrivals[0] > RATE_WINDOW_S:
            self._arrivals.popleft()
        title = f"{self.symbol}   {len(self._arrivals) / RATE_WINDOW_S:.1f} ticks/s   {self.count} in all"
        parts: list[RenderableType] = [Text(title, style="bold"), self._table()]
        parts += [Text(describe(notice), style="yellow") for notice in self._gaps]
        if now_s - self._last_s > SILENCE_S:
            parts.append(Text(f"silent for {now_s - self._last_s:.0f} s; {hint(self.symbol)}", style="yellow"))
        return Group(*parts)

    def _table(self) -> Table:
        table = Table("server time", "account", "bid", "ask", "spread", box=None, pad_edge=False, padding=(0, 2, 0, 0))
        older = [*self._ticks][1:]
        for tick, before in zip(self._ticks, [*older, *[*self._ticks][-1:]], strict=True):
            moved = tick.bid - before.bid
            style = "green" if moved > 0 else "red" if moved < 0 else ""
            digits = decimals(tick)
            bid, ask = Text(f"{tick.bid:.{digits}f}", style=style), f"{tick.ask:.{digits}f}"
            table.add_row(server_time(tick), str(tick.login), bid, ask, f"{tick.ask - tick.bid:.{digits}f}")
        return table


def server_time(tick: LiveTick) -> str:
    """The trade server's clock, as it is, to the millisecond."""
    return datetime.fromtimestamp(tick.time_msc / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def decimals(tick: LiveTick) -> int:
    """How many decimals show both prices exactly."""
    return max(len(f"{price!r}".partition(".")[2]) for price in (tick.bid, tick.ask))


def describe(notice: GapNotice) -> str:
    """News of a gap in words."""
    lost = f"{notice.lost} ticks" if notice.lost else "some ticks"
    state = notice.state if notice.state == "open" else f"{notice.state}, {notice.found} found"
    return f"gap in {notice.symbol} of {notice.login}: {lost} missing, {state} (noticed by: {notice.reason})"


def hint(symbol: str) -> str:
    """Why there may be no ticks."""
    return f"is it spelled {symbol} at the broker? `zmq-bridge doctor` checks the rest"


def _warn_of_unknown(symbol: str, settings: Settings) -> None:
    """Say at once what the silence would say later; the symbol may still come."""
    quoted = quoted_symbols(settings)
    if quoted and symbol not in quoted:
        click.echo(f"{symbol} was never quoted here; found: {', '.join(sorted(quoted))}. Waiting for it", err=True)


def _show(feed: TickFeed, screen: Screen, count: int | None) -> None:
    with Live(screen.render(), console=console, auto_refresh=False) as live:
        drawn_s = time.monotonic()
        while count is None or screen.count < count:
            tick = feed.take(REFRESH_S)
            if tick is not None:
                screen.tick(tick)
            if time.monotonic() - drawn_s >= REFRESH_S:
                live.update(screen.render(), refresh=True)
                drawn_s = time.monotonic()
        live.update(screen.render(), refresh=True)


def _print(feed: TickFeed, symbol: str, count: int | None) -> None:
    seen = 0
    while count is None or seen < count:
        tick = feed.take(SILENCE_S)
        if tick is None:
            click.echo(f"no tick of {symbol} for {SILENCE_S:.0f} s; {hint(symbol)}", err=True)
            continue
        seen += 1
        digits = decimals(tick)
        click.echo(f"{server_time(tick)} {tick.login} {tick.bid:.{digits}f} {tick.ask:.{digits}f}")


def _client(settings: Settings) -> Client:
    return Client(
        host=local_host(settings.bind_host),
        subscribe_port=settings.subscribe_port,
        strategy_port=settings.strategy_port,
        credentials=own_credentials(allow_list(settings)),
    )
