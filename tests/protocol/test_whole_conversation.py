"""Terminal and bridge together, under loss, repetition and crashes of either: no event lost, no command twice."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.protocol.world import World

latencies = st.sampled_from([0, 1, 40, 400])


class Conversation(RuleBasedStateMachine):
    """Everything that can happen, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @initialize(already_greeted=st.booleans())
    def begin(self, already_greeted: bool) -> None:
        if already_greeted:
            self.exchange(0, 0, "nothing", 1, False)

    @rule(ttl_ms=st.sampled_from([300, 2000, 60_000]), there_ms=latencies, back_ms=latencies)
    def order_and_exchange(self, ttl_ms: int, there_ms: int, back_ms: int) -> None:
        self.world.order(ttl_ms)
        self.exchange(there_ms, back_ms, "nothing", 1, True)

    @rule(
        there_ms=latencies,
        back_ms=latencies,
        lost=st.sampled_from(["nothing", "nothing", "request", "reply"]),
        times=st.integers(1, 2),
        works_meanwhile=st.booleans(),
    )
    def exchange(self, there_ms: int, back_ms: int, lost: str, times: int, works_meanwhile: bool) -> None:
        self.world.terminal_speaks()
        if works_meanwhile:
            self.world.terminal.execute_one()
            self.world.terminal.report_one()
        if lost == "request":
            self.world.lose_the_wire()
        self.world.now_ms += there_ms
        self.world.bridge_answers(times)
        if lost == "reply":
            self.world.lose_the_wire()
        self.world.now_ms += back_ms
        self.world.terminal_hears()

    @rule()
    def only_ask(self) -> None:
        self.world.terminal_speaks()

    @rule()
    def only_answer(self) -> None:
        self.world.bridge_answers()

    @rule()
    def only_hear(self) -> None:
        self.world.terminal_hears()

    @rule(elapsed_ms=st.sampled_from([100, 1100, 6000]))
    def time_passes(self, elapsed_ms: int) -> None:
        self.world.now_ms += elapsed_ms

    @precondition(lambda self: self.world.terminal.to_execute)
    @rule()
    def terminal_executes(self) -> None:
        self.world.terminal.execute_one()

    @precondition(lambda self: self.world.terminal.to_report)
    @rule()
    def terminal_reports(self) -> None:
        self.world.terminal.report_one()

    @precondition(lambda self: self.world.terminal.unsent)
    @rule(deliver=st.booleans())
    def publish(self, deliver: bool) -> None:
        self.world.publish(deliver=deliver)

    @precondition(lambda self: self.world.terminal.records)
    @rule()
    def the_terminal_crashes(self) -> None:
        self.world.lose_the_wire()
        self.world.terminal.start()

    @precondition(lambda self: self.world.broker.executed)
    @rule()
    def the_terminal_loses_its_files(self) -> None:
        self.world.lose_the_wire()
        self.world.terminal.lose_files()

    @precondition(lambda self: self.world.bridge.commands)
    @rule()
    def the_bridge_crashes(self) -> None:
        self.world.lose_the_wire()
        self.world.bridge.start()

    @invariant()
    def no_command_is_executed_twice(self) -> None:
        assert all(times == 1 for times in self.world.broker.executed.values())

    @invariant()
    def no_command_is_begun_after_its_time(self) -> None:
        assert self.world.terminal.begun_late == []

    @invariant()
    def a_command_ends_in_one_way(self) -> None:
        for results in self.world.bridge.results.values():
            assert len({result.status for result in results if result.is_final}) <= 1

    def teardown(self) -> None:
        self.world.settle()
        self.no_command_is_executed_twice()
        self.a_command_ends_in_one_way()
        assert self.world.terminal.emitted <= self.world.bridge.events
        for command_id, results in self.world.bridge.results.items():
            executed = self.world.broker.executed[command_id] == 1
            assert (results[-1].status == "done") == executed
        assert [self.world.bridge.deals[ticket + 1] for ticket in range(len(self.world.broker.deals))] == (
            self.world.broker.deals
        )


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)


def test_what_is_on_the_terminals_disk_reaches_the_bridge_whatever_pub_lost() -> None:
    world = World()
    for _ in range(200):  # far more events than one pull carries
        world.order(60_000)
    for _ in range(150):
        world.now_ms += 1000
        world.terminal_speaks()
        world.bridge_answers()
        world.terminal_hears()
        for _ in range(5):
            world.terminal.execute_one()
            world.terminal.report_one()
        world.publish(deliver=False)
    world.settle()
    assert world.terminal.emitted <= world.bridge.events
    assert len(world.bridge.deals) == len(world.broker.deals) > 100
