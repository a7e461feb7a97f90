"""Who is there: telling the other threads, Redis and the books when a terminal comes, lives and goes.

Each is told of a change once. A terminal that is not there keeps its session: it is there again as soon as it is heard.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from zmq_bridge.relay.backfill import Attend, BackfillThread
from zmq_bridge.relay.books import BooksThread, Mark
from zmq_bridge.relay.claims_thread import ClaimsThread
from zmq_bridge.relay.live_thread import Happening, Life, LiveThread
from zmq_bridge.relay.sessions import NEVER_MS, Desk
from zmq_bridge.sockets.terminal_server import unix_ms

LIFE_EVERY_MS = 400
"""At most so often a terminal's life is shown in Redis; below BEAT_MS, so that every beat shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """The threads that do what takes time."""

    books: BooksThread
    claims: ClaimsThread
    backfill: BackfillThread
    live: LiveThread


class Presence:
    """Tells of terminals."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers

    def alive(self, desk: Desk, now_ms: int) -> None:
        """Take note that a terminal was heard."""
        if now_ms - desk.life_ms >= LIFE_EVERY_MS:
            desk.life_ms = now_ms
            self._workers.live.seen(_life(desk))
        if not desk.is_present:
            desk.is_present = True
            self._attend(desk)
            self._show(desk, "connected", "")

    def greeted_anew(self, desk: Desk) -> None:
        """Have the trading state told again: it may have changed between the hello's booking and now."""
        if desk.is_present:
            self._workers.claims.attend(desk.account_id, trades=desk.session.takes_trades, present=True)

    def absent(self, desk: Desk, reason: str, *, gone: bool = False) -> None:
        """Take note that a terminal is silent, gone for good, or not ours any more."""
        if desk.is_present:
            desk.is_present = False
            desk.life_ms = NEVER_MS
            self._attend(desk, gone=gone)
            self._workers.live.gone(desk.session.login, desk.session.role)
            self._show(desk, "disconnected", reason)

    def replaced(self, older: Desk, desk: Desk) -> None:
        """Forget the life of a superseded session, unless its successor has the same role and shows its own."""
        old = older.session
        if old.role != desk.session.role:
            self._workers.live.gone(old.login, old.role)
        if old.takes_trades is not desk.session.takes_trades:
            self._workers.claims.attend(older.account_id, trades=old.takes_trades, present=False)

    def _attend(self, desk: Desk, *, gone: bool = False) -> None:
        self._workers.claims.attend(
            desk.account_id, trades=desk.session.takes_trades, present=desk.is_present, gone=gone
        )
        if desk.session.takes_fetches:
            self._workers.backfill.put(Attend(account_id=desk.account_id, present=desk.is_present))

    def _show(self, desk: Desk, state: str, reason: str) -> None:
        session = desk.session
        data = {"role": session.role, "session": session.number, "state": state, "reason": reason}
        self._workers.live.happened(Happening(kind="terminal", login=session.login, data=data))
        mark = Mark(
            account_id=desk.account_id, role=session.role, session=session.number, state=state,
            last_seen_at=datetime.now(UTC),
        )  # fmt: skip
        self._workers.books.put(mark)


def _life(desk: Desk) -> Life:
    return Life(
        login=desk.session.login,
        role=desk.session.role,
        session=desk.session.number,
        last_seen_ms=unix_ms(),
        fields={"state": "connected", "server_offset_s": desk.server_offset_s},
    )
