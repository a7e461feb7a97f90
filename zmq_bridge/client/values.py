"""What a strategy sees: ticks with their origin, gaps, prices, and how to prove who it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, NamedTuple


class LiveTick(NamedTuple):
    """One tick as it reached this program. Prices are floats: quotes, not books."""

    symbol: str  # the broker's exact spelling
    login: int  # account whose terminal sent it
    time_msc: int  # trade server's clock, ms, raw
    bid: float
    ask: float
    last: float  # 0.0 where the symbol has none
    volume_real: float
    flags: int  # MT5 TICK_FLAG_*
    session: int  # of the terminal
    seq: int  # number of the tick in (session, symbol, login)
    queued_s: float  # it waited here at most this long before you got it
    is_stale: bool  # only with stale="flag": older than max_age_s


class GapNotice(NamedTuple):
    """Ticks that did not come, or news of a gap that the bridge found.

    `reason` says who noticed: this client by sequence number ("jump"), because the terminal restarted ("session"; what
    was sent before may be lost too) or by a heartbeat that named a higher number ("beat"); or the bridge ("bridge"),
    which announces a gap as open and later as filled from the terminal's own history, or as lost for good: fewer were
    found there than had been lost.
    """

    symbol: str
    login: int
    reason: Literal["jump", "session", "beat", "bridge"]
    lost: int  # ticks; 0 = not known
    state: Literal["open", "filled", "lost"]
    from_msc: int  # of the last tick before it; 0 = not known
    to_msc: int  # of the first tick after it; 0 = not known
    found: int = 0  # ticks that the bridge got back, once it is not open any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The latest price that the bridge has of a symbol."""

    symbol: str
    bid: Decimal
    ask: Decimal
    time_msc: int  # trade server's clock
    age_ms: int  # since the bridge received it


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """PLAIN when a user name is given, CURVE when keys are; nothing for a bridge on this machine."""

    username: str = ""
    password: str = field(default="", repr=False)
    server_key: str = ""  # the bridge's public key, Z85
    public_key: str = ""  # our own, Z85
    secret_key: str = field(default="", repr=False)  # Z85
