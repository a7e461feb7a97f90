"""What the claims thread does with its connection: hand out what was born sent, claim what is queued, sweep behind.

Law: a command is handed out only by the desk that owns its account, after it was marked sent in a committed
transaction: admission's own (`storage.commands.notice`), or a claim of ours. The trading state goes before the commands
that were admitted in it. Reports never wait: what the desk's loop has no room for comes round with a sweep.
What was recalled is passed on before a state that would let it run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import cast

from sqlalchemy import Connection

from zmq_bridge.booking.commands import UnsendableCommand, to_command
from zmq_bridge.protocol.commands import Command, TradingStateName
from zmq_bridge.relay.messages import Claimed, Lost, Recalled, Report, StateSet
from zmq_bridge.relay.ownership import Ownership
from zmq_bridge.storage.commands import outbox
from zmq_bridge.storage.commands.notice import BornSent, read_notice
from zmq_bridge.storage.risk.recall import recalled_commands

log = logging.getLogger(__name__)

ASK_AGAIN_SWEEPS = 5
"""Every so many sweeps, commands without an answer are brought up again."""
QUIET_S = 5.0
"""A sent command is brought up again after this long; the session's own resend is quicker."""
DOUBT_GRACE_S = 2.0
"""How long after its time to live a sent command without an answer is called unknown."""
CLAIM_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """Take the ownership of an account."""

    account_id: int
    owned: Future[bool] = field(default_factory=Future)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attend:
    """A terminal of the account is there, or not: serve one that trades, or leave the commands queued."""

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


class Claims:
    """What the thread knows, and does with a connection."""

    def __init__(self, report: Callable[[Report], bool]) -> None:
        self.stopped = False
        self.accounts = Ownership(self._lost)
        self._report = report
        self._states: dict[int, str] = {}
        """What the terminals of each account were last told to enforce."""
        self._untold: set[int] = set()
        """Accounts given up of which the desk's loop was not told yet."""
        self._recalled: set[str] = set()
        """What was recalled and not answered when it was last passed on."""
        self._sweeps = 0

    def begin(self, connection: Connection) -> None:
        """Start over on a new connection; what the old one was told last may never have been handed out."""
        self.accounts.begin(connection)
        self.accounts.stand_ready(connection)
        self._ask_again(connection, quiet_s=0.0)

    def obey(self, connection: Connection | None, order: Order) -> None:
        """Do what another thread asks; without a connection what can be done without one."""
        match order:
            case Adopt(account_id=account_id, owned=owned):
                owned.set_result(connection is not None and self._adopt(connection, account_id))
            case Attend():
                self._attend(connection, order)
            case Stop():
                self.stopped = True
                if connection is not None:
                    self.accounts.disown_all(connection)

    def hear(self, connection: Connection, texts: Sequence[str]) -> None:
        """Act on notices, in their order."""
        for queued, notices in groupby(_notices(texts), lambda notice: isinstance(notice, int)):
            if queued:
                self.claim(connection)
                self.tell_recalls(connection)
                self.tell_states(connection)
                continue
            for notice in notices:
                if isinstance(notice, BornSent):
                    self._take(connection, notice)

    def claim(self, connection: Connection) -> None:
        """Claim everything that waits for a terminal that is there."""
        self.accounts.stand_ready(connection)  # first: what is admitted from now on comes behind what is claimed now
        accounts = self.accounts.served
        while accounts:
            claims = outbox.claim(connection, accounts, CLAIM_MAX)
            for each in claims:
                self._tell_state(connection, each.account_id, each.trading_state)  # before what was admitted in it
                self._hand_over(connection, each.account_id, each.commands, attempt=1)
            if sum(len(each.commands) for each in claims) < CLAIM_MAX:
                return

    def tell_recalls(self, connection: Connection) -> bool:
        """Pass on what was recalled and not answered yet. False: there was no room for all of it.

        What is new among it is brought up again at once, since its terminal may have said that it does not know.
        """
        owned = sorted(self.accounts.owned)
        found = recalled_commands(connection, owned) if owned else {}
        told = [self._report(Recalled(account_id=each, command_ids=ids)) for each, ids in found.items()]
        before, self._recalled = self._recalled, {command_id for ids in found.values() for command_id in ids}
        if self._recalled - before:
            self._ask_again(connection, quiet_s=QUIET_S)
        return all(told)

    def tell_states(self, connection: Connection) -> None:
        """Pass on trading states that changed."""
        for account_id, state in outbox.trading_states(connection, sorted(self.accounts.owned)).items():
            self._tell_state(connection, account_id, state)

    def sweep(self, connection: Connection) -> None:
        """Do what time brings about."""
        self._sweeps += 1
        self._tell_lost()
        self.accounts.keep(connection)
        self.accounts.stand_ready(connection)
        found = outbox.overdue(connection, self.accounts.served, DOUBT_GRACE_S)
        for command_id, account_id in outbox.expire_queued(connection) if found.is_late else ():
            log.warning("command expired before it was sent: account_id=%d command_id=%s", account_id, command_id)
        for command_id, account_id in outbox.doubt_sent(connection, DOUBT_GRACE_S) if found.is_doubtful else ():
            log.warning("command without an answer is unknown: account_id=%d command_id=%s", account_id, command_id)
        if found.is_waiting:
            self.claim(connection)
        self.tell_recalls(connection)
        self.tell_states(connection)
        if self._sweeps % ASK_AGAIN_SWEEPS == 0:
            self._ask_again(connection, quiet_s=QUIET_S)

    def _take(self, connection: Connection, notice: BornSent) -> None:
        """Hand out a command that was born sent for us; one that was for an earlier owner is not new."""
        account_id = notice.command.account_id
        owned_since = self.accounts.owned.get(account_id)
        if owned_since is None or notice.sent_at < owned_since:
            return
        if self._states.get(account_id) != notice.trading_state:
            self.tell_states(connection)  # as it is now: it may have changed again since
        self._hand_over(connection, account_id, (notice.command,), attempt=1)

    def _ask_again(self, connection: Connection, *, quiet_s: float) -> None:
        """Bring up what was sent at least `quiet_s` ago and never answered."""
        accounts, after = self.accounts.served, (0, "")
        while accounts:
            rows = outbox.unconfirmed(connection, accounts, CLAIM_MAX, quiet_s=quiet_s, after=after)
            for account_id, commands in groupby(rows, attrgetter("account_id")):
                self._hand_over(connection, account_id, commands, attempt=2)
            if len(rows) < CLAIM_MAX:
                return
            after = rows[-1].account_id, rows[-1].id

    def _tell_state(self, connection: Connection, account_id: int, state: str) -> None:
        """Pass on a state that is another; behind what was recalled, so that it brings nothing back."""
        if self._states.get(account_id) == state or not self.tell_recalls(connection):
            return
        if self._report(StateSet(account_id=account_id, state=cast(TradingStateName, state))):
            self._states[account_id] = state

    def _adopt(self, connection: Connection, account_id: int) -> bool:
        self._states.pop(account_id, None)
        is_ours = self.accounts.adopt(connection, account_id)
        if is_ours:
            self._untold.discard(account_id)
        return is_ours

    def _attend(self, connection: Connection | None, order: Attend) -> None:
        if not order.present:
            self.accounts.miss(order.account_id, trades=order.trades, gone=order.gone)
        else:
            self.accounts.attend(order.account_id, trades=order.trades)
            self._states.pop(order.account_id, None)  # it may have changed while nobody was there to be told
        if connection is not None:
            self.claim(connection)
            self.tell_states(connection)

    def _lost(self, account_id: int, reason: str) -> None:
        log.warning("account is given up: account_id=%d: %s", account_id, reason)
        self._untold.add(account_id)
        self._tell_lost()

    def _tell_lost(self) -> None:
        """Have the terminals of accounts that were given up greet anew; what there is no room for a sweep tells."""
        self._untold = {each for each in sorted(self._untold) if not self._report(Lost(account_id=each))}

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


def _notices(texts: Iterable[str]) -> Iterable[int | BornSent]:
    for text in texts:
        try:
            yield read_notice(text)
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            log.warning("notice is neither an account nor a command, the sweep will do: %s: %.200r", error, text)
