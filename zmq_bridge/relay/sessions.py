"""What the desk's loop keeps in memory of each terminal session, and which account a login stands for.

No I/O. One login is served for one account at a time: a second server's account of the same number is refused while the
first one's terminal is there, because the wire's topics name logins only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from zmq_bridge.protocol.published import Event
from zmq_bridge.relay.workbench import Workbench
from zmq_bridge.sockets.envelope import Request
from zmq_bridge.sockets.terminal_server import TerminalSession

NEVER_MS = -(10**9)
"""Long before any steady clock's beginning."""

BOOKING_MAX = 8192
"""Events of one session on their way to the books; more are left to be resent."""


@dataclass(slots=True, kw_only=True)
class Desk:
    """One terminal session as the desk serves it."""

    session: TerminalSession
    account_id: int
    server: str
    """Trade server of the account, as the hello named it."""
    work: Workbench
    server_offset_s: int
    booking: set[tuple[int, int]] = field(default_factory=set)
    """Events handed to the books thread and not reported yet."""
    is_present: bool = False
    """Heard of, as far as the other threads were told."""
    life_ms: int = NEVER_MS
    """When its life was last shown in Redis."""
    question: tuple[str, Request] | None = None
    """A `history` (by its command id) or `symbols` ("") request that waits for its commit."""

    def unseen(self, events: Iterable[Event]) -> tuple[Event, ...]:
        """Leave out what is on its way to the books already."""
        room = BOOKING_MAX - len(self.booking)
        return tuple(event for event in events if event.key not in self.booking)[: max(0, room)]


class Sessions:
    """Every session served, by (login, session number)."""

    def __init__(self) -> None:
        self._desks: dict[tuple[int, int], Desk] = {}

    def add(self, desk: Desk) -> Desk | None:
        """Serve a session; return what was known of the same session before."""
        key = (desk.session.login, desk.session.number)
        before = self._desks.get(key)
        self._desks[key] = desk
        return before

    def find(self, login: int, number: int) -> Desk | None:
        """Return a session's desk; None when it is not served."""
        return self._desks.get((login, number))

    def of(self, session: TerminalSession | None) -> Desk | None:
        """Return the desk of a session of the roster."""
        return None if session is None else self.find(session.login, session.number)

    def remove(self, session: TerminalSession) -> Desk | None:
        """Serve a session no longer."""
        return self._desks.pop((session.login, session.number), None)

    def of_account(self, account_id: int) -> Iterator[Desk]:
        """Go through the sessions of an account."""
        return iter([desk for desk in self._desks.values() if desk.account_id == account_id])

    def conflicts(self, login: int, account_id: int) -> bool:
        """Say whether the login is being served for another account."""
        return any(
            desk.session.login == login and desk.account_id != account_id and desk.is_present
            for desk in self._desks.values()
        )

    def __iter__(self) -> Iterator[Desk]:
        return iter(list(self._desks.values()))

    def __len__(self) -> int:
        return len(self._desks)
