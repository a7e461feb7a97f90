"""From a row of the outbox to a command of the wire. Pure.

Money in a stored payload is a decimal string, as every amount in our documents; `comment` on the wire is always the
command id, because it is what ties a deal to its command when the result was lost.
"""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from zmq_bridge.protocol.commands import COMMANDS, Command, SetTradingState, TradingStateName
from zmq_bridge.protocol.errors import ProtocolMisuse
from zmq_bridge.protocol.schema import to_map
from zmq_bridge.storage.commands.outbox import OutgoingCommand

MONEY_FIELDS = frozenset({"volume", "price", "stoplimit", "sl", "tp"})
ENVELOPE_FIELDS = frozenset({"command_id", "expires_at_ms", "attempt"})
NEWER_STATE = "the bridge's state of now, newer than this command"


class UnsendableCommand(Exception):
    """A stored command that the wire cannot carry: a bug of whoever wrote it, told in its message."""


def to_command(row: OutgoingCommand, *, attempt: int = 1) -> Command:
    """Build the wire's command of a stored one.

    Args:
        attempt: above 1 when it may have been handed out before.

    Raises:
        UnsendableCommand: an unknown kind, a missing field, a value out of its range.
    """
    cls = COMMANDS.get(row.kind)
    if cls is None:
        raise UnsendableCommand(f"kind: expected one of {', '.join(COMMANDS)}, found {row.kind!r}")
    names = [field.name for field in fields(cls) if field.name not in ENVELOPE_FIELDS]
    values = {name: _value(name, row.payload[name]) for name in names if row.payload.get(name) is not None}
    if "comment" in names:
        values["comment"] = row.id
    try:
        command: Command = cls(
            command_id=row.id, expires_at_ms=int(row.expires_at.timestamp() * 1000), attempt=attempt, **values
        )
        to_map(command)
    except (TypeError, ProtocolMisuse) as error:
        raise UnsendableCommand(str(error)) from error
    return command


def as_of_now(command: Command, state: TradingStateName) -> Command:
    """Return what a command says while `state` is to be enforced: an older word on it must not undo a newer one."""
    if isinstance(command, SetTradingState) and command.state != state:
        return replace(command, state=state, reason=NEWER_STATE)
    return command


def _value(name: str, stored: Any) -> Any:
    if name not in MONEY_FIELDS:
        return stored
    try:
        return Decimal(str(stored))
    except InvalidOperation:
        raise UnsendableCommand(f"{name}: expected a decimal number, found {stored!r}") from None
