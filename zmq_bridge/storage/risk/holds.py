"""Everything that keeps an account from opening positions now, in one list: who holds it, how, and what lifts it.

The gate decides by the same rows (`storage.risk.holding`); this is what people are shown, so that a halt is never
invisible.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection

from risk.states import LIFTED_BY_SETTING_THE_STATE, RULES, Cause, expire
from zmq_bridge.storage.risk.holding import Standing, standing

STRATEGIES = """
SELECT strategy, reason, latched_at FROM strategy_latches WHERE account_id = %(account)s ORDER BY strategy
"""

LOGIN = "SELECT login FROM accounts WHERE id = %(account)s"

LIFTED_BY = {
    Cause.NOT_RECONCILED: "the first agreement of ledger and broker",
    Cause.DRAWDOWN: "`zmq-bridge trading reset-drawdown --account {login} --reason WHY`",
    Cause.RECONCILIATION_BREAK: "ledger and broker agreeing again; see `zmq-bridge ledger report --account {login}`",
    Cause.TERMINAL_LOST: "its terminal, once it is back, the books agree and its pending orders are cancelled",
    Cause.POSITION_UNPROTECTED: "a stop loss, or the end of the position",
    Cause.POSITION_BY_HAND: "the end of it, or `zmq-bridge trading adopt TICKET --account {login} --reason WHY`",
    Cause.MARGIN_LOW: "a margin level above the limit",
    Cause.LIMIT_EXCEEDED: "all of it within the limits again",
}
"""What ends a hold, for people; the rest is lifted by setting the state, or by the calendar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One reason why an account may not open positions, or not all."""

    state: str  # of the account: reducing or halted; active: a warning, or only one strategy is stopped
    cause: str  # of `risk.states.Cause`, or `strategy_latch`
    reason: str  # in words
    actor: str  # who or what imposed it
    at: datetime  # when it began
    until: datetime | None  # when it ends by itself; None: it does not
    lifted_by: str  # what ends it
    closes: bool = False  # positions are being closed


def holds(connection: Connection, account_id: int) -> tuple[Hold, ...]:
    """Return what holds an account, the strictest first; nothing: it is active."""
    login = connection.exec_driver_sql(LOGIN, {"account": account_id}).scalar()
    now = datetime.now(UTC)
    found = [_shown(each, login) for each in standing(connection, account_id) if expire((each.hold,), now)]
    rows = connection.exec_driver_sql(STRATEGIES, {"account": account_id})
    found += [_strategy(login, row.strategy, row.latched_at) for row in rows]
    order = ("halted", "reducing", "active")
    return tuple(sorted(found, key=lambda hold: (order.index(hold.state), hold.at)))


def effective_state(found: tuple[Hold, ...]) -> str:
    """Return the strictest state of the holds that are about the whole account."""
    states = {hold.state for hold in found}
    return next((state for state in ("halted", "reducing") if state in states), "active")


def _shown(each: Standing, login: int | None) -> Hold:
    held = each.hold
    return Hold(
        state=RULES[held.cause].state.value,
        cause=held.cause.value,
        reason=f"all accounts: {held.reason}" if each.everywhere else held.reason,
        actor=held.actor,
        at=held.at,
        until=held.until,
        lifted_by=_lifted_by(each, login),
        closes=held.closes,
    )


def _lifted_by(each: Standing, login: int | None) -> str:
    held = each.hold
    if held.until is not None:
        return f"the server's next day, {held.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if held.cause in LIFTED_BY_SETTING_THE_STATE - LIFTED_BY.keys():
        account = "" if each.everywhere else f" --account {login}"
        return f"`zmq-bridge trading active{account} --reason WHY`"
    return LIFTED_BY.get(held.cause, "a named person").format(login=login)


def _strategy(login: int | None, name: str, at: datetime) -> Hold:
    mend = f"`zmq-bridge trading release-strategy {name} --account {login} --reason WHY`"
    return Hold(
        state="active", cause="strategy_latch", reason=f"strategy {name} repeated itself and is stopped", actor="risk",
        at=at, until=None, lifted_by=mend,
    )  # fmt: skip
