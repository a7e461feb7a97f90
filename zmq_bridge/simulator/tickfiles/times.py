"""Text timestamps to milliseconds since 1970, on whatever clock the text is in. No time zone database, no DST."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
DAYS_CACHED_MAX = 4096


def iso_msc(text: str) -> int:
    """Read an ISO 8601 time; without an offset it is taken as UTC. Microseconds are cut off, not rounded."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // MILLISECOND


class DayCache:
    """Days already seen, because a tick file names the same day thousands of times."""

    def __init__(self) -> None:
        self._days: dict[tuple[str, str, str], int] = {}

    def msc(self, year: str, month: str, day: str) -> int:
        """Return the first millisecond of a day; ValueError when there is no such day."""
        key = (year, month, day)
        if key not in self._days:
            if len(self._days) >= DAYS_CACHED_MAX:
                self._days.clear()
            self._days[key] = (datetime(_digits(year), _digits(month), _digits(day), tzinfo=UTC) - EPOCH) // MILLISECOND
        return self._days[key]


def clock_msc(text: str) -> int:
    """Read `HH:MM:SS` or `HH:MM:SS.mmm` as milliseconds since midnight."""
    clock, _, fraction = text.partition(".")
    hours, minutes, seconds = clock.split(":")
    return _time_of_day(hours, minutes, seconds, fraction.ljust(3, "0")[:3])


def packed_clock_msc(text: str) -> int:
    """Read HistData's `HHMMSSmmm` as milliseconds since midnight."""
    if len(text) != 9:
        raise ValueError(text)
    return _time_of_day(text[0:2], text[2:4], text[4:6], text[6:9])


def _time_of_day(hours: str, minutes: str, seconds: str, milliseconds: str) -> int:
    h, m, s = _digits(hours), _digits(minutes), _digits(seconds)
    if h > 23 or m > 59 or s > 59:
        raise ValueError(f"{hours}:{minutes}:{seconds}")
    return ((h * 60 + m) * 60 + s) * 1000 + _digits(milliseconds)


def _digits(text: str) -> int:
    """Plain ASCII digits only: `int` would take signs, spaces and underscores too."""
    if not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return int(text)
