"""Commands through the journal: each is executed at most once, answered as often as it is asked.

The intent is on disk before the broker hears of the command; the result and the deals that it made are on disk before
the bridge hears of them. What nobody answered is `unknown` and is looked up at the broker again and again; only the
broker's own records end it: found, or, `unknown_settles_s` later, not there and therefore never arrived. An order is
never sent twice. A change or a cancellation may be, for the second does no harm; but not once it has expired or was
recalled, and not while the bridge is not heard. A kill switch that an earlier life had begun is not set again: the
bridge says with every answer what holds.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from zmq_bridge.protocol.clock import BridgeClock
from zmq_bridge.protocol.commands import CloseAll, CloseBy, Command, SetTradingState, TradingStateName, is_permitted
from zmq_bridge.protocol.journal import LEAVES_COMMENT, Act, Verdict
from zmq_bridge.protocol.limits import LIVENESS_MS
from zmq_bridge.protocol.published import CommandResult, TradingState
from zmq_bridge.simulator.errors import BrokerUnreachable
from zmq_bridge.simulator.terminal import easing, resolver
from zmq_bridge.simulator.terminal.executor import Broker, Executor
from zmq_bridge.simulator.terminal.memory import Memory

LOOK_AGAIN_MS = 1000


class Desk:
    """Executes commands and remembers what became of them."""

    def __init__(self, broker: Broker, memory: Memory, clock: BridgeClock, *, unknown_settles_ms: int | None) -> None:
        self._broker = broker
        self._memory = memory
        self._clock = clock
        self._executor = Executor(broker)
        self._unknown_settles_ms = unknown_settles_ms
        self._open: dict[str, int] = {}  # unknown or accepted command -> monotonic ms since when
        self._look_again_ms = 0
        self._heard_ms: int | None = None  # when the bridge last handed work out: a recall would have come with it

    def heard(self, now_ms: int) -> None:
        """The bridge answered a pull: what it says of commands is of this moment."""
        self._heard_ms = now_ms

    def handle(self, command: Command, now_ms: int, collect: Callable[[], None]) -> None:
        """Act on a command; everything to be told afterwards is in the memory, saved.

        Args:
            collect: makes events of what the execution set off (deals, orders), before the result's own event.
        """
        verdict = self._memory.commands.receive(
            command,
            is_expired=self._clock.is_expired(command.expires_at_ms, now_ms),
            trading_state=self._memory.trading_state,
            is_log_full=self._memory.events.is_full,
            only_eases=self._only_eases(command),
        )
        if verdict.act is Act.SEARCH:
            verdict = self._searched(command, now_ms)
        self._memory.recall(command)
        self._memory.note(verdict.record)
        if verdict.act is Act.EXECUTE:
            self._memory.begin(command)
        self._memory.save()
        self._act(verdict, command, now_ms, collect)
        self._memory.save()

    def resolve_earlier(self, now_ms: int) -> None:
        """At the start: look up what an earlier life left open, and repeat results that may not have been told."""
        kept = self._memory.events.unacknowledged(len(self._memory.events))
        told = {event.data.command_id for event in kept if isinstance(event.data, CommandResult)}
        for result in self._memory.commands.untold():
            if result.command_id not in told:
                self._memory.tell(result)
        for command_id in self._memory.commands.unresolved():
            self._resolve(command_id, now_ms)
        self._memory.save()

    def look_again(self, now_ms: int) -> None:
        """Look up commands that are unknown or accepted, when it is time."""
        if not self._open or now_ms < self._look_again_ms:
            return
        for command_id in list(self._open):
            self._resolve(command_id, now_ms)
        self._memory.save()
        self._look_again_ms = now_ms + LOOK_AGAIN_MS

    def hurry(self) -> None:
        """Something happened to an order: look at open commands at once."""
        self._look_again_ms = 0

    def wait_ms(self, now_ms: int) -> int | None:
        """Say when `look_again` has something to do."""
        return max(0, self._look_again_ms - now_ms) if self._open else None

    def set_trading_state(self, state: TradingStateName, reason: str) -> None:
        """Enforce a kill switch from here on, over restarts; told when it is another."""
        if state != self._memory.trading_state:
            self._memory.set_trading_state(state)
            self._memory.tell(TradingState(state=state, reason=reason))
            self._memory.save()

    def _act(self, verdict: Verdict, command: Command, now_ms: int, collect: Callable[[], None]) -> None:
        match verdict.act:
            case Act.EXECUTE:
                result = self._execute(command)
                with suppress(BrokerUnreachable):  # then they are found when the connection is back
                    collect()
                self._finish(result, now_ms)
            case Act.ANSWER if verdict.result is not None:
                if not verdict.result.is_final:
                    self._open.setdefault(command.command_id, now_ms)
                self._memory.tell(verdict.result)
            case Act.RESOLVE:
                self._resolve(command.command_id, now_ms)

    def _execute(self, command: Command) -> CommandResult:
        if isinstance(command, SetTradingState):
            self.set_trading_state(command.state, command.reason)
            return CommandResult(command_id=command.command_id, status="done", message=f"trading is {command.state}")
        return self._executor.execute(command)

    def _searched(self, command: Command, now_ms: int) -> Verdict:
        found = resolver.find(self._broker, command.command_id)
        if found is not None:
            return Verdict(act=Act.ANSWER, record=self._memory.commands.found(command, found), result=found)
        return self._memory.commands.not_found(
            command,
            is_expired=self._clock.is_expired(command.expires_at_ms, now_ms),
            trading_state=self._memory.trading_state,
            is_log_full=self._memory.events.is_full,
        )

    def _finish(self, result: CommandResult, now_ms: int) -> None:
        """Keep and tell a result that is news."""
        known = self._memory.commands.result_of(result.command_id)
        if result.is_final:
            self._open.pop(result.command_id, None)
        else:
            self._open.setdefault(result.command_id, now_ms)
        if known is None or known.status != result.status or result.is_final:
            self._memory.note(self._memory.commands.finish(result))
            self._memory.tell(result)

    def _resolve(self, command_id: str, now_ms: int) -> None:
        """Find out what became of a command that has no final result."""
        found = resolver.find(self._broker, command_id)
        command = self._memory.begun.get(command_id)
        if found is not None:
            found = self._complete(found, command)
        elif isinstance(command, SetTradingState):
            found = self._switched(command)
        elif command is not None and command.kind not in LEAVES_COMMENT:
            found = self._repeated(command, now_ms)
        self._finish(found or self._not_there(command_id, now_ms), now_ms)

    def _switched(self, command: Command) -> CommandResult | None:
        """A kill switch that was begun: the bridge has said since what holds, and that is what it asks for now."""
        if self._heard_ms is None:
            return None
        message = f"trading is {self._memory.trading_state}, as the bridge has it"
        return CommandResult(command_id=command.command_id, status="done", message=message)

    def _repeated(self, command: Command, now_ms: int) -> CommandResult | None:
        """A command that does no harm twice: in effect already, or done again while it may be. None: can't tell yet."""
        found = resolver.in_effect(self._broker, command)
        if found is not None:
            return found
        if self._may_repeat(command, now_ms):
            if not self._is_heard(now_ms):
                return None  # a recall may be on its way
            self._open[command.command_id] = now_ms  # what is on its way has its time anew
            return self._execute(command)
        if self._clock.bridge_now_ms(now_ms) is None or not self._is_settled(command.command_id, now_ms):
            return None
        return CommandResult(
            command_id=command.command_id, status="rejected", message="NOT_IN_EFFECT: and too late to ask again"
        )

    def _may_repeat(self, command: Command, now_ms: int) -> bool:
        is_expired = self._clock.is_expired(command.expires_at_ms, now_ms)
        repeatable = not isinstance(command, CloseBy)  # docs/wire.md lists which may be asked twice
        state, only_eases = self._memory.trading_state, self._only_eases(command)
        return repeatable and not is_expired and is_permitted(command, state, only_eases=only_eases)

    def _only_eases(self, command: Command) -> bool:
        """Asked of the broker where the kill switch wants to know."""
        return self._memory.trading_state != "active" and easing.only_eases(self._broker, command)

    def _is_heard(self, now_ms: int) -> bool:
        return self._heard_ms is not None and now_ms - self._heard_ms <= LIVENESS_MS

    def _is_settled(self, command_id: str, now_ms: int) -> bool:
        """Say whether what would show at the broker would have shown by now."""
        since_ms = self._open.setdefault(command_id, now_ms)
        return self._unknown_settles_ms is not None and now_ms - since_ms >= self._unknown_settles_ms

    def _complete(self, found: CommandResult, command: Command | None) -> CommandResult:
        """A close_all that was cut off has closed only some: done when nothing is left open, else to be repeated."""
        if not isinstance(command, CloseAll):
            return found
        held = self._broker.call("snapshot")["positions"]
        if all(command.symbol not in ("", each["symbol"]) for each in held):
            return found
        return replace(found, status="rejected", message="INTERRUPTED: positions are still open; close them again")

    def _not_there(self, command_id: str, now_ms: int) -> CommandResult:
        command = self._memory.begun.get(command_id)
        would_show = command is None or command.kind in LEAVES_COMMENT
        if not self._is_settled(command_id, now_ms) or not would_show:
            return CommandResult(command_id=command_id, status="unknown", message="not found at the broker yet")
        expires_at_ms = self._memory.commands.expires_at_ms(command_id)
        is_late = command is None and self._clock.is_expired(expires_at_ms, now_ms)  # and never begun from here
        return CommandResult(
            command_id=command_id,
            status="expired" if is_late else "rejected",
            message=f"NEVER_ARRIVED: no order or deal of it at the broker {self._unknown_settles_ms} ms later",
        )
