"""What `up` prints when everything runs: where everything is, and lines that work when pasted."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from decimal import Decimal

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from zmq_bridge.settings import Settings

# Far enough that the line still passes min_risk_reward when the price has moved a little before it is pasted.
STOP_FRACTION = Decimal("0.004")
TARGET_FRACTION = Decimal("0.012")
RISK_PERCENT = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePrice:
    """A price that streams right now."""

    login: int
    symbol: str
    bid: Decimal
    ask: Decimal
    digits: int  # decimals of a price


def curl_line(settings: Settings, key: str, price: LivePrice) -> str:
    """A command that posts a signal to buy at market, sized by risk, with a stop and a target near the price."""
    signal = {
        "account": price.login,
        "symbol": price.symbol,
        "action": "BUY",
        "risk_percent": RISK_PERCENT,
        "sl": float(_rounded(price.bid * (1 - STOP_FRACTION), price.digits)),
        "tp": float(_rounded(price.ask * (1 + TARGET_FRACTION), price.digits)),
    }
    words = ["curl", "-s", "-X", "POST", f"{settings.web_url}/api/signal", "-H", f"X-API-Key: {key}"]
    words += ["-H", "Content-Type: application/json", "-d", json.dumps(signal)]
    return shlex.join(words)


def running_panel(settings: Settings, key: str, price: LivePrice | None) -> RenderableType:
    """Everything that a newcomer wants to know."""
    places = Table.grid(padding=(0, 2))
    for name, value in _places(settings, key, price):
        places.add_row(Text(name, style="bold"), Text(value))
    parts: list[RenderableType] = [places]
    if price is None:
        parts.append(Text("\nNo terminal publishes prices yet; `zmq-bridge doctor` says why.", style="yellow"))
    panel = Panel(Group(*parts), title="zmq-bridge runs", subtitle="Ctrl-C stops everything", border_style="green")
    if price is None:
        return panel
    # Outside the panel: a line with a frame around it can't be copied.
    post = Text(f"\nPost a signal:\n\n{curl_line(settings, key, price)}\n", no_wrap=True, overflow="ignore")
    return Group(panel, post)


def _places(settings: Settings, key: str, price: LivePrice | None) -> list[tuple[str, str]]:
    symbol = price.symbol if price else "EURUSD"
    lines = [
        ("Dashboard", settings.web_url),
        ("API key", f"{key}   (kept in {settings.var_dir / 'api_key'})"),
        ("Ticks", f"{settings.local_endpoint(settings.subscribe_port)}   SUB, prefix tick.{symbol}."),
        ("Signals by ZeroMQ", f"{settings.local_endpoint(settings.strategy_port)}   REQ"),
        ("Terminals", f"ports {settings.feed_port} (PUB) and {settings.terminal_port} (REQ) of {settings.bind_host}"),
        ("Live state", f"redis-cli -u {settings.redis_url} HGETALL tick:{symbol}"),
        ("Logs", f"{settings.log_dir}/*.log"),
        ("Watch ticks", f"zmq-bridge ticks {symbol}"),
        ("How it is doing", "zmq-bridge status   and   zmq-bridge doctor"),
    ]
    if settings.embedded_postgres:
        lines.insert(6, ("Postgres", settings.database_url))
    return lines


def _rounded(price: Decimal, digits: int) -> Decimal:
    return round(price, digits)
