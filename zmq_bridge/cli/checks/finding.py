"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How good it is."""

    GOOD = "good"
    WARN = "warn"  # works, but somebody should know
    BAD = "bad"  # something does not work


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the doctor's report."""

    subject: str  # what was looked at
    level: Level
    found: str  # what was found; for BAD also what was expected
    mend: str = ""  # what to do; empty when nothing needs doing


def good(subject: str, found: str) -> Finding:
    """All is well."""
    return Finding(subject=subject, level=Level.GOOD, found=found)


def warn(subject: str, found: str, mend: str) -> Finding:
    """Works, but somebody should know."""
    return Finding(subject=subject, level=Level.WARN, found=found, mend=mend)


def bad(subject: str, found: str, mend: str) -> Finding:
    """Does not work."""
    return Finding(subject=subject, level=Level.BAD, found=found, mend=mend)
