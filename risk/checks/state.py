"""Gates: may this account, this strategy, open anything at all now?"""

from risk.case import Ask
from risk.codes import Code
from risk.numbers import HUNDRED
from risk.snapshot import State
from risk.verdict import Check

ACTIVE = State.ACTIVE
_CLOSED = {State.REDUCING: Code.TRADING_REDUCING, State.HALTED: Code.TRADING_HALTED}

DRAWDOWN = Code.DRAWDOWN
DRAWDOWN_LATCHED = Code.DRAWDOWN_LATCHED
NAV_INDEX_MISSING = Code.NAV_INDEX_MISSING
STRATEGY_LATCHED = Code.STRATEGY_LATCHED
SYMBOL_NOT_ALLOWED = Code.SYMBOL_NOT_ALLOWED
TRADE_NOT_ALLOWED = Code.TRADE_NOT_ALLOWED
TRADING_HALTED = Code.TRADING_HALTED
TRADING_STATE_UNKNOWN = Code.TRADING_STATE_UNKNOWN


def check_trading_state(ask: Ask) -> Check:
    """Only an active account opens; an unknown state is a closed one."""
    current = ask.snapshot.trading_state
    state = None if current is None else current.state
    if state is ACTIVE:
        return Check(TRADING_HALTED, state, ACTIVE, True)
    code = _CLOSED.get(state, TRADING_STATE_UNKNOWN) if isinstance(state, State) else TRADING_STATE_UNKNOWN
    return Check(code, None if current is None else f"{state}: {current.reason}", ACTIVE, False)


def check_trade_allowed(ask: Ask) -> Check:
    """The broker and the terminal let experts trade."""
    allowed = ask.account.trade_allowed is True
    return Check(TRADE_NOT_ALLOWED, "allowed" if allowed else "not allowed", "allowed", allowed)


def check_drawdown_latch(ask: Ask) -> Check:
    """A latch that was set stays set, whatever the index does since."""
    index = ask.snapshot.nav_index
    if index is None:
        return Check(NAV_INDEX_MISSING, None, "known", False)
    return Check(DRAWDOWN_LATCHED, "set" if index.latched is not False else "open", "open", index.latched is False)


def check_drawdown(ask: Ask) -> Check:
    """1 - price / peak of the NAV-per-unit index stays below the limit; reaching it is too much."""
    index = ask.snapshot.nav_index
    if index is None or not index.usable:
        return Check(NAV_INDEX_MISSING, None if index is None else str(index), "usable", False)
    limit = ask.limits.max_drawdown_percent
    fallen = (index.peak - index.price) * HUNDRED / index.peak
    return Check(DRAWDOWN, fallen, limit, fallen < limit)


def check_strategy_latch(ask: Ask) -> Check:
    """A strategy that repeated itself stays stopped until a person says otherwise."""
    name = ask.intent.strategy or ask.intent.source
    stopped = name in ask.snapshot.latched_strategies
    return Check(STRATEGY_LATCHED, name, "not latched", not stopped)


def check_symbol_allowed(ask: Ask) -> Check:
    """The symbol is on the account's list, when there is one."""
    allowed = ask.limits.symbols
    return Check(SYMBOL_NOT_ALLOWED, ask.symbol, "allow-list", allowed is None or ask.symbol in allowed)
