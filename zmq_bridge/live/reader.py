"""Live state, typed, for admission, web and status.

Absent is None or empty, never a default. Redis not answering raises `LiveUnavailable`; a value nobody here wrote raises
`LiveMalformed`. Both are `LiveError`: whoever decides about money denies on it.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Any, cast

import redis

from zmq_bridge.live import keys
from zmq_bridge.live.errors import LiveMalformed, translated
from zmq_bridge.live.packed import unpack_entry
from zmq_bridge.live.question import Question
from zmq_bridge.live.types import AccountState, LiveTick, Quote, RoleLife, TerminalLife

Entry = tuple[bytes, dict[bytes, bytes]]
Market = tuple[dict[str, Quote], TerminalLife | None]


class LiveReader:
    """Reads live state through one Redis client; safe from several threads."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def ping(self) -> None:
        """Return if Redis answers; raise `LiveUnavailable` if not."""
        with translated():
            self._client.ping()

    def quotes(self, login: int) -> dict[str, Quote]:
        """Every symbol's latest quote at the account."""
        found = self._hash(keys.quotes(login))
        return {symbol: _quote(symbol, text) for symbol, text in found.items()}

    def quote(self, login: int, symbol: str) -> Quote | None:
        """The latest quote of one symbol at the account."""
        with translated():
            text = cast(bytes | None, self._client.hget(keys.quotes(login), symbol))
        return None if text is None else _quote(symbol, text.decode())

    def market(self, login: int) -> Market:
        """Quotes and terminals of the account together, in one round trip."""
        with self.asking(login) as answer:
            return answer()

    @contextmanager
    def asking(self, login: int) -> Iterator[Callable[[], Market]]:
        """Ask for the same now; the answer is read when it is called for, so that something else can be done between.

        A connection that was dead is replaced by another within the call.
        """
        with Question(self._client, (keys.quotes(login), keys.terminal(login))) as question:
            yield lambda: _market(login, question)

    def tick(self, symbol: str) -> LiveTick | None:
        """The latest tick of a symbol from any account."""
        found = self._hash(keys.tick(symbol))
        with _well_formed(keys.tick(symbol)):
            return _tick(symbol, found) if found else None

    def ticks(self, symbol: str, count: int = 100) -> list[LiveTick]:
        """The last `count` ticks at most of a symbol, oldest first, from all accounts as they came in."""
        newest_first: list[LiveTick] = []
        with translated():
            entries = cast(list[Entry], self._client.xrevrange(keys.ticks(symbol), count=count))
        for _, fields in entries:
            with _well_formed(keys.ticks(symbol)):
                newest_first += reversed(list(_expand(symbol, fields)))
            if len(newest_first) >= count:
                break
        return newest_first[:count][::-1]

    def account(self, login: int) -> AccountState | None:
        """The account's last snapshot."""
        found = self._hash(keys.account(login))
        if not found:
            return None
        with _well_formed(keys.account(login)):
            return AccountState(login=login, received_ms=int(found["received_ms"]), fields=found)

    def positions(self, login: int) -> dict[int, dict[str, Any]]:
        """The account's open positions by ticket; numbers with a fraction are Decimal."""
        found = self._hash(keys.positions(login))
        with _well_formed(keys.positions(login)):
            return {int(ticket): json.loads(text, parse_float=Decimal) for ticket, text in found.items()}

    def terminal(self, login: int) -> TerminalLife | None:
        """Signs of life of the account's terminals; None after 3 s of silence of all."""
        found = self._hash(keys.terminal(login))
        with _well_formed(keys.terminal(login)):
            roles = _roles(found)
        return TerminalLife(login=login, roles=roles) if roles else None

    def signals(self, count: int = 50) -> list[dict[str, str]]:
        """The last signals, newest first, each with the `id` of its entry."""
        return self._newest(keys.SIGNALS, count)

    def events(self, count: int = 50) -> list[dict[str, str]]:
        """The last events, newest first, each with the `id` of its entry."""
        return self._newest(keys.EVENTS, count)

    def stats(self) -> dict[str, str]:
        """The bridge's own figures, `{process}.{name}`."""
        return self._hash(keys.STATS)

    def _hash(self, key: str) -> dict[str, str]:
        with translated():
            found = cast(Mapping[bytes, bytes], self._client.hgetall(key))
        with _well_formed(key):
            return _texts(found)

    def _newest(self, key: str, count: int) -> list[dict[str, str]]:
        with translated():
            entries = cast(list[Entry], self._client.xrevrange(key, count=count))
        with _well_formed(key):
            return [
                {"id": entry.decode(), **{name.decode(): value.decode() for name, value in fields.items()}}
                for entry, fields in entries
            ]


def _market(login: int, question: Question) -> Market:
    with translated():
        found = question.answers()
    with _well_formed(keys.quotes(login)):
        quotes, terminal = map(_texts, found)
    return {symbol: _quote(symbol, text) for symbol, text in quotes.items()}, _life(login, terminal)


def _texts(found: Mapping[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in found.items()}


def _life(login: int, found: Mapping[str, str]) -> TerminalLife | None:
    if not found:
        return None
    with _well_formed(keys.terminal(login)):
        return TerminalLife(login=login, roles=_roles(found))


@contextmanager
def _well_formed(key: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError, InvalidOperation) as error:
        raise LiveMalformed(f"{key}: expected what the bridge writes, found {type(error).__name__}: {error}") from error


def _quote(symbol: str, text: str) -> Quote:
    with _well_formed("quotes"):
        found = _QUOTE.decode(text)
        return Quote(
            symbol=symbol,
            bid=_price(found["bid"]),
            ask=_price(found["ask"]),
            time_msc=int(found["time_msc"]),
            received_ms=int(found["received_ms"]),
        )


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


_QUOTE = json.JSONDecoder(parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse_constant)


def _price(value: object) -> Decimal:
    if not isinstance(value, Decimal) or not value.is_finite():
        raise ValueError(f"expected a finite number, found {value!r}")
    return value


def _tick(symbol: str, found: Mapping[str, str]) -> LiveTick:
    return LiveTick(
        symbol=symbol,
        login=int(found["login"]),
        session=int(found["session"]),
        seq=int(found["seq"]),
        time_msc=int(found["time_msc"]),
        bid=Decimal(found["bid"]),
        ask=Decimal(found["ask"]),
        last=Decimal(found["last"]),
        volume_real=Decimal(found["volume_real"]),
        flags=int(found["flags"]),
    )


def _expand(symbol: str, fields: Mapping[bytes, bytes]) -> Sequence[LiveTick]:
    """The ticks of one stream entry, oldest first: one, or a packed batch."""
    if b"msgpack" not in fields:
        return [_tick(symbol, {name.decode(): value.decode() for name, value in fields.items()})]
    return unpack_entry(symbol, int(fields[b"login"]), fields[b"msgpack"])


def _roles(found: Mapping[str, str]) -> dict[str, RoleLife]:
    by_role: dict[str, dict[str, str]] = {}
    for name, value in found.items():
        role, _, field = name.partition(".")
        by_role.setdefault(role, {})[field] = value
    return {
        role: RoleLife(
            role=role,
            session=int(fields.pop("session")),
            last_seen_ms=int(fields.pop("last_seen_ms")),
            fields=fields,
        )
        for role, fields in by_role.items()
        if "last_seen_ms" in fields  # beats alone do not make a terminal one that answers requests
    }
