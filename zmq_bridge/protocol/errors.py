"""Whose fault it was, as types; every error of this package is one of these.

    ProtocolError
    |-- ProtocolViolation    the peer sent what the wire does not allow: answer with `code`, or count and drop
    `-- ProtocolMisuse       our own code asked for what the wire cannot carry: a bug on this side

An expected refusal (a denied signal, an `error` reply) is a message, not an exception. A violation says what was
expected and what was found, so that its text alone is enough to mend the peer.
"""

from __future__ import annotations

from enum import StrEnum

FOUND_CHARS_MAX = 120
MESSAGE_CHARS_MAX = 400


class ErrorCode(StrEnum):
    """The closed list of codes in an `error` reply."""

    MALFORMED = "MALFORMED"  # not MessagePack, or a field of the wrong type or range
    UNSUPPORTED_VERSION = "UNSUPPORTED_VERSION"  # no version in common
    UNKNOWN_TYPE = "UNKNOWN_TYPE"  # `type`, `kind` or topic that this side does not know
    TOO_LARGE = "TOO_LARGE"  # frame, text, array or nesting above its limit
    WRONG_LOGIN = "WRONG_LOGIN"  # the authenticated peer may not speak for this login
    UNKNOWN_SESSION = "UNKNOWN_SESSION"  # say hello (again)
    SUPERSEDED = "SUPERSEDED"  # a newer session took this role: stop
    OWNED_ELSEWHERE = "OWNED_ELSEWHERE"  # another bridge owns the account
    RATE_LIMITED = "RATE_LIMITED"  # slow down, nothing was done
    UNAVAILABLE = "UNAVAILABLE"  # the bridge cannot answer now (its database is away): try again
    UNAUTHENTICATED = "UNAUTHENTICATED"  # strategies: no such API key
    FORBIDDEN = "FORBIDDEN"  # strategies: the key lacks the scope or the account
    INVALID_FIELD = "INVALID_FIELD"  # strategies: `field` names what was wrong in the signal or query
    NOT_FOUND = "NOT_FOUND"  # strategies: no such signal, symbol or account


class ProtocolError(Exception):
    """Base of every error this package raises."""


class ProtocolMisuse(ProtocolError):
    """Our own code asked for what the wire cannot carry."""


class ProtocolViolation(ProtocolError):
    """The peer sent what the wire does not allow."""

    def __init__(self, code: ErrorCode, message: str, *, expected: str = "", found: object = "") -> None:
        self.code = code
        # a path may have a map key in it that the peer chose
        self.message = clip(message.replace("\0", "\\0"), MESSAGE_CHARS_MAX)
        self.expected = expected
        self.found = shorten(found)
        super().__init__(f"{code}: {self.message}" + self._detail())

    def _detail(self) -> str:
        if not self.expected and not self.found:
            return ""
        return f" (expected {self.expected or 'nothing'}, found {self.found or 'nothing'})"


def shorten(found: object) -> str:
    """Render what was found, bounded, and safe to print and to send: a peer chooses these bytes."""
    text = found if isinstance(found, str) else _render(found)
    return clip(text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\0"), FOUND_CHARS_MAX)


def clip(text: str, chars_max: int) -> str:
    """Cut a text that is too long, visibly."""
    return text if len(text) <= chars_max else text[: chars_max - 3] + "..."


def _render(found: object) -> str:
    if isinstance(found, (list, tuple, dict)):
        return f"{type(found).__name__} of {len(found)}"
    if isinstance(found, (bytes, bytearray)):
        return f"{len(found)} bytes {found[:16].hex()}"
    return repr(found)
