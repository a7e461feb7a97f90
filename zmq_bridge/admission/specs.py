"""Symbol specifications of an account, read once and kept until they change.

The gate's query carries a version of them all, in two parts: a new first part makes them be read again in the same
transaction, a new second part only when each was last told. So a decision never uses a specification older than the one
stored, and one that is told again unchanged costs little.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from risk.snapshot import CalcMode, Compared, Session, SymbolSpec, TradeMode
from zmq_bridge.admission.snapshot import Unreadable
from zmq_bridge.storage.commands.gate import read_specs, read_specs_seen

ACCOUNTS_MAX = 1000  # accounts remembered; past it all are forgotten


@dataclass(frozen=True, slots=True, kw_only=True)
class Specs:
    """What one account may trade."""

    version: str
    symbols: Mapping[str, SymbolSpec]
    untradable: frozenset[str]  # taken off the account's list by an operator
    unreadable: Mapping[str, str]  # symbol -> what is wrong with its stored specification


class SpecCache:
    """The specifications of every account, for one process."""

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.Lock()
        self._known: dict[int, Specs] = {}

    def get(self, connection: Connection, account_id: int, version: str) -> Specs:
        """The account's specifications of this version."""
        known = self._known.get(account_id)
        if known is not None and known.version == version:
            return known
        if known is not None and _content(known.version) == _content(version):
            fresh = _seen_again(connection, account_id, version, known)
        else:
            fresh = _load(connection, account_id, version)
        with self._lock:
            if len(self._known) >= ACCOUNTS_MAX:
                self._known.clear()
            self._known[account_id] = fresh
        return fresh


def _content(version: str) -> str:
    return version.partition("|")[0]


def _seen_again(connection: Connection, account_id: int, version: str, known: Specs) -> Specs:
    seen = read_specs_seen(connection, account_id)
    symbols = {
        symbol: spec if spec.as_of == seen.get(symbol) else replace(spec, as_of=seen.get(symbol, spec.as_of))
        for symbol, spec in known.symbols.items()
    }
    return replace(known, version=version, symbols=symbols)


def _load(connection: Connection, account_id: int, version: str) -> Specs:
    symbols: dict[str, SymbolSpec] = {}
    unreadable: dict[str, str] = {}
    untradable: set[str] = set()
    for row in read_specs(connection, account_id):
        if not row.tradable:
            untradable.add(row.symbol)
        try:
            symbols[row.symbol] = to_spec(row.spec, row.commission, row.seen_at, row.figures or {})
        except Unreadable as error:
            unreadable[row.symbol] = str(error)
    return Specs(version=version, symbols=symbols, untradable=frozenset(untradable), unreadable=unreadable)


def to_spec(
    found: Mapping[str, Any], commission: Decimal, as_of: datetime, figures: Mapping[str, Any] | None = None
) -> SymbolSpec:
    """A stored `spec` map of the wire in risk's words.

    Args:
        found: the map.
        commission: round trip of one lot.
        as_of: when the terminal last told it.
        figures: what the last comparison of the terminal's figures with ours gave.

    Raises:
        Unreadable: a field is missing, or of a kind that we don't know.
    """
    try:
        return _to_spec(found, commission, as_of, figures or {})
    except (LookupError, AttributeError, TypeError, ValueError, ArithmeticError) as error:
        raise Unreadable(f"specification: {type(error).__name__}: {error}") from error


def _to_spec(
    found: Mapping[str, Any], commission: Decimal, as_of: datetime, figures: Mapping[str, Any]
) -> SymbolSpec:
    return SymbolSpec(
        symbol=found["symbol"],
        digits=found["digits"],
        point=Decimal(found["point"]),
        tick_size=Decimal(found["tick_size"]),
        tick_value=Decimal(found["tick_value"]),
        contract_size=Decimal(found["contract_size"]),
        volume_min=Decimal(found["volume_min"]),
        volume_max=Decimal(found["volume_max"]),
        volume_step=Decimal(found["volume_step"]),
        volume_limit=_optional(found, "volume_limit"),
        stops_level=int(found.get("stops_level", 0)),
        freeze_level=int(found.get("freeze_level", 0)),
        calc_mode=CalcMode(found["calc_mode"]),
        trade_mode=TradeMode(found["trade_mode"]),
        currency_base=found["currency_base"],
        currency_profit=found["currency_profit"],
        currency_margin=found["currency_margin"],
        margin_initial=_optional(found, "margin_initial"),
        margin_maintenance=_optional(found, "margin_maintenance"),
        margin_rate=Decimal(found.get("margin_rate", 1)),
        terminal_margin=_compared(figures.get("margin")),
        terminal_profit=_compared(figures.get("profit")),
        commission=commission,
        sessions=tuple(Session(day=day, from_s=from_s, to_s=to_s) for day, from_s, to_s in found["sessions"]),
        as_of=as_of,
    )


def _compared(pair: Mapping[str, Any] | None) -> Compared | None:
    if pair is None:
        return None
    return Compared(given=Decimal(pair["given"]), low=Decimal(pair["low"]), high=Decimal(pair["high"]))


def _optional(found: Mapping[str, Any], name: str) -> Decimal | None:
    """A figure of which 0 means that the broker sets none."""
    return Decimal(found.get(name, 0)) or None
