"""What the gate answers: accepted, denied, or unavailable. All three are values; none is an exception.

Accepted and Denied are stored, and given again to whoever repeats the request with the same key. Unavailable is not
stored: nothing was decided, the sender may try again with the same key.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from risk.explained import Explained


class Code(Explained):
    """Our own reasons beside the risk core's (`risk.Code`); also closed, also stable."""

    ACCOUNT_REQUIRED = ("ACCOUNT_REQUIRED", "Several accounts are possible; the request must name one.")
    ACCOUNT_UNKNOWN = ("ACCOUNT_UNKNOWN", "No terminal has ever spoken for this account.")
    ACCOUNT_NOT_ALLOWED = ("ACCOUNT_NOT_ALLOWED", "The API key may not use this account.")
    LIFT_NOT_ALLOWED = (
        "LIFT_NOT_ALLOWED", "What holds the account was not set by this key; lifting it takes the scope admin."
    )  # fmt: skip
    SYMBOL_NOT_ALLOWED = ("SYMBOL_NOT_ALLOWED", "The API key or the account may not trade this symbol.")
    IDEMPOTENCY_KEY_REUSED = ("IDEMPOTENCY_KEY_REUSED", "The key was used before, for a different request.")
    SIGNAL_EXPIRED = ("SIGNAL_EXPIRED", "The signal's expires_at has passed.")
    NOTHING_TO_CLOSE = ("NOTHING_TO_CLOSE", "No open position matches.")
    NOT_NETTED = ("NOT_NETTED", "The two positions can't be closed by each other.")
    TICKET_UNKNOWN = ("TICKET_UNKNOWN", "No open position or working order has this ticket.")
    VOLUME_EXCEEDS_POSITION = ("VOLUME_EXCEEDS_POSITION", "More is to be closed than is open.")
    LIVE_STATE_UNAVAILABLE = ("LIVE_STATE_UNAVAILABLE", "Quotes and heartbeats can't be read, so nothing is opened.")
    STATE_UNREADABLE = ("STATE_UNREADABLE", "Something stored about the account can't be understood.")
    DATABASE_UNAVAILABLE = ("DATABASE_UNAVAILABLE", "Nothing was decided and nothing was sent; try again.")
    OUTCOME_UNKNOWN = ("OUTCOME_UNKNOWN", "The database was lost at the last moment; ask again with the same key.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The commands are on their way to the terminal."""

    signal_id: str | None  # ULID; None: a direct request
    decision_id: str  # ULID
    command_ids: tuple[str, ...]  # ULIDs; one, unless several positions are closed
    duplicate: bool = False  # True: answered before, given again

    @property
    def command_id(self) -> str:
        """The first command; of an order the only one."""
        return self.command_ids[0] if self.command_ids else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """Refused by us."""

    code: str  # of `Code` here or `risk.Code`
    context: Mapping[str, Any] = field(default_factory=dict)  # what was found and what was expected
    signal_id: str | None = None  # ULID; None: not stored, or a direct request
    decision_id: str | None = None  # ULID; None: not stored
    duplicate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable:
    """Not decided."""

    code: Code  # DATABASE_UNAVAILABLE or OUTCOME_UNKNOWN
    context: Mapping[str, Any] = field(default_factory=dict)
    signal_id: str | None = None  # what to ask about when the outcome is unknown


Answer = Accepted | Denied | Unavailable


def repeated(first: Mapping[str, Any], request: Mapping[str, Any]) -> Accepted | Denied:
    """The first answer again, or the refusal of a key that now stands for something else."""
    if first["request"] != request:
        changed = sorted(
            name for name in first["request"].keys() | request.keys() if first["request"].get(name) != request.get(name)
        )
        return Denied(code=Code.IDEMPOTENCY_KEY_REUSED, context={"changed": changed}, signal_id=first["signal_id"])
    return replace(first_answer(first), duplicate=True)


def first_answer(stored: Mapping[str, Any]) -> Accepted | Denied:
    """An answer as it was stored."""
    ids = {"signal_id": stored["signal_id"], "decision_id": stored["decision_id"]}
    if stored["verdict"] == "approved":
        return Accepted(**ids, command_ids=tuple(stored["command_ids"] or ()))
    return Denied(**ids, code=stored["code"], context=stored["context"])
