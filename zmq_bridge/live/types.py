"""What live state looks like to a reader: frozen values, prices as Decimal, times of both clocks.

`time_msc` is the trade server's clock, raw. `received_ms` and `last_seen_ms` are this bridge's clock (Unix UTC): only
these are fit to judge staleness, because a server's clock may be wrong or in another zone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from zmq_bridge.protocol.kinds import Double, TimeMs


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The latest prices of a symbol at one account."""

    symbol: str
    """The broker's exact spelling."""

    bid: Decimal
    ask: Decimal

    time_msc: int
    """Trade server's clock, ms."""

    received_ms: int
    """Our clock, Unix UTC ms."""

    def age_ms(self, now_ms: int) -> int:
        """How long ago it reached us. Negative when the clocks of two machines disagree."""
        return now_ms - self.received_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class PolledQuote:
    """The latest prices of a symbol as a terminal that polls brings them."""

    bid: Double
    ask: Double
    time_msc: TimeMs


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTick:
    """One tick of the recent stream."""

    symbol: str
    login: int
    session: int
    seq: int
    time_msc: int
    bid: Decimal
    ask: Decimal
    last: Decimal
    volume_real: Decimal
    flags: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleLife:
    """Signs of life of a terminal in one role."""

    role: str
    """both, feed or desk."""

    session: int

    last_seen_ms: int
    """Our clock, Unix UTC ms."""

    fields: Mapping[str, str]
    """What else was noted about it, such as `server_offset_s`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalLife:
    """The terminals that speak for an account, by role; at least one."""

    login: int
    roles: Mapping[str, RoleLife]

    def trading(self) -> RoleLife | None:
        """The terminal that executes commands."""
        return self.roles.get("both") or self.roles.get("desk")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """The account's last snapshot, as noted."""

    login: int

    received_ms: int
    """Our clock, Unix UTC ms."""

    fields: Mapping[str, str]
    """Every field as text: `Decimal(fields["equity"])`."""
