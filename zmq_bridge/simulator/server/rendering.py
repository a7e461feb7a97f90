"""The broker's values as JSON maps, and trade requests back. Amounts go out as doubles, as MT5's API gives them.

`exact` writes Decimals as text instead: the oracle's books must not lose a digit.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any

from zmq_bridge.protocol.numbers import to_decimal
from zmq_bridge.simulator.broker.core import Core
from zmq_bridge.simulator.broker.enums import Action, Filling, OrderType
from zmq_bridge.simulator.broker.model import Account, Position, SymbolSpec, TradeRequest, TradeResult
from zmq_bridge.simulator.broker.retcodes import retcode_name
from zmq_bridge.simulator.broker.valuation import price_current
from zmq_bridge.simulator.errors import SimulatorError

FILLING_BITS = {"fok": 1, "ioc": 2, "boc": 4}


def plain(value: Any, *, exact: bool = False) -> Any:
    """Turn dataclasses, enums, Decimals and containers into what JSON has."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return str(value) if exact else float(value)
    if is_dataclass(value):
        return {f.name: plain(getattr(value, f.name), exact=exact) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(each, exact=exact) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each, exact=exact) for each in value]
    return value


def account_map(core: Core, now: Account) -> dict[str, Any]:
    """MT5's account properties."""
    config = core.config
    return {
        "login": config.login,
        "server": config.server,
        "name": config.name,
        "company": config.company,
        "currency": config.currency,
        "currency_digits": config.currency_digits,
        "leverage": config.leverage,
        "margin_mode": config.margin_mode,
        "balance": float(now.balance),
        "equity": float(now.equity),
        "credit": float(now.credit),
        "profit": float(now.profit),
        "margin": float(now.margin),
        "margin_free": float(now.margin_free),
        "margin_level": float(now.margin_level),
        "trade_allowed": core.trade_allowed,
        "trade_expert": core.trade_allowed,
        "limit_orders": config.limit_orders,
    }


def position_map(core: Core, position: Position, floating: Decimal) -> dict[str, Any]:
    """MT5's position properties."""
    body: dict[str, Any] = plain(position)
    del body["margin_rate"]
    return {**body, "price_current": float(price_current(core, position)), "profit": float(floating)}


def spec_map(core: Core, spec: SymbolSpec) -> dict[str, Any]:
    """MT5's symbol properties, in the words of the wire."""
    body: dict[str, Any] = plain(spec)
    for ours in ("tick_value_fixed", "swap_triple_day", "commission_per_lot", "fee_per_deal", "filling_modes"):
        del body[ours]
    return {
        **body,
        "point": float(spec.point),
        "tick_size": float(spec.tick),
        "tick_value": float(tick_value(core, spec)),
        "filling_mode": sum(FILLING_BITS.get(mode, 0) for mode in spec.filling_modes),
    }


def tick_value(core: Core, spec: SymbolSpec) -> Decimal:
    """Money of one tick of one lot in account currency; 0 while no rate is known."""
    in_profit_currency = spec.tick_value_fixed or spec.contract_size * spec.tick
    converted = core.market.convert(-in_profit_currency, spec.currency_profit, core.config.currency)
    return Decimal(0) if converted is None else -converted


def result_map(result: TradeResult) -> dict[str, Any]:
    """MT5's trade result, with the retcode's name."""
    return {**plain(result), "retcode_name": retcode_name(result.retcode)}


def request_from(values: Any) -> TradeRequest:
    """Read a trade request: MT5's field names, absent ones 0 or empty.

    Raises:
        SimulatorError: an unknown field or name, or a value of the wrong sort.
    """
    if not isinstance(values, dict):
        raise SimulatorError(f"request: expected an object, found {values!r}")
    known = _REQUEST_FIELDS
    unknown = set(values) - set(known)
    if unknown or "action" not in values:
        raise SimulatorError(f"request: expected fields out of {sorted(known)} with an action, found {sorted(values)}")
    return TradeRequest(**{name: known[name](name, value) for name, value in values.items()})


def decimal_from(name: str, value: Any) -> Decimal:
    """Read an amount: a JSON number (15 significant digits count) or its exact text."""
    try:
        if isinstance(value, str):
            exact = Decimal(value)
            if exact.is_finite():
                return exact
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            return Decimal(value) if isinstance(value, int) else to_decimal(value)
    except (InvalidOperation, ValueError):
        pass
    raise SimulatorError(f"{name}: expected a finite number, found {value!r}")


def int_from(name: str, value: Any) -> int:
    """Read a whole number of at least 0."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**64:
        return value
    raise SimulatorError(f"{name}: expected a whole number from 0 to 2**64 - 1, found {value!r}")


def text_from(name: str, value: Any) -> str:
    """Read text."""
    if isinstance(value, str):
        return value
    raise SimulatorError(f"{name}: expected text, found {value!r}")


def _enum_reader(cls: type[Enum]) -> Any:
    def read(name: str, value: Any) -> Enum:
        try:
            return cls(value)
        except ValueError:
            raise SimulatorError(f"{name}: expected one of {[e.value for e in cls]}, found {value!r}") from None

    return read


_REQUEST_FIELDS: dict[str, Any] = {
    "action": _enum_reader(Action),
    "type": _enum_reader(OrderType),
    "filling": _enum_reader(Filling),
    "symbol": text_from,
    "comment": text_from,
    **dict.fromkeys(("volume", "price", "stoplimit", "sl", "tp"), decimal_from),
    **dict.fromkeys(("deviation", "expiration_msc", "order", "position", "position_by", "magic"), int_from),
}
