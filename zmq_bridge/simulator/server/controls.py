"""What a test or a demo may ask beside trading: money in and out, faults, the feed, the books.

Same shape as `operations`, but these act on the whole server. Nothing here exists at a real broker's API.
"""

from collections.abc import Callable
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.simulator.broker.broker import Broker
from zmq_bridge.simulator.broker.enums import DealType
from zmq_bridge.simulator.broker.faults import Fault
from zmq_bridge.simulator.broker.model import SymbolSpec
from zmq_bridge.simulator.errors import SimulatorError
from zmq_bridge.simulator.server.rendering import decimal_from, int_from, plain, text_from
from zmq_bridge.simulator.server.sources import ReplayFile
from zmq_bridge.simulator.server.world import World

OFFSET_MAX_S = 86_400


class Server(Protocol):
    """What a control may reach of the running server."""

    broker: Broker
    world: World

    def tell_symbol(self, symbol: str) -> None:
        """Push a new or changed specification to subscribers."""

    def tell_clock(self) -> None:
        """Push to subscribers how far the server's clock is from UTC."""

    def status(self) -> dict[str, Any]:
        """Describe the server for people and tests."""

    def stop(self) -> None:
        """Ask the server to end."""


Control = Callable[[Server, dict[str, Any]], Any]


def cash(server: Server, asked: dict[str, Any]) -> Any:
    """Book a balance (negative: withdrawal), credit, charge, ... deal and return it."""
    try:
        kind = DealType(asked.get("type", "balance"))
    except ValueError:
        raise SimulatorError(f"type: expected a deal type, found {asked.get('type')!r}") from None
    comment = text_from("comment", asked.get("comment", ""))
    return plain(server.broker.cash(kind, decimal_from("amount", asked.get("amount")), comment))


def fault(server: Server, asked: dict[str, Any]) -> Any:
    """Plan a fault; fields as in `broker.faults.Fault`."""
    readers: dict[str, Callable[[str, Any], Any]] = {
        "kind": text_from,
        "action": text_from,
        "symbol": text_from,
        "volume": decimal_from,
        "count": int_from,
        "retcode": int_from,
        "points": int_from,
    }
    if "kind" not in asked or set(asked) - set(readers):
        raise SimulatorError(f"fault: expected fields out of {sorted(readers)} with a kind, found {sorted(asked)}")
    server.broker.plan(Fault(**{name: readers[name](name, value) for name, value in asked.items()}))
    return None


def faults_clear(server: Server, _asked: dict[str, Any]) -> Any:
    """Forget planned faults; returns how many requests they would still have met."""
    return server.broker.faults.clear()


def feed_pause(server: Server, _asked: dict[str, Any]) -> Any:
    """Stop the ticks."""
    server.world.pause()
    return None


def feed_resume(server: Server, _asked: dict[str, Any]) -> Any:
    """Let the ticks go on."""
    server.world.resume()
    return None


def replay(server: Server, asked: dict[str, Any]) -> Any:
    """Start replaying files: `files` paths or {path, symbol, format, policy}; `speed` a number or null for max."""
    files = asked.get("files")
    if not isinstance(files, list) or not files:
        raise SimulatorError(f"files: expected a list of tick files, found {files!r}")
    shift_ms = server.world.start_replay([_replay_file(each) for each in files], _speed(asked))
    return {"shift_ms": shift_ms}


def generate(server: Server, asked: dict[str, Any]) -> Any:
    """Start generating ticks: `seed`, `speed`, optionally `start_msc` on the server's clock."""
    start = asked.get("start_msc")
    server.world.start_generator(
        int_from("seed", asked.get("seed", 1)), _speed(asked), None if start is None else int_from("start_msc", start)
    )
    return None


def inject(server: Server, asked: dict[str, Any]) -> Any:
    """Put ticks into the market at once: `ticks` = {symbol: [[time_msc, bid, ask, last, volume_real, flags], ...]}."""
    ticks = asked.get("ticks")
    if not isinstance(ticks, dict):
        raise SimulatorError(f"ticks: expected an object of symbol to rows, found {ticks!r}")
    for symbol, rows in ticks.items():
        server.world.list([symbol])
        server.broker.on_ticks(symbol, [_tick(row) for row in rows])
    server.world.ticks_came()
    return None


def list_symbol(server: Server, asked: dict[str, Any]) -> Any:
    """List a currency pair, or change fields of a listed symbol's specification: `symbol` and what shall differ."""
    name = text_from("symbol", asked.get("symbol"))
    server.world.list([name])
    spec = server.broker.core.market.specs[name]
    server.broker.list_symbol(_changed(spec, {key: value for key, value in asked.items() if key != "symbol"}))
    server.tell_symbol(name)
    return None


def clock(server: Server, asked: dict[str, Any]) -> Any:
    """Move the server's clock, as to and from summer time: `server_offset_s`, it minus UTC. Ticks keep their times."""
    offset_s = asked.get("server_offset_s")
    if type(offset_s) is not int or abs(offset_s) > OFFSET_MAX_S:
        raise SimulatorError(f"server_offset_s: expected whole seconds of at most a day, found {offset_s!r}")
    server.world.server_offset_s = offset_s
    server.tell_clock()
    return None


def trade_allowed(server: Server, asked: dict[str, Any]) -> Any:
    """Allow or forbid trading for the account: `allowed` true or false."""
    server.broker.core.trade_allowed = asked.get("allowed") is True
    return None


def books(server: Server, _asked: dict[str, Any]) -> Any:
    """The oracle: every deal, balance, credit, equity, positions and orders; amounts as exact text."""
    return plain(server.broker.books(), exact=True)


def status(server: Server, _asked: dict[str, Any]) -> Any:
    """What the server is doing."""
    return server.status()


def shutdown(server: Server, _asked: dict[str, Any]) -> Any:
    """Stop the server in order."""
    server.stop()
    return None


def _speed(asked: dict[str, Any]) -> float | None:
    speed = asked.get("speed", 1)
    if speed in (None, "max"):
        return None
    if isinstance(speed, (int, float)) and not isinstance(speed, bool) and speed > 0:
        return float(speed)
    raise SimulatorError(f'speed: expected a number above 0, "max" or null, found {speed!r}')


def _replay_file(value: Any) -> ReplayFile:
    if isinstance(value, str):
        return ReplayFile(path=Path(value))
    if not isinstance(value, dict) or "path" not in value or set(value) - {"path", "symbol", "format", "policy"}:
        raise SimulatorError(f"file: expected a path, or path with symbol, format, policy, found {value!r}")
    return ReplayFile(**{**value, "path": Path(text_from("path", value["path"]))})


def _tick(row: Any) -> Tick:
    try:
        time_msc, bid, ask, last, volume_real, flags = row
        tick = Tick(int(time_msc), float(bid), float(ask), float(last), float(volume_real), int(flags))
    except (TypeError, ValueError):
        tick = Tick(0, 0.0, 0.0, 0.0, 0.0, 0)
    if tick.time_msc <= 0 or not 0 < tick.bid <= tick.ask < float("inf"):
        raise SimulatorError(f"tick: expected [time_msc, bid, ask, last, volume_real, flags], found {row!r}")
    return tick


def _changed(spec: SymbolSpec, changes: dict[str, Any]) -> SymbolSpec:
    values = {f.name: getattr(spec, f.name) for f in fields(spec)}
    unknown = set(changes) - set(values)
    if unknown:
        raise SimulatorError(f"symbol: expected fields out of {sorted(values)}, found {sorted(unknown)}")
    values.update({name: _like(values[name], name, value) for name, value in changes.items()})
    return SymbolSpec(**values)


def _like(present: Any, name: str, value: Any) -> Any:
    """Read a value as the kind that the field has."""
    if isinstance(present, Decimal):
        return decimal_from(name, value)
    if isinstance(present, int):
        return int_from(name, value)
    if isinstance(present, tuple) and isinstance(value, list):
        return tuple(tuple(each) if isinstance(each, list) else each for each in value)
    return text_from(name, value)


CONTROLS: dict[str, Control] = {
    each.__name__: each
    for each in (
        cash,
        fault,
        faults_clear,
        feed_pause,
        feed_resume,
        replay,
        generate,
        inject,
        list_symbol,
        clock,
        trade_allowed,
        books,
        status,
        shutdown,
    )
}
