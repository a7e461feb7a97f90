"""Expected refusals of the ledger: values with a code out of one closed set, never exceptions.

Data flows outwards only: a dealing function returns `Refused` instead of a result, the caller shows it to a person.
A code is part of the public interface: it is never renamed and never reused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class RefusalCode(StrEnum):
    """Why the ledger said no. The comment says what has to happen before it says yes."""

    AMOUNT_NOT_POSITIVE = "AMOUNT_NOT_POSITIVE"  # ask for more than zero
    AMOUNT_TOO_FINE = "AMOUNT_TOO_FINE"  # ask for whole cents of the account currency
    AMOUNT_TOO_SMALL = "AMOUNT_TOO_SMALL"  # the money buys less than the smallest part of a unit
    AMOUNT_MISMATCH = "AMOUNT_MISMATCH"  # the broker's deal does not fit the request
    NAV_NOT_POSITIVE = "NAV_NOT_POSITIVE"  # the pool owes more than it has
    NAV_WITHOUT_UNITS = "NAV_WITHOUT_UNITS"  # value that nobody owns: an admin must assign it first
    PRICE_BELOW_BAND = "PRICE_BELOW_BAND"  # a unit is worth too little to deal in
    PRICE_ABOVE_BAND = "PRICE_ABOVE_BAND"  # a unit is worth too much to deal in
    CLAIM_TOO_SMALL = "CLAIM_TOO_SMALL"  # the member owns less than was asked for
    OPEN_PROFIT = "OPEN_PROFIT"  # the last holder leaves only when no position is open
    NOT_RECONCILED = "NOT_RECONCILED"  # no fresh account snapshot agrees with the ledger
    FROZEN = "FROZEN"  # ledger and broker disagree: see the open break
    UNMATCHED_WITHDRAWAL = "UNMATCHED_WITHDRAWAL"  # money left the broker and nobody said for whom
    REQUEST_NOT_FOUND = "REQUEST_NOT_FOUND"  # no such request on this account
    REQUEST_NOT_PENDING = "REQUEST_NOT_PENDING"  # already settled, or cancelled
    DEAL_NOT_IN_SUSPENSE = "DEAL_NOT_IN_SUSPENSE"  # no such balance deal waits for a match
    NOT_REVERSIBLE = "NOT_REVERSIBLE"  # only dealing can be reversed, and only while its units are still there


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A no that the caller can act on."""

    code: RefusalCode
    context: Mapping[str, str] = field(default_factory=dict)  # what was expected and what was found, as text

    def __str__(self) -> str:
        """Return `CODE: name=value, name=value`."""
        details = ", ".join(f"{name}={value}" for name, value in self.context.items())
        return f"{self.code}: {details}" if details else str(self.code)


def refuse(code: RefusalCode, **context: object) -> Refused:
    """Build a refusal, its context turned into text."""
    return Refused(code=code, context={name: str(value) for name, value in context.items()})
