"""The claims thread: owns accounts, claims their commands the moment they are committed, sweeps behind.

Law: the connection that holds an account's lock is the connection that claims for it, so whoever lost the one has lost
the other. It commits asynchronously (see `storage.outbox`). It sleeps on the connection (LISTEN) and its mailbox; the
sweep every SWEEP_S is there for a NOTIFY that got lost and for what only time brings about. Postgres being away stops
claims and nothing else.
"""

from __future__ import annotations

import logging
import select
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from zmq_bridge.protocol.commands import Command, TradingStateName
from zmq_bridge.relay.commands import UnsendableCommand, to_command
from zmq_bridge.relay.mailbox import Mailbox
from zmq_bridge.relay.messages import Claimed, Lost, Report, StateSet
from zmq_bridge.storage.commands import outbox
from zmq_bridge.storage.locks import Lock, disown, own

log = logging.getLogger(__name__)

SWEEP_S = 1.0
ASK_AGAIN_SWEEPS = 5
"""Every so many sweeps, commands without an answer are brought up again."""
QUIET_S = 5.0
"""A sent command is brought up again after this long; the session's own resend is quicker."""
DOUBT_GRACE_S = 2.0
"""How long after its time to live a sent command without an answer is called unknown."""
CLAIM_MAX = 64
ORDERS_MAX = 1024
RECONNECT_S = 0.5
RELEASE_S = 15.0
"""How long an account is kept for a terminal that fell silent; for one that said bye, until the next sweep."""
OWN_TRIES_S = 5.0
"""How long a lost lock is tried for (an old connection of ours may linger) before it counts as another desk's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """Take the ownership of an account."""

    account_id: int
    owned: Future[bool] = field(default_factory=Future)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attend:
    """A terminal of the account is there, or not: claim for one that trades, or leave the commands queued."""

    account_id: int
    trades: bool
    """Its place: it takes trade commands, or it only feeds ticks."""
    present: bool
    gone: bool = False
    """It said bye: nobody needs to wait for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """End the thread; locks go with the connection."""


Order = Adopt | Attend | Stop


class ClaimsThread(threading.Thread):
    """Claims commands for the accounts it owns."""

    def __init__(self, engine: Engine, report: Callable[[Report], bool]) -> None:
        super().__init__(name="desk-claims", daemon=True)
        self._engine = engine
        self._report = report
        self._orders: Mailbox[Order] = Mailbox(items_max=ORDERS_MAX)
        self._claims = Claims(report)

    def adopt(self, account_id: int, timeout_s: float) -> bool:
        """Take the ownership of an account; False when another desk has it or the database does not answer in time."""
        order = Adopt(account_id=account_id)
        if not self._orders.put(order):
            return False
        with suppress(TimeoutError):
            return order.owned.result(timeout_s)
        return False

    def owns(self, account_id: int) -> bool:
        """Say whether the account is ours now."""
        return account_id in self._claims.owned

    def attend(self, account_id: int, *, trades: bool, present: bool, gone: bool = False) -> None:
        """Say whether a terminal of an account is there now, or gone for good."""
        self._orders.put(Attend(account_id=account_id, trades=trades, present=present, gone=gone))

    def stop(self) -> None:
        """End the thread and give up every account."""
        self._orders.put(Stop())
        self.join(timeout=10.0)

    def run(self) -> None:
        """Serve until stopped, over reconnects."""
        while not self._claims.stopped:
            try:
                with self._engine.connect() as connection:
                    try:
                        self._serve(connection)
                    finally:
                        connection.invalidate()  # a pooled connection would keep the locks
            except SQLAlchemyError as error:
                log.warning("claims: the database is away: %s", str(error).splitlines()[0])
                self._answer_while_away()

    def _serve(self, connection: Connection) -> None:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.exec_driver_sql("SET synchronous_commit = off")
        connection.exec_driver_sql(f"LISTEN {outbox.COMMANDS_CHANNEL}")
        link = cast(Any, connection.connection.driver_connection)
        poller = select.poll()
        poller.register(link.fileno(), select.POLLIN)
        poller.register(self._orders.fileno(), select.POLLIN)
        self._claims.begin(connection)
        sweep_at = time.monotonic()
        while not self._claims.stopped:
            ready = poller.poll(max(0.0, sweep_at - time.monotonic()) * 1000)
            if any(event & ~select.POLLIN for _, event in ready):
                connection.exec_driver_sql("SELECT 1")  # says what happened, as an exception
            while orders := self._orders.drain(1):  # one by one: a connection that breaks must not take others along
                self._claims.obey(connection, orders[0])
            link.poll()
            if link.notifies:
                link.notifies.clear()
                self._claims.claim(connection)
                self._claims.tell_states(connection)
            if time.monotonic() >= sweep_at:
                self._claims.sweep(connection)
                sweep_at = time.monotonic() + SWEEP_S

    def _answer_while_away(self) -> None:
        self._orders.wait(RECONNECT_S)
        for order in self._orders.drain():
            self._claims.obey(None, order)


class Claims:
    """What the thread knows, and does with a connection."""

    def __init__(self, report: Callable[[Report], bool]) -> None:
        self.stopped = False
        self._report = report
        self._adopted: set[int] = set()
        self.owned: set[int] = set()
        """Accounts whose lock this connection holds."""
        self._attended: set[int] = set()
        """Accounts with a terminal that takes trade commands now."""
        self._fed: set[int] = set()
        self._idle_since: dict[int, float] = {}
        self._states: dict[int, str] = {}
        self._sweeps = 0
        self._unowned_since: dict[int, float] = {}

    def begin(self, connection: Connection) -> None:
        """Start over on a new connection: the old one's locks are gone."""
        self.owned.clear()
        self._own_again(connection)

    def obey(self, connection: Connection | None, order: Order) -> None:
        """Do what another thread asks; without a connection what can be done without one."""
        match order:
            case Adopt(account_id=account_id, owned=owned):
                owned.set_result(connection is not None and self._adopt(connection, account_id))
            case Attend():
                self._attend(connection, order)
            case Stop():
                self.stopped = True
                self._disown(connection)

    def claim(self, connection: Connection) -> None:
        """Claim everything that waits for a terminal that is there."""
        accounts = sorted(self.owned & self._attended)
        while accounts:
            claims = outbox.claim(connection, accounts, CLAIM_MAX)
            for each in claims:
                self._tell_state(each.account_id, each.trading_state)  # before the commands admitted in it
                self._hand_over(connection, each.account_id, each.commands, attempt=1)
            if sum(len(each.commands) for each in claims) < CLAIM_MAX:
                return

    def tell_states(self, connection: Connection) -> None:
        """Pass on trading states that changed."""
        for account_id, state in outbox.trading_states(connection, sorted(self.owned)).items():
            self._tell_state(account_id, state)

    def sweep(self, connection: Connection) -> None:
        """Do what time brings about."""
        self._sweeps += 1
        self._own_again(connection)
        self._release_idle(connection)
        for command_id, account_id in outbox.expire_queued(connection):
            log.warning("command expired before it was sent: account_id=%d command_id=%s", account_id, command_id)
        for command_id, account_id in outbox.doubt_sent(connection, DOUBT_GRACE_S):
            log.warning("command without an answer is unknown: account_id=%d command_id=%s", account_id, command_id)
        self.claim(connection)
        self.tell_states(connection)
        if self._sweeps % ASK_AGAIN_SWEEPS == 0 and self.owned & self._attended:
            accounts = sorted(self.owned & self._attended)
            for account_id, rows in groupby(
                outbox.unconfirmed(connection, accounts, CLAIM_MAX, quiet_s=QUIET_S), attrgetter("account_id")
            ):
                self._hand_over(connection, account_id, rows, attempt=2)

    def _tell_state(self, account_id: int, state: str) -> None:
        if self._states.get(account_id) != state:
            self._states[account_id] = state
            self._report(StateSet(account_id=account_id, state=cast(TradingStateName, state)))

    def _attend(self, connection: Connection | None, order: Attend) -> None:
        places = self._attended if order.trades else self._fed
        if not order.present:
            places.discard(order.account_id)
            self._idle_since[order.account_id] = time.monotonic() - (RELEASE_S if order.gone else 0.0)
            return
        places.add(order.account_id)
        self._states.pop(order.account_id, None)  # it may have changed while nobody was there to be told
        if connection is not None:
            self.claim(connection)
            self.tell_states(connection)

    def _release_idle(self, connection: Connection) -> None:
        """Give up accounts that no terminal of ours speaks for: it may have gone to another desk."""
        for account_id in sorted(self.owned - self._attended - self._fed):
            since = self._idle_since.setdefault(account_id, time.monotonic())
            if time.monotonic() - since >= RELEASE_S:
                disown(connection, Lock.OWNER, account_id)
                self.owned.discard(account_id)
                self._give_up(account_id, "no terminal speaks for it")

    def _adopt(self, connection: Connection, account_id: int) -> bool:
        if account_id not in self.owned and not own(connection, Lock.OWNER, account_id):
            return False
        self._adopted.add(account_id)
        self.owned.add(account_id)
        self._idle_since[account_id] = time.monotonic()
        self._states.pop(account_id, None)
        return True

    def _own_again(self, connection: Connection) -> None:
        for account_id in sorted(self._adopted - self.owned):
            if own(connection, Lock.OWNER, account_id):
                self.owned.add(account_id)
                self._unowned_since.pop(account_id, None)
                continue
            since = self._unowned_since.setdefault(account_id, time.monotonic())
            if time.monotonic() - since >= OWN_TRIES_S:
                self._give_up(account_id, "another desk owns it")

    def _give_up(self, account_id: int, reason: str) -> None:
        log.warning("account is given up: account_id=%d: %s", account_id, reason)
        for places in (self._adopted, self._attended, self._fed):
            places.discard(account_id)
        self._unowned_since.pop(account_id, None)
        self._idle_since.pop(account_id, None)
        self._report(Lost(account_id=account_id))

    def _disown(self, connection: Connection | None) -> None:
        if connection is not None:
            for account_id in sorted(self.owned):
                disown(connection, Lock.OWNER, account_id)
        self.owned.clear()

    def _hand_over(
        self, connection: Connection, account_id: int, rows: Iterable[outbox.OutgoingCommand], *, attempt: int
    ) -> None:
        ready: list[Command] = []
        for row in rows:
            try:
                ready.append(to_command(row, attempt=attempt))
            except UnsendableCommand as error:
                log.error("command cannot be sent: account_id=%d command_id=%s: %s", account_id, row.id, error)
                outbox.refuse(connection, row.id, f"cannot be sent: {error}")
        if ready and not self._report(Claimed(account_id=account_id, commands=tuple(ready))):
            log.error("desk is overrun, commands wait for the sweep: account_id=%d", account_id)
