"""What a key's list of symbols forbids, for everything that is not an opening (which `opening` asks for itself).

Also a way out is somebody's trade: a key that may trade EURUSD only closes, changes and cancels nothing else. What
can't be shown to be of an allowed symbol (a ticket that no snapshot has, everything at once) is refused to such a key.
"""

from __future__ import annotations

from zmq_bridge.admission.answers import Code
from zmq_bridge.admission.plan import Plan, refuse
from zmq_bridge.admission.requests import CloseAll, CloseBy, Request, SetTradingState
from zmq_bridge.admission.signal import Signal
from zmq_bridge.admission.situation import Situation


def signal_refusal(signal: Signal, situation: Situation) -> Plan | None:
    """Refuse a CLOSE of a symbol that the sender may not trade."""
    return _refusal({signal.symbol}, situation)


def request_refusal(request: Request, situation: Situation) -> Plan | None:
    """Refuse a direct request that touches a symbol that the sender may not trade."""
    if isinstance(request, SetTradingState):
        return None  # of the account as a whole: the scope decides
    return _refusal(_touched(request, situation), situation)


def _refusal(symbols: set[str | None], situation: Situation) -> Plan | None:
    allowed = situation.source.symbols
    if allowed is None or symbols <= allowed:
        return None
    found = sorted(symbol or "not known" for symbol in symbols - allowed)
    return refuse(Code.SYMBOL_NOT_ALLOWED, symbol=", ".join(found), allowed=", ".join(sorted(allowed)))


def _touched(request: Request, situation: Situation) -> set[str | None]:
    """The symbols that a request touches; None among them: one that is not known."""
    if isinstance(request, CloseAll):
        return {request.symbol or None}
    assert not isinstance(request, SetTradingState)
    tickets = (request.ticket, request.by) if isinstance(request, CloseBy) else (request.ticket,)
    return {_symbol(ticket, situation) for ticket in tickets}


def _symbol(ticket: int, situation: Situation) -> str | None:
    found = situation.position(ticket) or situation.order(ticket)
    return None if found is None else str(found["symbol"])
