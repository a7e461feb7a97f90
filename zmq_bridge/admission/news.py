"""News blackouts from a file that people or a program keep: read again when it changes, closed when it can't be read.

One line a window, the title last because it may hold commas:

    2026-03-06T13:25:00Z, 2026-03-06T13:45:00Z, USD EUR, Non-farm payrolls

begin and end in ISO 8601 with an offset (both included), currencies separated by spaces (`*`: all), a title. Empty
lines and lines that begin with # say nothing. A line that can't be understood is named by its number, and nothing is
opened until it is mended: a calendar with a hole is no calendar.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from risk.snapshot import NewsWindow

BYTES_MAX = 4 * 1024 * 1024
LOOK_EVERY_S = 1.0
"""How long a change of the file may stay unseen."""
CURRENCY = re.compile(r"[A-Z]{3}\Z")
FORM = "begin, end, currencies, title"
INSTANT = timedelta(microseconds=1)

News = Callable[[datetime], tuple[NewsWindow, ...]]
"""The blackouts of a moment."""


def no_news(now: datetime) -> tuple[NewsWindow, ...]:
    """Nothing is configured, so nothing is closed."""
    return ()


class NewsError(ValueError):
    """The file can't be understood; the message names the line, what was expected and what was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """The windows in force over a stretch of time, worked out once."""

    since: datetime  # included
    until: datetime  # not included
    windows: tuple[NewsWindow, ...]


class NewsFile:
    """The blackouts of a file, for one process; any number of threads may ask."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` is monotonic seconds. Reads nothing yet."""
        self._path, self._clock = path, clock
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._mark: tuple[int, ...] | None = None  # of the file as it was read last
        self._windows: tuple[NewsWindow, ...] = ()
        self._cut: _Cut | None = None
        self.problem: str | None = None  # why everything is closed; None: the file is well

    def __call__(self, now: datetime) -> tuple[NewsWindow, ...]:
        """Return the windows that hold the moment."""
        if self._clock() - self._looked_at >= LOOK_EVERY_S:
            with self._lock:
                self._look()
        cut = self._cut
        if cut is None or not cut.since <= now < cut.until:
            cut = self._cut = _cut(self._windows, now)
        return cut.windows

    def _look(self) -> None:
        self._looked_at = self._clock()
        try:
            found = os.stat(self._path)
            mark = (found.st_mtime_ns, found.st_size, found.st_ino)
            if mark != self._mark or self.problem is not None:
                self._windows, self.problem = parse_news(_read(self._path)), None
            self._mark = mark
        except (OSError, ValueError) as error:
            self.problem = f"news file {self._path.name}: {_reason(error)}"
            self._windows = (closed(self.problem),)
        self._cut = None


def closed(why: str) -> NewsWindow:
    """The window that closes everything, for ever."""
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    return NewsWindow(starts_at=first, ends_at=last, currencies=frozenset(), title=why)


def parse_news(text: str) -> tuple[NewsWindow, ...]:
    """Read the lines of a calendar.

    Raises:
        NewsError: a line can't be understood.
    """
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), start=1))
    return tuple(_window(number, line) for number, line in lines if line and not line.startswith("#"))


def _window(number: int, line: str) -> NewsWindow:
    parts = [part.strip() for part in line.split(",", 3)]
    if len(parts) != 4 or not parts[3]:
        raise NewsError(f"line {number}: expected {FORM}; found {line[:80]!r}")
    starts_at, ends_at = _moment(number, parts[0]), _moment(number, parts[1])
    if ends_at < starts_at:
        raise NewsError(f"line {number}: expected an end at or after the begin; found {parts[1]}")
    return NewsWindow(starts_at=starts_at, ends_at=ends_at, currencies=_currencies(number, parts[2]), title=parts[3])


def _moment(number: int, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise NewsError(f"line {number}: expected ISO 8601 with an offset, as 2026-03-06T13:25:00Z; found {text[:40]!r}")


def _currencies(number: int, text: str) -> frozenset[str]:
    if text == "*":
        return frozenset()
    found = text.split()
    if not found or not all(CURRENCY.match(each) for each in found):
        raise NewsError(f"line {number}: expected currencies like USD EUR, or * for all; found {text[:40]!r}")
    return frozenset(found)


def _read(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(BYTES_MAX + 1)
    if len(content) > BYTES_MAX:
        raise NewsError(f"expected at most {BYTES_MAX} bytes")
    return content.decode("utf-8-sig")


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def _cut(windows: tuple[NewsWindow, ...], now: datetime) -> _Cut:
    """What holds now, and until when that is so."""
    last = datetime.max.replace(tzinfo=UTC)
    ends = [window.ends_at + INSTANT for window in windows if now <= window.ends_at < last]
    starts = [window.starts_at for window in windows if window.starts_at > now]
    held = tuple(window for window in windows if window.starts_at <= now <= window.ends_at)
    return _Cut(since=now, until=min([*ends, *starts], default=last), windows=held)
