"""Carrying a stop out, account by account: a busy one keeps it from nobody else, and is come back to.

Law: what an account has still to hear of (`outstanding`) is done and crossed off in one transaction under its lock,
so it is done once, whoever tries, and a crash in between leaves it to the next who looks: the caller of the stop,
every snapshot of the account, the watch every two seconds. Waiting is bounded: `WAITS_MS` for an account, `WHOLE_S`
for all.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from risk.snapshot import State
from zmq_bridge.storage.locks import Lock, hold
from zmq_bridge.storage.risk.enforcement import enforce, send
from zmq_bridge.storage.risk.holding import plain_holds, standing
from zmq_bridge.storage.risk.outstanding import Outstanding, outstanding, take
from zmq_bridge.storage.risk.recall import end_openings

log = logging.getLogger(__name__)

SOURCE = "system:kill"
FIRST_WAIT_MS = 250
"""How long an account's lock is waited for in the first round, which comes to every account."""
WAIT_MS_MAX = 1000
"""The same in the rounds behind it, which come to those that were busy."""
WHOLE_S = 3.0
"""After so long nobody is come back to; what is left is the watch's. Whoever asked over ZeroMQ waits five seconds."""


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
    ends_at = time.monotonic() + WHOLE_S
    done = _round(engine, account_ids, now, FIRST_WAIT_MS)
    while (left := [each for each in account_ids if each not in done]) and time.monotonic() < ends_at:
        done |= _round(engine, left, now, WAIT_MS_MAX, ends_at)
    return done


def carry_out_rest(engine: Engine, now: datetime) -> list[int]:
    """Do what is outstanding anywhere, without waiting long; return the accounts where it was done."""
    with engine.connect() as connection:
        waiting = outstanding(connection)
    return list(_round(engine, waiting, now, FIRST_WAIT_MS))


def _round(
    engine: Engine, account_ids: Sequence[int], now: datetime, wait_ms: int, ends_at: float = math.inf
) -> dict[int, Done]:
    tried = {each: _try(engine, each, now, wait_ms) for each in account_ids if time.monotonic() < ends_at}
    return {account_id: done for account_id, done in tried.items() if done is not None}


def _try(engine: Engine, account_id: int, now: datetime, wait_ms: int) -> Done | None:
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {wait_ms:d}")
            hold(connection, Lock.ADMISSION, account_id)
            connection.exec_driver_sql("SET LOCAL lock_timeout TO DEFAULT")
            return carry_out(connection, account_id, now) or Done()
    except SQLAlchemyError as error:
        log.warning("stop not carried out yet: account_id=%d: %s", account_id, str(error).splitlines()[0])
        return None


def _do(connection: Connection, todo: Outstanding, now: datetime) -> Done:
    account_id = todo.account_id
    ended = end_openings(connection, account_id, reason=todo.reason, actor=todo.actor)
    halt = [("set_trading_state", {"state": State.HALTED.value, "reason": todo.reason})] if todo.tells else []
    told = send(connection, account_id, halt, source=SOURCE, now=now)
    sent = enforce(connection, account_id, plain_holds(standing(connection, account_id)), now)
    return Done(stopped=ended.stopped, recalled=ended.recalled, sent=(*told, *sent))
