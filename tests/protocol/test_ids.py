"""Ids: unique, sortable, monotone whatever the clock and the threads do."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zmq_bridge.protocol import ids as ids_module
from zmq_bridge.protocol.errors import ProtocolMisuse
from zmq_bridge.protocol.ids import TIME_MS_MAX, id_ms, is_id, new_id


@pytest.fixture(autouse=True)
def _fresh_ids() -> Iterator[None]:
    """Start with no id given, as a new process does, and leave no far-future id to other tests."""
    ids_module._start_afresh()
    yield
    ids_module._start_afresh()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # examples may follow on each other: monotone
@given(st.lists(st.integers(0, TIME_MS_MAX - 1), min_size=2, max_size=50))
def test_ids_of_one_process_always_grow_even_when_the_clock_goes_back(times: list[int]) -> None:
    ids = [new_id(now_ms) for now_ms in times]
    assert ids == sorted(set(ids))


def test_an_id_is_26_characters_of_crockford_base_32_and_carries_its_time() -> None:
    text = new_id(1_700_000_000_123)
    assert is_id(text)
    assert len(text) == 26
    assert id_ms(text) == 1_700_000_000_123


def test_ids_of_many_threads_are_all_different() -> None:
    found: list[list[str]] = []

    def make() -> None:
        found.append([new_id(1_700_000_000_000) for _ in range(2000)])

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [text for each in found for text in each]
    assert len(set(ids)) == len(ids) == 16_000
    assert all(each == sorted(each) for each in found)


def test_forked_children_do_not_count_on_from_the_same_id() -> None:
    new_id(TIME_MS_MAX - 1)  # from here on the parent counts up
    first, second = _id_of_a_child(), _id_of_a_child()
    assert first != second


def _id_of_a_child() -> str:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, new_id(1_700_000_000_000).encode())
        os._exit(0)
    os.waitpid(child, 0)
    text = os.read(reader, 100).decode()
    os.close(reader)
    os.close(writer)
    return text


@pytest.mark.parametrize("now_ms", [-1, TIME_MS_MAX + 1])
def test_a_time_that_does_not_fit_is_misuse(now_ms: int) -> None:
    with pytest.raises(ProtocolMisuse, match="now_ms"):
        new_id(now_ms)


@pytest.mark.parametrize(
    "text",
    ["", "0" * 25, "0" * 27, "8" + "0" * 25, "0" * 25 + "U", "0" * 25 + "i", "01arz3ndektsv4rrffq69g5fav", "٠" * 26],
)
def test_what_is_not_a_ulid_is_told_apart(text: str) -> None:
    assert not is_id(text)
    with pytest.raises(ProtocolMisuse):
        id_ms(text)


def test_the_public_example_of_the_ulid_specification_reads_as_its_time() -> None:
    assert id_ms("01ARZ3NDEKTSV4RRFFQ69G5FAV") == 1_469_922_850_259
