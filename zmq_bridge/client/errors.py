"""What can go wrong between a strategy and the bridge.

    ClientError
    |-- StaleData         the data is older than the strategy allows: do not trade on it
    |-- NoAnswer          nobody answered in time; a submitted signal may or may not have been taken
    |-- RequestRefused    the bridge answered with an error: its code, and the field when one was wrong
    `-- ClientMisuse      our own call makes no sense (also a ValueError)

A denied signal is none of these: it is an answer, the value `Denied` with its reason code.
"""

from __future__ import annotations


class ClientError(Exception):
    """Base of every error of the client."""


class StaleData(ClientError):
    """The data of a symbol is older than `max_age_s` allows."""

    def __init__(self, symbol: str, age_s: float, max_age_s: float, why: str) -> None:
        self.symbol = symbol
        self.age_s = age_s
        self.max_age_s = max_age_s
        super().__init__(f"{symbol or 'every symbol'}: {why}: {age_s:.1f} s, allowed are {max_age_s:.1f} s")


class NoAnswer(ClientError):
    """No answer within the time given."""

    def __init__(self, what: str, timeout_s: float, endpoint: str, idempotency_key: str = "") -> None:
        self.idempotency_key = idempotency_key
        text = f"no answer to {what} within {timeout_s:g} s from {endpoint}"
        if idempotency_key:
            text += f"; submit it again with idempotency_key={idempotency_key!r} to learn its outcome"
        super().__init__(text)


class RequestRefused(ClientError):
    """The bridge refused the request."""

    def __init__(self, code: str, message: str, field: str = "", expected: str = "", found: str = "") -> None:
        self.code = code
        self.message = message
        self.field = field
        self.expected = expected
        self.found = found
        where = f" in {field}" if field else ""
        detail = f" (expected {expected}, found {found or 'nothing'})" if expected else ""
        super().__init__(f"{code}{where}: {message}{detail}")


class ClientMisuse(ClientError, ValueError):
    """The call makes no sense."""
