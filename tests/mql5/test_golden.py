"""Every golden file of the wire, read and written by the MQL5 codec: the same bytes, or refused with the same code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.mql5.conftest import INCLUDES, SOURCES
from tests.mql5_host.build import build
from tests.mql5_host.run import HostOptions, Machine, run_script
from zmq_bridge.protocol import codec

VECTORS = Path(__file__).resolve().parents[1] / "wire_vectors"
NAMES = sorted(path.stem for path in VECTORS.glob("*.bin"))


@pytest.fixture(scope="module")
def results(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the script has worked on every file."""
    files = tmp_path_factory.mktemp("golden") / "Files"
    folder = files / "ZmqBridge" / "golden"
    folder.mkdir(parents=True)
    for name in NAMES:
        shutil.copy(VECTORS / f"{name}.bin", folder / f"{told_name(name)}.bin")
    (folder / "list.txt").write_text("".join(f"{told_name(name)}\n" for name in NAMES))
    program = build(SOURCES / "Scripts" / "ZmqBridgeGolden.mq5", INCLUDES, toolchain=machine.toolchain)
    run_script(program, HostOptions(files=files), machine=machine)
    return folder


def description(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((VECTORS / f"{name}.json").read_text())
    return found


def told_name(name: str) -> str:
    """Published frames are told to the script by their name."""
    return f"pub-{name}" if description(name)["where"] == "pub" else name


def test_there_are_golden_files() -> None:
    assert len(NAMES) > 50


@pytest.mark.parametrize("name", NAMES)
def test_mql5_reads_and_writes_the_golden_file(results: Path, name: str) -> None:
    about = description(name)
    frame = (VECTORS / f"{name}.bin").read_bytes()
    out, bad = (results / f"{told_name(name)}.{suffix}" for suffix in ("out", "bad"))
    refusal = bad.read_text() if bad.exists() else ""
    if about["sort"] == "encode":
        assert out.exists(), refusal
        assert out.read_bytes() == frame
    elif about["sort"] == "accept":
        assert out.exists(), refusal
        assert value_of(about, out.read_bytes()) == value_of(about, frame)
        assert out.read_bytes() != frame, "an accept file is one that a writer never makes"
    else:
        assert refusal.split()[0:1] == [about["code"]] or not is_refused_by_its_form(about), refusal


def value_of(about: dict[str, Any], frame: bytes) -> object:
    return codec.unpack(codec.split_frame(frame)[1] if about["where"] == "pub" else frame)


def is_refused_by_its_form(about: dict[str, Any]) -> bool:
    """Whether the bytes themselves are wrong, not a field of a message: only that can be seen without the schema."""
    return bool(about["where"] == "value")
