"""Faults on demand: what the broker does wrong to the next orders, in the order in which they were planned.

| kind             | executed?             | the client hears                                       |
|------------------|-----------------------|--------------------------------------------------------|
| answer           | no                    | `retcode` (requote, reject, timeout, no money, ...)    |
| execute_answer   | yes                   | `retcode` all the same (a timeout that did execute)    |
| lose_answer      | yes                   | nothing                                                |
| lose_request     | no                    | nothing                                                |
| partial          | `volume` of it        | DONE_PARTIAL, or DONE for the rest of a resting order  |
| delay            | at the next tick      | PLACED                                                 |
| slip             | `points` worse        | DONE at that price                                     |
"""

from collections import deque
from dataclasses import dataclass, replace
from decimal import Decimal

from zmq_bridge.simulator.broker.money import ZERO
from zmq_bridge.simulator.errors import SimulatorError

REQUEST_KINDS = frozenset({"answer", "execute_answer", "lose_answer", "lose_request"})  # fit any trade request
DEAL_KINDS = REQUEST_KINDS | {"partial", "delay", "slip"}  # fit a request to deal at the market
FILL_KINDS = frozenset({"partial"})  # fit a resting order whose price has come
FAULTS_MAX = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong, for the next `count` trade requests that it fits."""

    kind: str
    count: int = 1
    retcode: int = 10006  # answer, execute_answer
    volume: Decimal = ZERO  # partial: lots filled
    points: int = 0  # slip: how much worse than the quote
    action: str = ""  # only requests with this action; "": any
    symbol: str = ""  # only this symbol; "": any


class FaultPlan:
    """A queue of faults; each request takes the first that fits it."""

    def __init__(self) -> None:
        self._planned: deque[Fault] = deque()

    def add(self, fault: Fault) -> None:
        """Plan a fault.

        Raises:
            SimulatorError: unknown kind, a count below 1, or more than FAULTS_MAX planned.
        """
        if fault.kind not in DEAL_KINDS:
            raise SimulatorError(f"fault kind: expected one of {sorted(DEAL_KINDS)}, found {fault.kind!r}")
        if fault.count < 1 or len(self._planned) >= FAULTS_MAX:
            raise SimulatorError(f"fault: expected count >= 1 and at most {FAULTS_MAX} planned, found {fault}")
        self._planned.append(fault)

    @property
    def left(self) -> int:
        """How many requests the plan has still to meet."""
        return sum(fault.count for fault in self._planned)

    def clear(self) -> int:
        """Forget what is planned; return how many requests it would still have met."""
        left = self.left
        self._planned.clear()
        return left

    def take(self, action: str, symbol: str, kinds: frozenset[str]) -> Fault | None:
        """Use up the first fault that fits, out of these kinds."""
        for position, fault in enumerate(self._planned):
            if fault.kind in kinds and fault.action in ("", action) and fault.symbol in ("", symbol):
                if fault.count > 1:
                    self._planned[position] = replace(fault, count=fault.count - 1)
                else:
                    del self._planned[position]
                return fault
        return None
