"""Coming to accounts one by one, each in a transaction of its own under its lock: a busy one keeps nobody waiting.

Law: whoever visits is done within `WHOLE_S`, however many accounts are busy and for however long. The first round goes
past what is busy, so that it keeps no free account waiting; the rounds behind it come back to the rest. Who is missing
in the answer was busy, or not come to yet, and nothing was done there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from zmq_bridge.storage.locks import Lock, hold

log = logging.getLogger(__name__)

GLANCE_MS = 20
"""How long the first round waits for any lock of an account."""
WAIT_MS_MAX = 500
"""The same in the rounds behind it."""
PAUSE_S = 0.05
"""Between rounds."""
WHOLE_S = 1.0
"""After so long nobody is come to any more. Whoever stops trading wants his answer within two seconds."""
LOCK_NOT_AVAILABLE = "55P03"
"""Postgres' word for a lock that was waited for long enough."""

Done = TypeVar("Done")


def visit_each(
    engine: Engine, account_ids: Sequence[int], act: Callable[[Connection, int], Done]
) -> dict[int, Done]:
    """Act on each account, coming back to those that are busy; return what was done, by account."""
    ends_at = time.monotonic() + WHOLE_S
    done = _round(engine, account_ids, act, ends_at, GLANCE_MS)
    while (left := [each for each in account_ids if each not in done]) and time.monotonic() < ends_at:
        time.sleep(PAUSE_S)  # not every failure took its time
        done |= _round(engine, left, act, ends_at, WAIT_MS_MAX)
    return done


def visit_once(
    engine: Engine, account_ids: Sequence[int], act: Callable[[Connection, int], Done]
) -> dict[int, Done]:
    """Act on each account that is free or soon is, in one round."""
    return _round(engine, account_ids, act, time.monotonic() + WHOLE_S, WAIT_MS_MAX)


def _round(
    engine: Engine, account_ids: Iterable[int], act: Callable[[Connection, int], Done], ends_at: float, wait_ms: int
) -> dict[int, Done]:
    done: dict[int, Done] = {}
    for account_id in account_ids:
        left_ms = int((ends_at - time.monotonic()) * 1000)
        if left_ms <= 0:
            break
        try:
            done[account_id] = _visit(engine, account_id, act, min(wait_ms, left_ms))
        except SQLAlchemyError as error:
            is_busy = getattr(getattr(error, "orig", None), "pgcode", None) == LOCK_NOT_AVAILABLE
            level = logging.DEBUG if is_busy else logging.WARNING
            log.log(level, "account is not come to: account_id=%d: %s", account_id, str(error).splitlines()[0])
    return done


def _visit(engine: Engine, account_id: int, act: Callable[[Connection, int], Done], wait_ms: int) -> Done:
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {wait_ms:d}")
        hold(connection, Lock.ADMISSION, account_id)
        return act(connection, account_id)
