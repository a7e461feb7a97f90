"""Which accounts this desk serves: owned by a lock of the claims connection, attended by a terminal, stood ready for.

Law: every lock is one of the connection that claims, so who loses the connection loses all of them at once.
`Lock.OWNER` says whose an account is. `Lock.READY`, held only for an owned account with a trading terminal that is
there, tells admission to hand a command to us by its notice (`storage.commands.notice`). An account that no terminal
speaks for is given up, for another desk to take.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection

from zmq_bridge.storage.locks import Lock, disown, own, own_since

RELEASE_S = 15.0
"""How long an account is kept for a terminal that fell silent; for one that said bye, until the next sweep."""
OWN_TRIES_S = 5.0
"""How long a lost lock is tried for (an old connection of ours may linger) before it counts as another desk's."""


class Ownership:
    """The accounts of one desk. Only the claims thread changes it."""

    def __init__(self, lost: Callable[[int, str], None]) -> None:
        """`lost` is told an account that was given up, and why."""
        self.owned: dict[int, datetime] = {}
        """Accounts whose lock this connection holds, and since when by the database's clock."""
        self._lost = lost
        self._adopted: set[int] = set()
        self._attended: set[int] = set()
        """Accounts with a terminal that takes trade commands now."""
        self._fed: set[int] = set()
        self._ready: set[int] = set()
        self._idle_since: dict[int, float] = {}
        self._unowned_since: dict[int, float] = {}

    @property
    def served(self) -> list[int]:
        """Accounts to claim for: owned, with a trading terminal that is there."""
        return sorted(self._attended & self.owned.keys())

    def begin(self, connection: Connection) -> None:
        """Start over on a new connection: the old one's locks are gone."""
        self.owned.clear()
        self._ready.clear()
        self._own_again(connection)

    def adopt(self, connection: Connection, account_id: int) -> bool:
        """Own an account from now on; False when another desk does."""
        if account_id not in self.owned and not self._own(connection, account_id):
            return False
        self._adopted.add(account_id)
        self._idle_since[account_id] = time.monotonic()
        return True

    def attend(self, account_id: int, *, trades: bool) -> None:
        """Take note of a terminal that is there."""
        (self._attended if trades else self._fed).add(account_id)

    def miss(self, account_id: int, *, trades: bool, gone: bool) -> None:
        """Take note of a terminal that is not there any more, or `gone` for good."""
        (self._attended if trades else self._fed).discard(account_id)
        self._idle_since[account_id] = time.monotonic() - (RELEASE_S if gone else 0.0)

    def stand_ready(self, connection: Connection) -> None:
        """Hold READY for what is served and for nothing else; what an admission under way keeps from us, next time."""
        served = set(self.served)
        for account_id in sorted(self._ready - served):
            disown(connection, Lock.READY, account_id)
            self._ready.discard(account_id)
        for account_id in sorted(served - self._ready):
            if own(connection, Lock.READY, account_id):
                self._ready.add(account_id)

    def keep(self, connection: Connection) -> None:
        """Try to get back what was lost; give up what no terminal of ours speaks for."""
        self._own_again(connection)
        for account_id in sorted(self.owned.keys() - self._attended - self._fed):
            since = self._idle_since.setdefault(account_id, time.monotonic())
            if time.monotonic() - since >= RELEASE_S:
                disown(connection, Lock.OWNER, account_id)
                self.owned.pop(account_id)
                self._give_up(account_id, "no terminal speaks for it")

    def disown_all(self, connection: Connection) -> None:
        """Give every account back."""
        self._attended.clear()
        self.stand_ready(connection)
        for account_id in sorted(self.owned):
            disown(connection, Lock.OWNER, account_id)
        self.owned.clear()

    def _own(self, connection: Connection, account_id: int) -> bool:
        since = own_since(connection, Lock.OWNER, account_id)
        if since is not None:
            self.owned[account_id] = since
        return since is not None

    def _own_again(self, connection: Connection) -> None:
        for account_id in sorted(self._adopted - self.owned.keys()):
            if self._own(connection, account_id):
                self._unowned_since.pop(account_id, None)
                continue
            since = self._unowned_since.setdefault(account_id, time.monotonic())
            if time.monotonic() - since >= OWN_TRIES_S:
                self._give_up(account_id, "another desk owns it")

    def _give_up(self, account_id: int, reason: str) -> None:
        for places in (self._adopted, self._attended, self._fed):
            places.discard(account_id)
        self._unowned_since.pop(account_id, None)
        self._idle_since.pop(account_id, None)
        self._lost(account_id, reason)
