"""The journal file: whole steps or none, one owner, damage noticed."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulator.world import Desk
from zmq_bridge.simulator.errors import JournalError
from zmq_bridge.simulator.record_file import RecordFile


def written(path: Path, steps: list[object]) -> None:
    file = RecordFile(path)
    list(file.read())
    for step in steps:
        file.append(step)
    file.close()


def read(path: Path) -> list[object]:
    file = RecordFile(path)
    try:
        return list(file.read())
    finally:
        file.close()


def test_steps_come_back_in_order_over_several_lives(tmp_path: Path) -> None:
    written(tmp_path / "j", [1, ["two"]])
    written(tmp_path / "j", [{"three": 3.5}])
    assert read(tmp_path / "j") == [1, ["two"], {"three": 3.5}]


@given(cut=st.integers(0, 200))
@settings(max_examples=60, deadline=None)
def test_a_file_cut_anywhere_is_a_shorter_history_and_can_be_written_on(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("cut") / "j"
    steps: list[object] = [[n, "x" * n] for n in range(8)]
    written(path, steps)
    os.truncate(path, min(cut, path.stat().st_size))
    kept = read(path)
    assert kept == steps[: len(kept)]
    written(path, ["more"])
    assert read(path) == [*kept, "more"]


def test_a_damaged_line_in_the_middle_is_an_error_with_its_number(tmp_path: Path) -> None:
    written(tmp_path / "j", ["one", "two", "three"])
    content = (tmp_path / "j").read_bytes().replace(b"two", b"tvo")
    (tmp_path / "j").write_bytes(content)
    with pytest.raises(JournalError, match="line 2: expected an intact line"):
        read(tmp_path / "j")


def test_only_one_process_may_use_it(tmp_path: Path) -> None:
    file = RecordFile(tmp_path / "j")
    code = f"from zmq_bridge.simulator.record_file import RecordFile; RecordFile({str(tmp_path / 'j')!r})"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "another process using it" in other.stderr
    file.close()
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_a_rewrite_replaces_everything_and_stays_locked(tmp_path: Path) -> None:
    file = RecordFile(tmp_path / "j")
    list(file.read())
    for number in range(10):
        file.append(number)
    file.rewrite([["all"]])
    file.append("after")
    with pytest.raises(JournalError):
        RecordFile(tmp_path / "j")
    file.close()
    assert read(tmp_path / "j") == [["all"], "after"]


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = RecordFile(tmp_path / "j")
    list(file.read())
    file.append("one")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.size + 10, hard))
    try:
        with pytest.raises(JournalError, match="expected to append"):
            file.append("two" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    file.append("three")
    assert list(file.read()) == ["one", "three"]
    file.close()


def test_the_books_of_another_account_are_not_mine(tmp_path: Path) -> None:
    Desk(tmp_path / "j", login=1).end()
    with pytest.raises(JournalError, match="expected the books of"):
        Desk(tmp_path / "j", login=2)


def test_the_opening_deposit_is_booked_once(tmp_path: Path) -> None:
    Desk(tmp_path / "j").end()
    again = Desk(tmp_path / "j")
    assert len(again.broker.core.books.deals) == 1
    again.end()
