"""Commands through the journal: each is executed at most once, answered as often as it is asked.

The intent is on disk before the broker hears of the command; the result and the deals that it made are on disk before
the bridge hears of them. What nobody answered is `unknown` and is looked up at the broker again and again; only the
broker's own records end it: found, or, `unknown_settles_s` later, not there and therefore never arrived. An order is
never sent twice. A change or a cancellation may be, for the second does no harm; but not once it has expired.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from zmq_bridge.protocol.clock import BridgeClock
from zmq_bridge.protocol.commands import CloseAll, Command, SetTradingState, TradingStateName, is_permitted
from zmq_bridge.protocol.journal import LEAVES_COMMENT, Act, Verdict
from zmq_bridge.protocol.published import CommandResult, TradingState
from zmq_bridge.simulator.errors import BrokerUnreachable
from zmq_bridge.simulator.terminal import resolver
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
        )
        if verdict.act is Act.SEARCH:
            verdict = self._searched(command, now_ms)
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
        elif command is not None and command.kind not in LEAVES_COMMENT:
            found = self._repeated(command, now_ms)
        self._finish(found or self._not_there(command_id, now_ms), now_ms)

    def _repeated(self, command: Command, now_ms: int) -> CommandResult | None:
        """A command that does no harm twice: in effect already, or done once more while it may be."""
        found = resolver.in_effect(self._broker, command)
        if found is not None or self._clock.bridge_now_ms(now_ms) is None:
            return found
        if not self._clock.is_expired(command.expires_at_ms, now_ms) and is_permitted(
            command, self._memory.trading_state
        ):
            return self._execute(command)
        return CommandResult(
            command_id=command.command_id, status="rejected", message="NOT_IN_EFFECT: and too late to ask again"
        )

    def _complete(self, found: CommandResult, command: Command | None) -> CommandResult:
        """A close_all that was cut off has closed only some: done when nothing is left open, else to be repeated."""
        if not isinstance(command, CloseAll):
            return found
        held = self._broker.call("snapshot")["positions"]
        if all(command.symbol not in ("", each["symbol"]) for each in held):
            return found
        return replace(found, status="rejected", message="INTERRUPTED: positions are still open; close them again")

    def _not_there(self, command_id: str, now_ms: int) -> CommandResult:
        since_ms = self._open.setdefault(command_id, now_ms)
        settles = self._unknown_settles_ms
        command = self._memory.begun.get(command_id)
        would_show = command is None or command.kind in LEAVES_COMMENT
        if settles is None or now_ms - since_ms < settles or not would_show:
            return CommandResult(command_id=command_id, status="unknown", message="not found at the broker yet")
        return CommandResult(
            command_id=command_id,
            status="rejected",
            message=f"NEVER_ARRIVED: no order or deal of it at the broker {settles} ms later",
        )
