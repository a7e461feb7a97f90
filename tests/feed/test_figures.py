"""The bridge's figures as people read them: listed ones in order, and whatever tells of a loss."""

from __future__ import annotations

from zmq_bridge.live.figures import FIGURES, told

CALM = {figure.name: "0" for figure in FIGURES}


def test_listed_figures_come_in_their_order_and_none_is_a_loss_at_zero() -> None:
    found = list(told(dict(reversed(CALM.items()))))
    assert [each.figure for each in found] == list(FIGURES)
    assert not any(each.is_loss for each in found)


def test_what_is_not_there_is_not_made_up() -> None:
    assert [each.value for each in told({"recorder.ticks": "7"})] == ["7"]


def test_a_loss_that_nobody_listed_is_told_and_a_harmless_figure_is_not() -> None:
    [found] = told({"recorder.postgres_failures": "2", "recorder.redis_failures": "0", "recorder.messages": "9"})
    assert (found.figure.title, found.value, found.is_loss) == ("Recorder: postgres failures", "2", True)


def test_a_gap_that_was_filled_is_no_loss() -> None:
    assert not any(each.is_loss for each in told({"recorder.gaps": "5"}))
