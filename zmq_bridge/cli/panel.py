"""What `up` prints when everything runs: where everything is, and lines that work when pasted."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.text import Text

from zmq_bridge.cli.demo_key import FILE
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


def running_panel(settings: Settings, key: str | None, price: LivePrice | None) -> RenderableType:
    """Everything that a newcomer wants to know. No frame and no wrapping: a line must be whole to be copied."""
    places = _places(settings, key, price)
    width = max(len(name) for name, _ in places) + 2
    lines = [Text.assemble(("  " + name.ljust(width), "bold"), value) for name, value in places]
    if price is None:
        last = Text("  No account with live prices may trade now; `zmq-bridge status` says why.", style="yellow")
    elif key is None:
        last = Text(f"  POST signals to {settings.web_url}/api/signal with a key of yours in X-API-Key.")
    else:
        last = Text.assemble(("  Post a signal, paste this:\n\n", "bold"), curl_line(settings, key, price))
    return Group(Text(), Rule("zmq-bridge runs"), Text(), *lines, Text(), last, Text(), Rule("Ctrl-C stops everything"))


def _places(settings: Settings, key: str | None, price: LivePrice | None) -> list[tuple[str, str]]:
    symbol = price.symbol if price else "EURUSD"
    lines = [
        ("Dashboard", settings.web_url),
        ("API key", f"{key}   (kept in {settings.var_dir / FILE})" if key else f"`{program()} keys create` makes one"),
        ("Ticks", f"{settings.local_endpoint(settings.subscribe_port)}   ZeroMQ SUB, prefix tick.{symbol}."),
        ("Live stream", f"{settings.stream_url}   WebSocket /ws, Server-Sent Events /events"),
        ("Signals", f"{settings.local_endpoint(settings.strategy_port)}   ZeroMQ REQ; or HTTP, below"),
        ("Terminals", f"ports {settings.feed_port} (PUB) and {settings.terminal_port} (REQ) of {settings.bind_host}"),
        ("Live state", f"redis-cli -u {settings.redis_url} HGETALL tick:{symbol}"),
        ("Logs", f"{settings.log_dir}/*.log"),
        ("Watch ticks", f"{program()} ticks {symbol}"),
        ("How is it", f"{program()} status   or   {program()} doctor"),
    ]
    if settings.embedded_postgres:
        lines.insert(6, ("Postgres", settings.database_url))
    return lines


def program() -> str:
    """How a person in this directory calls us."""
    found = shutil.which("zmq-bridge")
    if found and Path(found).resolve().parent == Path(sys.executable).resolve().parent:
        return "zmq-bridge"
    beside = Path(sys.executable).with_name("zmq-bridge")
    return os.path.relpath(beside) if beside.is_relative_to(Path.cwd()) else str(beside)


def _rounded(price: Decimal, digits: int) -> Decimal:
    return round(price, digits)
