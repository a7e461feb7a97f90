"""What a symbol is worth: MT5's profit and margin formulas for every calculation mode.

The formulas are those of the MQL5 reference, section "Symbol properties", table ENUM_SYMBOL_CALC_MODE, and of the
platform help, "Margin calculation" (the rules on fixed margin). Pure figures of one lot; conversion into the account
currency is `risk.conversion`'s work, except where the broker's tick value is the formula's own input: MT5 reports it in
the account currency already.
"""

from decimal import Decimal

from risk.codes import Code
from risk.refusal import Refused
from risk.snapshot import CalcMode, SymbolSpec

BY_TICK_VALUE = frozenset({CalcMode.FUTURES, CalcMode.EXCH_FUTURES})  # profit = distance / tick size * tick value
BY_INITIAL_MARGIN = BY_TICK_VALUE  # margin = lots * initial margin
LEVERAGED = frozenset({CalcMode.FOREX, CalcMode.CFD_LEVERAGE})  # margin is divided by the account's leverage
BY_CONTRACT = frozenset({CalcMode.FOREX, CalcMode.FOREX_NO_LEVERAGE})  # margin without a price


def profit_per_price(spec: SymbolSpec) -> tuple[Decimal, str | None]:
    """Return what one lot gains when the price moves by 1.0 in its favour, and the currency; None: the account's.

    Futures, exchange futures: (close - open) * lots * tick_value / tick_size.
    All others: (close - open) * contract_size * lots, in the profit currency.
    """
    if spec.calc_mode in BY_TICK_VALUE:
        return spec.tick_value / spec.tick_size, None
    return spec.contract_size, spec.currency_profit


def margin_per_lot(spec: SymbolSpec, price: Decimal, leverage: int) -> tuple[Decimal, str]:
    """Return the margin one lot needs when opened at `price`, and its currency.

    Fixed (`margin_initial` set): lots * margin_initial, divided by leverage for forex and CFD with leverage.
    Forex: lots * contract_size / leverage. Forex without leverage: lots * contract_size.
    CFD, exchange stocks: lots * contract_size * price. CFD with leverage: that / leverage.
    CFD index: lots * contract_size * price * tick_value / tick_size.
    Futures, exchange futures: lots * margin_initial (without one the margin is unknown: refused).
    Each times the margin rate.
    """
    amount = _margin_before_leverage(spec, price) * spec.margin_rate
    if spec.calc_mode in LEVERAGED:
        amount /= leverage
    return amount, spec.currency_margin


def _margin_before_leverage(spec: SymbolSpec, price: Decimal) -> Decimal:
    if spec.margin_initial is not None:
        return spec.margin_initial
    if spec.calc_mode in BY_INITIAL_MARGIN:
        raise Refused(Code.SPEC_INVALID, symbol=spec.symbol, margin_initial=None, expected="set for futures")
    if spec.calc_mode in BY_CONTRACT:
        return spec.contract_size
    if spec.calc_mode is CalcMode.CFD_INDEX:
        return spec.contract_size * price * spec.tick_value / spec.tick_size
    return spec.contract_size * price
