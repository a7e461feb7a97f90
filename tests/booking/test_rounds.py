"""What a round fails with is told, and its thread goes on."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy.exc import OperationalError

from zmq_bridge.booking.rounds import guarded

log = logging.getLogger("tests.rounds")


def fails_with(error: BaseException) -> None:
    with guarded(log, "watch"):
        raise error


def test_a_database_that_is_away_gets_one_line_and_no_traceback(caplog):
    fails_with(OperationalError("SELECT 1", {}, Exception("gone\nfor good")))
    [told] = caplog.records
    assert (told.levelno, told.exc_info) == (logging.WARNING, None)
    assert told.getMessage().startswith("watch: round not finished: ")
    assert "\n" not in told.getMessage()


def test_a_defect_gets_its_traceback_and_the_thread_goes_on(caplog):
    fails_with(ZeroDivisionError("a bug"))
    [told] = caplog.records
    assert (told.levelno, told.getMessage()) == (logging.ERROR, "watch: round failed")
    assert told.exc_info is not None
    assert told.exc_info[0] is ZeroDivisionError


@pytest.mark.parametrize("word", [KeyboardInterrupt, SystemExit])
def test_the_word_to_end_the_process_goes_through(word):
    with pytest.raises(word):
        fails_with(word())


def test_a_round_that_goes_well_says_nothing(caplog):
    with guarded(log, "watch"):
        pass
    assert not caplog.records
