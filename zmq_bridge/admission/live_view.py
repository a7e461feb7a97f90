"""What the gate asks of live state: an account's quotes and whether its terminal is alive. Anything else is no."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from risk.snapshot import Quote
from zmq_bridge.live import types
from zmq_bridge.live.errors import LiveError

Market = tuple[dict[str, types.Quote], types.TerminalLife | None]
AGAIN_S = 0.1
"""An answer to a question older than this is not used: who waited for the account's lock asks again."""


class LiveState(Protocol):
    """`zmq_bridge.live.reader.LiveReader`, as far as the gate needs it."""

    def market(self, login: int) -> Market:
        """Every symbol's latest quote at the account, and its terminals' signs of life; raises LiveError."""

    def asking(self, login: int) -> AbstractContextManager[Callable[[], Market]]:
        """The same in two steps: asked when entered, read (and LiveError raised) when called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveView:
    """Live state at one moment, in risk's words."""

    quotes: Mapping[str, Quote]
    heartbeat_at: datetime | None  # None: no terminal that trades was heard of late
    problem: str | None = None  # why it could not be read


NOTHING = LiveView(quotes={}, heartbeat_at=None)


def look(live: LiveState, login: int) -> LiveView:
    """Read an account's live state; a failure is part of the answer, so that reductions still pass."""
    return _view(lambda: live.market(login))


@contextmanager
def looking(live: LiveState, login: int) -> Iterator[Callable[[], LiveView]]:
    """Ask now, and read when called: what is done between costs no time of its own."""
    with live.asking(login) as answer:
        asked = time.monotonic()
        yield lambda: _view(answer) if time.monotonic() - asked <= AGAIN_S else look(live, login)


def _view(market: Callable[[], Market]) -> LiveView:
    try:
        quotes, terminal = market()
    except LiveError as error:
        return LiveView(quotes={}, heartbeat_at=None, problem=str(error))
    trading = None if terminal is None else terminal.trading()
    return LiveView(
        quotes={symbol: _quote(quote) for symbol, quote in quotes.items()},
        heartbeat_at=None if trading is None else _moment(trading.last_seen_ms),
    )


def _quote(quote: types.Quote) -> Quote:
    return Quote(bid=quote.bid, ask=quote.ask, received_at=_moment(quote.received_ms))


def _moment(unix_ms: int) -> datetime:
    return datetime.fromtimestamp(unix_ms / 1000, UTC)
