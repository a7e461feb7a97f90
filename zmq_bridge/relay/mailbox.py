"""How work moves between the threads of the desk.

Law: a mailbox is bounded and never blocks its sender. When it is full, `put` answers False and the sender applies its
own policy (do not acknowledge, answer UNAVAILABLE, count and drop); nothing is dropped silently in here. Its reader
may block in any poller, because a mailbox has a file descriptor that is readable while items wait.
"""

from __future__ import annotations

import select
import socket
from collections import deque
from threading import Lock
from typing import Generic, TypeVar

Item = TypeVar("Item")

WAKE_BYTES_MAX = 64
"""How many wake bytes one read takes; a sender writes at most one per transition from empty to not empty."""


class Mailbox(Generic[Item]):
    """A bounded queue from any number of threads to one reader that sleeps in a poller."""

    def __init__(self, *, items_max: int) -> None:
        self._items: deque[Item] = deque()
        self._items_max = items_max
        self._lock = Lock()
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._closed = False

    def put(self, item: Item) -> bool:
        """Hand `item` over and wake the reader; False when the mailbox is full or closed."""
        with self._lock:
            if self._closed or len(self._items) >= self._items_max:
                return False
            self._items.append(item)
            if len(self._items) == 1:
                self._wake()
        return True

    def drain(self, items_max: int | None = None) -> list[Item]:
        """Take what waits, oldest first, at most `items_max`; an empty list when nothing does."""
        with self._lock:
            count = len(self._items) if items_max is None else min(items_max, len(self._items))
            taken = [self._items.popleft() for _ in range(count)]
            self._quiet()
            if self._items:
                self._wake()
        return taken

    def wait(self, timeout_s: float) -> bool:
        """Block until an item waits or the time is over."""
        readable, _, _ = select.select([self._reader], [], [], timeout_s)
        return bool(readable)

    def fileno(self) -> int:
        """Return the descriptor that is readable while items wait."""
        return self._reader.fileno()

    def __len__(self) -> int:
        return len(self._items)

    def close(self) -> None:
        """Refuse further items and free the descriptors."""
        with self._lock:
            self._closed = True
            self._reader.close()
            self._writer.close()

    def _wake(self) -> None:
        try:
            self._writer.send(b"\0")
        except BlockingIOError:
            pass  # the pipe is full of wake bytes: the reader is awake already

    def _quiet(self) -> None:
        if self._closed:
            return
        try:
            while len(self._reader.recv(WAKE_BYTES_MAX)) == WAKE_BYTES_MAX:
                pass
        except BlockingIOError:
            pass
