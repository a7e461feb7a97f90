"""The command journal: at most once, whatever is repeated, refused, forgotten or killed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol import samples
from zmq_bridge.protocol import journal as journal_module
from zmq_bridge.protocol.commands import (
    CancelOrder,
    ClosePosition,
    Command,
    ModifyPosition,
    SetTradingState,
    TradingStateName,
    UnreadableCommand,
)
from zmq_bridge.protocol.errors import ProtocolMisuse
from zmq_bridge.protocol.journal import Act, CommandJournal, Intent, Outcome, Record, Told, Verdict
from zmq_bridge.protocol.published import CommandResult, CommandStatus

COMMAND = samples.place_order
CHANGE = ModifyPosition(command_id=samples.OTHER_ID, expires_at_ms=1, position=1, symbol="E")
DONE = CommandResult(command_id=COMMAND.command_id, status="done", deals=(5,))


def _receive(
    journal: CommandJournal,
    command: Command = COMMAND,
    *,
    is_expired: bool = False,
    state: TradingStateName = "active",
    is_log_full: bool = False,
) -> Verdict:
    return journal.receive(command, is_expired=is_expired, trading_state=state, is_log_full=is_log_full)


def _result(status: CommandStatus) -> CommandResult:
    return replace(DONE, status=status, deals=())


def test_a_new_command_is_executed_after_its_intent_is_on_disk() -> None:
    verdict = _receive(CommandJournal())
    assert verdict == Verdict(
        act=Act.EXECUTE,
        record=Intent(command_id=COMMAND.command_id, kind="place_order", expires_at_ms=COMMAND.expires_at_ms),
    )


def test_a_command_under_way_is_not_begun_again() -> None:
    journal = CommandJournal()
    _receive(journal)
    assert _receive(journal) == Verdict(act=Act.IGNORE)


def test_a_finished_command_gets_the_same_answer_even_after_it_expired_or_trading_was_halted() -> None:
    journal = CommandJournal()
    _receive(journal)
    journal.finish(DONE)
    for verdict in (_receive(journal), _receive(journal, is_expired=True), _receive(journal, state="halted")):
        assert verdict == Verdict(act=Act.ANSWER, result=DONE)


def test_an_accepted_command_answers_accepted_until_its_end_is_known() -> None:
    journal = CommandJournal()
    _receive(journal)
    journal.finish(_result("accepted"))
    assert _receive(journal) == Verdict(act=Act.ANSWER, result=_result("accepted"))
    journal.finish(DONE)
    assert _receive(journal).result == DONE


def test_an_intent_of_an_earlier_life_is_resolved_never_executed() -> None:
    intent = _receive(CommandJournal()).record
    assert intent is not None
    journal = CommandJournal([intent])
    assert journal.unresolved() == [COMMAND.command_id]
    assert _receive(journal) == Verdict(act=Act.RESOLVE)
    assert _receive(journal, is_expired=True) == Verdict(act=Act.RESOLVE)
    journal.finish(DONE)
    assert journal.unresolved() == []
    assert _receive(journal).result == DONE


@pytest.mark.parametrize("status", ["accepted", "unknown"])
def test_an_outcome_that_is_not_final_is_resolved_by_the_next_life(status: CommandStatus) -> None:
    outcome = Outcome(result=_result(status), expires_at_ms=COMMAND.expires_at_ms)
    journal = CommandJournal([outcome])
    assert journal.unresolved() == [COMMAND.command_id]
    assert _receive(journal).act is Act.RESOLVE
    journal.finish(_result("unknown"))  # still unknown: asked again next time
    assert _receive(journal).act is Act.RESOLVE


def test_a_command_of_unknown_outcome_is_looked_up_again_when_it_is_repeated() -> None:
    journal = CommandJournal()
    _receive(journal)
    journal.finish(_result("unknown"))
    assert _receive(journal) == Verdict(act=Act.RESOLVE)
    journal.finish(DONE)
    assert _receive(journal) == Verdict(act=Act.ANSWER, result=DONE)


def test_an_expired_command_is_answered_expired_and_stays_so() -> None:
    journal = CommandJournal()
    verdict = _receive(journal, is_expired=True)
    assert verdict.act is Act.ANSWER
    assert verdict.result is not None
    assert verdict.result.status == "expired"
    assert isinstance(verdict.record, Outcome)
    assert _receive(journal, is_expired=False) == Verdict(act=Act.ANSWER, result=verdict.result)


@pytest.mark.parametrize(
    ("state", "command", "passes"),
    [
        ("active", COMMAND, True),
        ("reducing", COMMAND, False),
        ("halted", COMMAND, False),
        ("halted", ClosePosition(command_id=samples.OTHER_ID, expires_at_ms=1, position=1, symbol="E"), True),
        ("halted", CancelOrder(command_id=samples.OTHER_ID, expires_at_ms=1, order=1), True),
        ("halted", CHANGE, False),
        ("active", CHANGE, True),
        ("halted", SetTradingState(command_id=samples.OTHER_ID, expires_at_ms=1, state="active"), True),
    ],
)
def test_the_kill_switch_is_enforced_here_too(state: TradingStateName, command: Command, passes: bool) -> None:
    verdict = _receive(CommandJournal(), command, state=state)
    if passes:
        assert verdict.act is Act.EXECUTE
    else:
        assert verdict.result is not None
        assert verdict.result.status == "rejected"
        assert f"not permitted while {state}" in verdict.result.message


@pytest.mark.parametrize("state", ["reducing", "halted"])
def test_a_change_that_only_eases_is_executed_in_every_state(state: TradingStateName) -> None:
    verdict = CommandJournal().receive(CHANGE, is_expired=False, trading_state=state, only_eases=True)
    assert verdict.act is Act.EXECUTE


def test_an_unreadable_command_is_rejected_with_what_was_wrong() -> None:
    command = UnreadableCommand(
        command_id=samples.OTHER_ID, expires_at_ms=1, kind_found="dance", problem="no such kind"
    )
    verdict = _receive(CommandJournal(), command)
    assert verdict.result is not None
    assert (verdict.result.status, verdict.result.message) == ("rejected", "dance: no such kind")


@pytest.mark.parametrize(
    "kind", [COMMAND, ClosePosition(command_id=samples.OTHER_ID, expires_at_ms=1, position=1, symbol="E")]
)
def test_a_repetition_that_this_journal_never_saw_is_searched_at_the_broker_first(kind: Command) -> None:
    journal = CommandJournal()
    assert _receive(journal, replace(kind, attempt=2), is_expired=True) == Verdict(act=Act.SEARCH)
    assert not journal.knows(kind.command_id)


def test_a_repetition_found_at_the_broker_is_answered_from_there() -> None:
    journal, again = CommandJournal(), replace(COMMAND, attempt=2)
    assert journal.found(again, DONE) == Outcome(result=DONE, expires_at_ms=COMMAND.expires_at_ms)
    assert _receive(journal, again) == Verdict(act=Act.ANSWER, result=DONE)
    with pytest.raises(ProtocolMisuse):
        journal.found(again, DONE)


def test_a_repetition_without_a_trace_at_the_broker_counts_as_new() -> None:
    journal, again = CommandJournal(), replace(COMMAND, attempt=3)
    assert journal.not_found(again, is_expired=False, trading_state="active").act is Act.EXECUTE
    assert _receive(journal, again).act is Act.IGNORE


@pytest.mark.parametrize(
    ("is_expired", "state", "why"), [(True, "active", "EXPIRED"), (False, "halted", "TRADING_STATE")]
)
def test_a_repetition_without_a_trace_that_is_refused_may_still_show(
    is_expired: bool, state: TradingStateName, why: str
) -> None:
    journal, again = CommandJournal(), replace(COMMAND, attempt=2)
    verdict = journal.not_found(again, is_expired=is_expired, trading_state=state)
    assert verdict.act is Act.ANSWER
    assert verdict.result is not None
    assert (verdict.result.status, why in verdict.result.message) == ("unknown", True)
    assert journal.expires_at_ms(again.command_id) == again.expires_at_ms
    assert _receive(journal, again, is_expired=is_expired).act is Act.RESOLVE
    assert verdict.record is not None
    assert _receive(CommandJournal([verdict.record]), again).act is Act.RESOLVE, "never executed, also by a later life"


def test_a_repetition_of_what_repeats_harmlessly_needs_no_search() -> None:
    again = CancelOrder(command_id=samples.OTHER_ID, expires_at_ms=1, order=1, attempt=2)
    assert _receive(CommandJournal(), again).act is Act.EXECUTE


def test_a_final_result_cannot_turn_into_another() -> None:
    journal = CommandJournal()
    _receive(journal)
    journal.finish(DONE)
    journal.finish(replace(DONE, deals=(5, 6)))  # more deals of the same command
    for wrong in (_result("rejected"), _result("accepted"), replace(DONE, deals=(6,))):
        with pytest.raises(ProtocolMisuse, match="ended done"):
            journal.finish(wrong)
    assert journal.result_of(COMMAND.command_id) == replace(DONE, deals=(5, 6))


def test_a_result_of_a_command_never_begun_is_misuse() -> None:
    with pytest.raises(ProtocolMisuse, match="begun here"):
        CommandJournal().finish(DONE)


def test_only_what_is_final_told_and_expired_is_forgotten() -> None:
    journal = CommandJournal()
    _receive(journal)
    later = COMMAND.expires_at_ms
    assert journal.told(COMMAND.command_id) is None  # nothing to tell yet
    assert journal.forget(later) == []
    journal.finish(DONE)
    assert journal.untold() == [DONE]
    assert journal.forget(later) == []
    assert journal.told(COMMAND.command_id) == Told(command_id=COMMAND.command_id)
    assert journal.told(COMMAND.command_id) is None
    assert journal.untold() == []
    assert journal.forget(later - 1) == []
    assert journal.forget(later) == [COMMAND.command_id]
    verdict = _receive(journal, is_expired=True)  # a very late repetition
    assert verdict.result is not None
    assert verdict.result.status == "expired"


def test_a_full_journal_refuses_new_commands_but_never_the_kill_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "JOURNAL_COMMANDS_MAX", 1)
    journal = CommandJournal()
    _receive(journal)
    verdict = _receive(journal, replace(COMMAND, command_id=samples.OTHER_ID))
    assert verdict.result is not None
    assert verdict.result.message.startswith("JOURNAL_FULL")
    assert _receive(journal, replace(COMMAND, command_id="0" * 26)) == Verdict(
        act=Act.IGNORE
    )  # not even an answer fits
    switch = SetTradingState(command_id="1" * 26, expires_at_ms=1, state="halted")
    assert _receive(journal, switch).act is Act.EXECUTE
    assert _receive(journal).act is Act.IGNORE  # the first is still known


def test_a_full_event_log_refuses_new_commands() -> None:
    verdict = _receive(CommandJournal(), is_log_full=True)
    assert verdict.result is not None
    assert verdict.result.message.startswith("JOURNAL_FULL")


ids = st.sampled_from([samples.COMMAND_ID, samples.OTHER_ID, "0" * 26])
steps = st.tuples(st.sampled_from(["receive", "expired", "finish", "told", "crash", "rewrite"]), ids)


@given(st.lists(steps, max_size=40))
def test_no_command_is_begun_twice_over_any_number_of_lives(history: list[tuple[str, str]]) -> None:
    file: list[Record] = []
    journal, begun = CommandJournal(), set()
    for step, command_id in history:
        command = replace(COMMAND, command_id=command_id)
        if step in ("receive", "expired"):
            verdict = _receive(journal, command, is_expired=step == "expired")
            file.extend([verdict.record] if verdict.record else [])
            if verdict.act is Act.EXECUTE:
                assert command_id not in begun
                begun.add(command_id)
        elif step == "finish" and command_id in begun:
            file.append(journal.finish(replace(DONE, command_id=command_id)))
        elif step == "told":
            told = journal.told(command_id)
            file.extend([told] if told else [])
        elif step == "crash":
            journal = CommandJournal(file)
        elif step == "rewrite":
            file = journal.records()
            assert CommandJournal(file).records() == file
