"""A request on its way through the gate: what it is, who sent it, how it is judged. The same for all kinds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from zmq_bridge.admission.allowed import request_refusal, signal_refusal
from zmq_bridge.admission.closing import plan_closing
from zmq_bridge.admission.direct import needs_live_state, plan_request
from zmq_bridge.admission.opening import plan_opening
from zmq_bridge.admission.plan import Plan
from zmq_bridge.admission.requests import (
    CancelOrder,
    CloseAll,
    CloseBy,
    ClosePosition,
    ModifyOrder,
    ModifyPosition,
    Request,
    SetTradingState,
    as_plain,
    check,
)
from zmq_bridge.admission.rows import SIDES, Ticketed, ticket_direct, ticket_signal
from zmq_bridge.admission.signal import Action, Signal, as_request
from zmq_bridge.admission.situation import Situation
from zmq_bridge.admission.snapshot import strategy
from zmq_bridge.admission.source import Source
from zmq_bridge.storage.commands.recent import Alike
from zmq_bridge.storage.risk.trading_state import set_account_state
from zmq_bridge.storage.trading.changes import record_request

Effect = Callable[[Connection, int, datetime], None]

AUDITED: dict[type[Request], str] = {
    ClosePosition: "position.close",
    CloseBy: "position.close_by",
    ModifyPosition: "position.modify",
    CancelOrder: "order.cancel",
    ModifyOrder: "order.modify",
    CloseAll: "positions.close_all",
}
"""What the audit log calls a request that was approved. A signal needs no line: it is stored with its sender."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """Everything the gate needs to know about a request."""

    ticketed: Ticketed
    source: Source
    login: int | None  # None: the only account the source may use
    server: str | None
    judge: Callable[[Situation], Plan]
    needs_live: bool  # it may add risk
    symbol: str = ""  # for limits per symbol; "": the account's
    magic: int | None = None  # for limits per strategy
    ticket: int | None = None  # of what it changes: then its symbol and strategy find the limits
    alike: Alike | None = None  # what counts as repeating it; None: it is no signal
    effect: Effect | None = None  # what else an approval changes, in the same transaction

    @property
    def direct(self) -> bool:
        """Whether it is no signal."""
        return self.ticketed.signal is None

    def scope(self, row: Row[Any]) -> tuple[str, int | None]:
        """Symbol and magic that find the limits: the request's own, or those of the ticket that it changes."""
        tickets = () if self.ticket is None else (*(row.positions or ()), *(row.orders or ()))
        found = next((each for each in tickets if each["ticket"] == self.ticket), None)
        return (self.symbol, self.magic) if found is None else (found["symbol"], found["magic"] or None)


def of_signal(signal: Signal, source: Source, now: datetime) -> Application:
    """A signal applies."""
    opening = signal.action is not Action.CLOSE

    def judge(situation: Situation) -> Plan:
        if opening:
            return plan_opening(signal, situation)
        return signal_refusal(signal, situation) or plan_closing(signal, situation)

    return Application(
        ticketed=ticket_signal(signal, source.id, as_request(signal), now),
        source=source,
        login=signal.account,
        server=signal.server,
        judge=judge,
        needs_live=opening,
        symbol=signal.symbol,
        magic=signal.magic,
        alike=Alike(
            symbol=signal.symbol, side=SIDES.get(signal.action, ""), strategy=strategy(signal.magic) or source.id
        ),
    )


def of_request(
    request: Request, source: Source, login: int | None, server: str | None, key: str | None, now: datetime
) -> Application:
    """A direct request applies.

    Raises:
        InvalidRequest: login, server or key is none.
    """
    for name, value in (("account", login), ("server", server), ("idempotency_key", key)):
        check(name, value)

    def judge(situation: Situation) -> Plan:
        return request_refusal(request, situation) or plan_request(request, situation)

    return Application(
        ticketed=ticket_direct(source.id, key, as_plain(request) | {"account": login, "server": server}, now),
        source=source,
        login=login,
        server=server,
        judge=judge,
        needs_live=needs_live_state(request),
        ticket=request.ticket if isinstance(request, ModifyPosition | ModifyOrder) else None,
        effect=_switch(request, source) if isinstance(request, SetTradingState) else _note(request, source),
    )


def _switch(request: SetTradingState, source: Source) -> Effect:
    """What a change of the trading state changes besides the command to the terminal."""

    def effect(connection: Connection, account_id: int, now: datetime) -> None:
        set_account_state(
            connection, account_id, request.state, reason=request.reason, actor=source.actor, now=now,
            may_lift=source.may_lift,
        )  # fmt: skip

    return effect


def _note(request: Request, source: Source) -> Effect:
    """The line that an approved request leaves in the audit log."""

    def effect(connection: Connection, account_id: int, now: datetime) -> None:
        record_request(connection, account_id, as_plain(request), action=AUDITED[type(request)], actor=source.actor)

    return effect
