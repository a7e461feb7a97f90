"""Carrying a stop out, account by account: a busy one keeps it from nobody else, and is come back to.

Law: what an account has still to hear of (`outstanding`) is done and crossed off in one transaction under its lock,
so it is done once, whoever tries, and a crash in between leaves it to the next who looks: the caller of the stop,
every snapshot of the account, the watch every two seconds. How long each of them waits is bounded (`storage.visits`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from risk.snapshot import State
from zmq_bridge.storage.locks import Lock, hold
from zmq_bridge.storage.risk.enforcement import enforce, send
from zmq_bridge.storage.risk.holding import plain_holds, standing
from zmq_bridge.storage.risk.outstanding import Outstanding, outstanding, take
from zmq_bridge.storage.risk.recall import end_openings
from zmq_bridge.storage.visits import visit_each, visit_once

SOURCE = "system:kill"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a stop did on one account."""

    stopped: tuple[str, ...] = ()  # commands that were not sent any more
    recalled: tuple[str, ...] = ()  # sent before, perhaps not delivered: the terminal says whether it had begun them
    sent: tuple[str, ...] = ()  # commands that are on their way: the state, cancels, the closing of everything


def carry_out(connection: Connection, account_id: int, now: datetime) -> Done | None:
    """Do what is outstanding for an account; the caller holds its lock. None: nothing is."""
    hold(connection, Lock.HOLDS, account_id)  # before the row: whoever announces another stop takes them in this order
    todo = take(connection, account_id)
    return None if todo is None else _do(connection, todo, now)


def carry_out_each(engine: Engine, account_ids: Sequence[int], now: datetime) -> dict[int, Done]:
    """Do what is outstanding for these accounts, each by itself; return what was done. Who is missing is busy."""
    return visit_each(engine, account_ids, lambda connection, each: carry_out(connection, each, now) or Done())


def carry_out_rest(engine: Engine, now: datetime) -> list[int]:
    """Do what is outstanding anywhere, coming to each account once; return those where it was done."""
    with engine.connect() as connection:
        waiting = outstanding(connection)
    return list(visit_once(engine, waiting, lambda connection, each: carry_out(connection, each, now) or Done()))


def _do(connection: Connection, todo: Outstanding, now: datetime) -> Done:
    account_id = todo.account_id
    ended = end_openings(connection, account_id, reason=todo.reason, actor=todo.actor)
    halt = [("set_trading_state", {"state": State.HALTED.value, "reason": todo.reason})] if todo.tells else []
    told = send(connection, account_id, halt, source=SOURCE, now=now)
    sent = enforce(connection, account_id, plain_holds(standing(connection, account_id)), now)
    return Done(stopped=ended.stopped, recalled=ended.recalled, sent=(*told, *sent))
