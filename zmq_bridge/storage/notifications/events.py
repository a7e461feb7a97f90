"""What people can be told of: a closed list, so that a rule can name it. A new event is a new line here."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Severity(StrEnum):
    """How much it matters; critical ones ignore quiet hours."""

    INFO = "info"  # good to know
    WARNING = "warning"  # look at it today
    CRITICAL = "critical"  # look at it now

    @property
    def rank(self) -> int:
        """A higher one matters more."""
        return list(Severity).index(self)


class Event(StrEnum):
    """What happened."""

    severity: Severity
    meaning: str

    def __new__(cls, name: str, severity: Severity, meaning: str) -> Self:
        """One event with how much it matters by itself, and what it means."""
        event = str.__new__(cls, name)
        event._value_ = name
        event.severity = severity
        event.meaning = meaning
        return event

    EXECUTION_FAILED = "execution_failed", Severity.WARNING, "the broker rejected an order, or it expired unsent"
    EXECUTION_UNKNOWN = "execution_unknown", Severity.CRITICAL, "nobody knows yet whether an order was executed"
    EVENT_NOT_BOOKED = "event_not_booked", Severity.CRITICAL, "an event of a terminal could not be booked"
    TERMINAL_DISCONNECTED = "terminal_disconnected", Severity.WARNING, "a terminal went silent or left"
    TERMINAL_CONNECTED = "terminal_connected", Severity.INFO, "a terminal came, or came back"
    API_ERROR = "api_error", Severity.WARNING, "the API answered a request with an error of its own"
    UNUSUAL_ACTIVITY = "unusual_activity", Severity.CRITICAL, "something on the account that nobody here asked for"
    FILL = "fill", Severity.INFO, "a deal was booked"
    DEPOSIT = "deposit", Severity.INFO, "the broker booked money onto the account"
    WITHDRAWAL = "withdrawal", Severity.INFO, "the broker booked money off the account"
    REQUEST = "request", Severity.INFO, "a member asked to invest or withdraw, or such a request was settled"
    RECONCILIATION_BREAK = "reconciliation_break", Severity.CRITICAL, "ledger and broker disagree"
    RECONCILIATION_MENDED = "reconciliation_mended", Severity.INFO, "ledger and broker agree again"
    RISK_LIMIT = "risk_limit", Severity.CRITICAL, "a risk limit tripped and holds the account"
    RISK_WARNING = "risk_warning", Severity.WARNING, "a risk limit is nearly used up"
    TRADING_STATE = "trading_state", Severity.WARNING, "trading was reduced, halted or allowed again"
    KILL_SWITCH = "kill_switch", Severity.CRITICAL, "the kill switch was used"
    TEST = "test", Severity.INFO, "somebody tries whether messages arrive"
