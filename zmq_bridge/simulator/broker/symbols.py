"""The demo account's symbols, and a specification for any other currency pair that a tick file brings."""

from decimal import Decimal

from zmq_bridge.simulator.broker.model import SymbolSpec
from zmq_bridge.simulator.errors import SimulatorError

PAIR_CHARS = 6


def forex(symbol: str, *, swap_long: str = "-6.5", swap_short: str = "1.2", description: str = "") -> SymbolSpec:
    """Specify a currency pair from its name: the first six characters are its currencies, a suffix may follow.

    Raises:
        SimulatorError: fewer than six letters, so the currencies are unknown.
    """
    pair = symbol[:PAIR_CHARS]
    if len(pair) < PAIR_CHARS or not (pair.isascii() and pair.isalpha()):
        raise SimulatorError(f"symbol: expected a currency pair such as EURUSD or EURUSD.z, found {symbol!r}")
    base, quote = pair[:3].upper(), pair[3:].upper()
    return SymbolSpec(
        symbol=symbol,
        description=description or f"{base} against {quote}",
        digits=3 if quote == "JPY" else 5,
        contract_size=Decimal(100000),
        currency_base=base,
        currency_profit=quote,
        currency_margin=base,
        swap_long=Decimal(swap_long),
        swap_short=Decimal(swap_short),
    )


GOLD = SymbolSpec(
    symbol="XAUUSD",
    description="Gold, troy ounce, against USD",
    digits=2,
    contract_size=Decimal(100),
    currency_base="XAU",
    currency_profit="USD",
    currency_margin="USD",
    calc_mode="cfd_leverage",
    swap_long=Decimal("-25.0"),
    swap_short=Decimal("8.0"),
)

DEFAULT_SYMBOLS: tuple[SymbolSpec, ...] = (
    forex("EURUSD", description="Euro against US dollar"),
    forex("GBPUSD", swap_long="-4.1", swap_short="-2.3", description="Pound against US dollar"),
    forex("USDJPY", swap_long="9.8", swap_short="-18.4", description="US dollar against yen"),
    GOLD,
    forex("EURUSD.z", description="Euro against US dollar, spelled with a suffix"),
)


def spec_for(symbol: str) -> SymbolSpec:
    """Return the demo specification, or make one for a currency pair."""
    for spec in DEFAULT_SYMBOLS:
        if spec.symbol == symbol:
            return spec
    return forex(symbol)
