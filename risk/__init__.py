"""Decide whether an order may go out: pure, deterministic, closed when in doubt.

Standard library only; no clock (now is a parameter), no I/O, no state. The caller gathers a Snapshot, asks `assess`,
stores the answer. Everything the package knows about money limits is here; nothing here can place an order.
"""

from risk.assess import assess
from risk.codes import Code
from risk.intent import Intent, Kind, OrderType, Side
from risk.limits import Limits, LimitsError, tighten, tightest
from risk.snapshot import Snapshot
from risk.verdict import Approved, Check, Denied, Verdict

__all__ = [
    "Approved", "Check", "Code", "Denied", "Intent", "Kind", "Limits", "LimitsError", "OrderType", "Side", "Snapshot",
    "Verdict", "assess", "tighten", "tightest",
]  # fmt: skip
