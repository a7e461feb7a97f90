"""How a terminal's word on itself is taken in: its account, who speaks for it, its symbols and its present.

Law: a terminal is welcome only when its session is not older than what was stored, and only to who owns its account
(the caller sees to that). What it says of its books replaces the present before any command goes out, so nothing is
decided on old positions.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import Connection

from zmq_bridge.booking.commands import UnsendableCommand, to_command
from zmq_bridge.protocol.commands import Command, TradingStateName
from zmq_bridge.protocol.dialogue import Hello
from zmq_bridge.protocol.errors import ErrorCode
from zmq_bridge.protocol.limits import COMMANDS_PER_WORK_MAX
from zmq_bridge.protocol.published import Books, Snapshot
from zmq_bridge.storage.accounts import Account, AccountConflictError, ensure_account, find_accounts
from zmq_bridge.storage.commands import outbox
from zmq_bridge.storage.ledger.breaks import open_breaks
from zmq_bridge.storage.ledger.reconcile import last_agreement
from zmq_bridge.storage.trading import state, terminals
from zmq_bridge.storage.trading.events import latest_deal_msc

DEALS_OVERLAP_MS = 3_600_000
"""How far before the newest stored deal a terminal reads its history again."""

class NotWelcome(Exception):
    """A hello that is refused, with what to tell the terminal."""

    def __init__(self, code: ErrorCode, message: str, *, expected: str = "", found: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.expected, self.found = code, message, expected, found


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """What a terminal is told once its hello is booked."""

    account_id: int
    trading_state: TradingStateName
    deals_from_msc: int
    same_journal: bool
    """It has the journal of the session before it."""
    unconfirmed: tuple[Command, ...]
    """Commands that an earlier life handed over and got no answer to."""


def keep(
    connection: Connection, account_id: int, place: state.Place, books: Books | Snapshot, now: datetime
) -> state.Kept:
    """Make what a terminal says of the account its present, if it is news."""
    state.lock_account(connection, account_id)
    return state.keep_snapshot(
        connection,
        account_id,
        place,
        account=asdict(books.account),
        positions=[asdict(position) for position in books.positions],
        orders=[asdict(order) for order in books.orders],
        time_msc=books.time_msc,
        received_at=now,
    )


def check_speaks_of_itself(hello: Hello) -> None:
    """Refuse a hello without books where they belong, or with those of another account.

    Raises:
        NotWelcome: as it says.
    """
    if hello.snapshot is None:
        if hello.role == "feed":
            return
        raise NotWelcome(ErrorCode.MALFORMED, "snapshot", expected=f"a map, for the role {hello.role}", found="nil")
    named = (hello.snapshot.account.login, hello.snapshot.account.server)
    if named != (hello.login, hello.server):
        raise NotWelcome(
            ErrorCode.WRONG_LOGIN,
            "snapshot.account",
            expected=f"login {hello.login} at {hello.server}",
            found=f"login {named[0]} at {named[1]}",
        )


def account_of(connection: Connection, hello: Hello) -> Account:
    """Find the account, or make it if the hello describes it.

    Raises:
        NotWelcome: it cannot be known.
    """
    if hello.snapshot is not None:
        said = hello.snapshot.account
        try:
            return ensure_account(
                connection, login=said.login, server=said.server, currency=said.currency,
                currency_digits=said.currency_digits, margin_mode=said.margin_mode, leverage=said.leverage,
                name=said.name, company=said.company,
            )  # fmt: skip
        except AccountConflictError as conflict:
            raise NotWelcome(ErrorCode.MALFORMED, str(conflict), found=said.currency) from conflict
    for account in find_accounts(connection, hello.login):
        if account.server == hello.server:
            return account
    raise NotWelcome(
        ErrorCode.UNAVAILABLE,
        "account not known yet",
        expected="a hello of the desk's terminal first",
        found=hello.server,
    )


def check_session(connection: Connection, account_id: int, hello: Hello) -> None:
    """Refuse a session that is older than the one that speaks for the account.

    Raises:
        NotWelcome: as it says.
    """
    latest = terminals.latest_session(connection, account_id, hello.role)
    if latest is not None and latest > hello.session:
        raise NotWelcome(
            ErrorCode.SUPERSEDED, "hello refused", expected=f"a session from {latest}", found=f"session {hello.session}"
        )


def enter(connection: Connection, account_id: int, hello: Hello, now: datetime) -> Entered:
    """Book a hello of an account that is ours to serve."""
    same_journal = terminals.upsert_terminal(connection, account_id, _speaker(hello, now))
    terminals.upsert_symbols(connection, account_id, [asdict(spec) for spec in hello.symbols])
    if hello.snapshot is not None and hello.role != "feed":
        place = state.Place(session=hello.session, event_seq=hello.snapshot.event_seq, seq=hello.snapshot.seq)
        keep(connection, account_id, place, hello.snapshot, now)
    return Entered(
        account_id=account_id,
        trading_state=cast(TradingStateName, outbox.trading_states(connection, [account_id])[account_id]),
        deals_from_msc=_deals_from_msc(connection, account_id),
        same_journal=same_journal,
        unconfirmed=_unconfirmed(connection, account_id) if hello.role != "feed" else (),
    )


def _deals_from_msc(connection: Connection, account_id: int) -> int:
    """Ask for a little more than what is new; for everything while ledger and broker disagree or never agreed."""
    latest_msc = latest_deal_msc(connection, account_id)
    agreed = last_agreement(connection, account_id) is not None and not open_breaks(connection, account_id)
    return max(0, latest_msc - DEALS_OVERLAP_MS) if latest_msc is not None and agreed else 0


def _speaker(hello: Hello, now: datetime) -> terminals.Speaker:
    return terminals.Speaker(
        role=hello.role,
        session=hello.session,
        program=hello.program.name,
        version=hello.program.version,
        build=hello.program.build,
        server_offset_s=hello.server_offset_s,
        clock_skew_ms=hello.clock_ms - int(now.timestamp() * 1000),
        journal=hello.journal,
        journal_session=hello.journal_session,
    )


def _unconfirmed(connection: Connection, account_id: int) -> tuple[Command, ...]:
    found: list[Command] = []
    for row in outbox.unconfirmed(connection, [account_id], COMMANDS_PER_WORK_MAX):
        try:
            found.append(to_command(row, attempt=2))
        except UnsendableCommand as error:
            outbox.refuse(connection, row.id, f"cannot be sent: {error}")
    return tuple(found)
