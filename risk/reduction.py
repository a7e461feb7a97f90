"""What always passes: closing, cancelling, moving a stop nearer.

A way out must never depend on the state of anything: halted, stale, unread, all the same. The snapshot is only used to
help, and when it cannot help nothing is lost: a close is cut to the volume the position has, because on a netting
account more than that would open the other side.
"""

from decimal import Decimal

from risk.form import require_reduction
from risk.intent import Intent, Kind, Side
from risk.numbers import ZERO, all_positive
from risk.snapshot import Snapshot
from risk.verdict import Approved


def pass_reduction(intent: Intent, snapshot: Snapshot | None) -> Approved:
    """Approve a reduction or cancel. Refused only when no command could be made of it."""
    require_reduction(intent)
    return nothing_added(_cut(intent, snapshot) if intent.kind is Kind.REDUCE else None)


def nothing_added(volume: Decimal | None = None) -> Approved:
    """Return the approval of something that adds no risk."""
    return Approved(volume=volume, risk=ZERO, margin=ZERO, notional=ZERO, slots=0, checks=())


def eases(side: Side, old_sl: Decimal | None, new_sl: Decimal | None) -> bool:
    """Tell whether the new stop bounds the loss at least as tightly as the old one."""
    if old_sl is None or new_sl is None:
        return old_sl is None
    return new_sl >= old_sl if side is Side.BUY else new_sl <= old_sl


def _cut(intent: Intent, snapshot: Snapshot | None) -> Decimal | None:
    """Return the volume to close: never more than the position is known to have."""
    if intent.volume is None:
        return None
    held = _held(intent, snapshot)
    return intent.volume if held is None else min(intent.volume, held)


def _held(intent: Intent, snapshot: Snapshot | None) -> Decimal | None:
    """Return the position's volume, or None when the snapshot does not tell, whatever is wrong with it."""
    if type(snapshot) is not Snapshot or snapshot.account_id != intent.account:
        return None
    positions = snapshot.positions if isinstance(snapshot.positions, tuple) else ()
    for position in positions:
        if getattr(position, "ticket", None) == intent.ticket:
            volume = getattr(position, "volume", None)
            return volume if isinstance(volume, Decimal) and all_positive((volume,)) else None
    return None
