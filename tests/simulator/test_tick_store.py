"""The broker's ticks on disk: what was written is read back, bounded, up to where a crash tore the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.simulator.broker.history import TickHistory
from zmq_bridge.simulator.server.tick_store import TickStore


def ticks(first: int, count: int) -> list[Tick]:
    return [Tick(first + n, 1.1 + n / 1e5, 1.2 + n / 1e5, 0.0, 0.0, 6) for n in range(count)]


def store_with(path: Path, histories: dict[str, TickHistory], **given_to_store: int) -> TickStore:
    store = TickStore(path, **given_to_store)
    store.append(histories)
    store.close()
    return store


def test_every_symbol_is_read_back_in_order(tmp_path: Path) -> None:
    histories = {"EURUSD": TickHistory(), "EURUSD.z": TickHistory()}
    store = TickStore(tmp_path / "t")
    for n in range(5):
        histories["EURUSD"].append(ticks(n * 10, 3))
        histories["EURUSD.z"].append(ticks(n * 10, n))
        store.append(histories)
    store.close()
    found = TickStore(tmp_path / "t").read()
    assert found == {symbol: history.slice(0, history.end) for symbol, history in histories.items()}


def test_what_a_store_read_is_not_written_again(tmp_path: Path) -> None:
    store_with(tmp_path / "t", {"A": _history(ticks(1, 4))})
    again = TickStore(tmp_path / "t")
    history = _history(again.read()["A"])
    again.seen({"A": history})
    history.append(ticks(100, 1))
    again.append({"A": history})
    again.close()
    assert TickStore(tmp_path / "t").read() == {"A": ticks(1, 4) + ticks(100, 1)}


def test_the_file_is_bounded_and_the_newest_ticks_stay(tmp_path: Path) -> None:
    history, store = TickHistory(), TickStore(tmp_path / "t", segment_bytes_max=1000)
    for n in range(100):
        history.append(ticks(n, 1))
        store.append({"A": history})
    store.close()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2200
    kept = TickStore(tmp_path / "t").read()["A"]
    assert 10 < len(kept) < 100
    assert kept == history.slice(history.end - len(kept), history.end)


@given(torn=st.integers(min_value=0, max_value=400), rubbish=st.binary(max_size=20))
@settings(max_examples=40, deadline=None)
def test_a_torn_file_gives_what_is_sound_and_takes_more(
    tmp_path_factory: pytest.TempPathFactory, torn: int, rubbish: bytes
) -> None:
    path = tmp_path_factory.mktemp("torn") / "t"
    history, store = TickHistory(), TickStore(path)
    for n in range(5):
        history.append(ticks(n, 1))
        store.append({"A": history})
    store.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: max(0, len(whole) - torn)] + rubbish[: 0 if torn else 20])
    sound = TickStore(path).read().get("A", [])
    assert sound == history.slice(0, len(sound))
    after = TickStore(path)
    after.append({"A": _history(ticks(1000, 2))})
    after.close()
    assert TickStore(path).read()["A"] == sound + ticks(1000, 2)


def _history(rows: list[Tick]) -> TickHistory:
    history = TickHistory()
    history.append(rows)
    return history
