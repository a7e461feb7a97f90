"""`zmq-bridge install-ea` on folders that look like a terminal's, with the real wheel from the package index."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from zmq_bridge.cli.expert.errors import ExpertError, WheelUnavailable
from zmq_bridge.cli.expert.placing import Outcome, place
from zmq_bridge.cli.expert.sources import find_sources, read_sources
from zmq_bridge.cli.expert.wheel import WHEEL_NAME, WHEEL_SHA256, fetch_wheel, read_dlls

ROOT = Path(__file__).resolve().parents[2]
RUN_TIMEOUT_S = 200


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pinned wheel, fetched once."""
    try:
        return fetch_wheel(tmp_path_factory.mktemp("wheel"))
    except WheelUnavailable as unavailable:
        pytest.skip(str(unavailable))


@pytest.fixture
def terminal(tmp_path: Path) -> Path:
    """A data directory as a fresh terminal makes it."""
    made = tmp_path / "D0E8209F77C8CF37AD8BF550E51FF075"
    for folder in ("MQL5/Experts", "MQL5/Include", "MQL5/Libraries", "MQL5/Scripts", "config", "logs"):
        (made / folder).mkdir(parents=True)
    (made / "origin.txt").write_text("C:\\Program Files\\MetaTrader 5\n", encoding="utf-16")
    return made


def install(*words: object, **env: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "zmq_bridge.cli", "install-ea", *map(str, words)]
    return subprocess.run(
        argv, capture_output=True, text=True, timeout=RUN_TIMEOUT_S, check=False, env={**os.environ, **env}
    )


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_sources_and_dlls_are_put_in_place(terminal: Path, wheel: Path) -> None:
    done = install("--terminal", terminal, "--wheel", wheel)
    assert done.returncode == 0, done.stderr
    mql5 = terminal / "MQL5"
    for folder in ("Experts", "Include", "Scripts"):
        assert content_of(mql5 / folder) == content_of(ROOT / "mql5_include" / folder)
    assert {path.name for path in (mql5 / "Libraries").iterdir()} == {"libzmq.dll", "libsodium-ac42d648.dll"}
    assert (mql5 / "Libraries" / "libzmq.dll").read_bytes()[:2] == b"MZ"
    asked_for = b"libsodium-ac42d648.dll"
    assert asked_for in (mql5 / "Libraries" / "libzmq.dll").read_bytes()
    assert "press F7" in done.stdout


def test_a_second_run_changes_nothing_and_needs_no_network(terminal: Path, wheel: Path) -> None:
    install("--terminal", terminal, "--wheel", wheel)
    before = {path: path.stat().st_mtime_ns for path in terminal.rglob("*")}
    again = install("--terminal", terminal, **no_network())
    assert again.returncode == 0, again.stderr
    assert {path: path.stat().st_mtime_ns for path in terminal.rglob("*")} == before
    assert "2 unchanged" in again.stdout
    assert "new" not in again.stdout


def test_what_was_changed_is_put_right(terminal: Path, wheel: Path) -> None:
    install("--terminal", terminal, "--wheel", wheel)
    expert, library = (terminal / "MQL5" / name for name in ("Experts/ZmqBridge.mq5", "Libraries/libzmq.dll"))
    wanted = sha256(expert), sha256(library)
    expert.write_text("mine")
    library.write_bytes(b"MZ, but another")
    done = install("--terminal", terminal, "--wheel", wheel)
    assert (sha256(expert), sha256(library)) == wanted
    assert done.stdout.count("1 replaced") == 2


def test_without_the_dll_nothing_is_fetched(terminal: Path) -> None:
    done = install("--terminal", terminal, "--no-dll", **no_network())
    assert done.returncode == 0, done.stderr
    assert list((terminal / "MQL5" / "Libraries").iterdir()) == []
    assert "ZmqBridgeNative" in done.stdout


def test_no_network_says_what_to_do(terminal: Path) -> None:
    done = install("--terminal", terminal, **no_network())
    assert done.returncode == 1
    for word in ("pip says", f"--wheel {WHEEL_NAME}", "--no-dll"):
        assert word in done.stderr
    assert list((terminal / "MQL5" / "Libraries").iterdir()) == []


def no_network() -> dict[str, str]:
    return {"PIP_INDEX_URL": "http://127.0.0.1:1/simple", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}


def test_another_file_in_place_of_the_wheel_is_refused(terminal: Path, tmp_path: Path) -> None:
    forged = tmp_path / WHEEL_NAME
    with zipfile.ZipFile(forged, "w") as archive:
        archive.writestr("pyzmq.libs/libzmq-v141-mt-4_3_4-0a6f51ca.dll", b"MZ")
    done = install("--terminal", terminal, "--wheel", forged)
    assert done.returncode == 78
    assert f"expected the sha256 {WHEEL_SHA256}, found {sha256(forged)}" in done.stderr
    assert list((terminal / "MQL5" / "Libraries").iterdir()) == []


def test_a_wheel_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExpertError, match=r"expected the wheel .* found: No such file"):
        read_dlls(tmp_path / WHEEL_NAME)


@pytest.mark.parametrize(
    ("place_of", "said"),
    [
        ("nowhere", "found nothing"),
        ("here/origin.txt", "found a file"),
        ("here/MQL5", "found its MQL5 folder"),
        ("here/config", "expected a folder MQL5 in"),
    ],
)
def test_what_is_no_data_directory_is_refused(terminal: Path, place_of: str, said: str) -> None:
    terminal.rename(terminal.with_name("here"))
    done = install("--terminal", terminal.with_name("here").parent / place_of, "--no-dll")
    assert done.returncode == 78
    assert said in done.stderr


def test_the_programs_own_folder_is_pointed_out(terminal: Path) -> None:
    (terminal / "origin.txt").unlink()
    (terminal / "terminal64.exe").write_bytes(b"MZ")
    assert "/portable" in install("--terminal", terminal, "--no-dll").stdout


def test_a_file_that_may_not_be_written_is_named(terminal: Path) -> None:
    (terminal / "MQL5" / "Experts" / "ZmqBridge.mq5").mkdir()
    done = install("--terminal", terminal, "--no-dll")
    assert done.returncode == 78
    assert "ZmqBridge.mq5: expected a file that may be written" in done.stderr


def test_a_write_leaves_no_half_file_behind(tmp_path: Path) -> None:
    path = tmp_path / "a" / "file.mqh"
    outcomes = [place(path, content) for content in (b"1", b"1", b"2")]
    assert outcomes == [Outcome.NEW, Outcome.UNCHANGED, Outcome.REPLACED]
    assert [each.name for each in path.parent.iterdir()] == ["file.mqh"]


def test_an_installation_without_sources_says_so(tmp_path: Path) -> None:
    with pytest.raises(ExpertError, match="install zmq-bridge again"):
        find_sources((tmp_path / "a", tmp_path / "b"))


@pytest.mark.slow
def test_a_wheel_of_ours_carries_the_sources(tmp_path: Path) -> None:
    """`pip install .` without a checkout beside it."""
    project = tmp_path / "project"
    project.mkdir()
    for name in ("setup.cfg", "setup.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, project)
    for name in ("zmq_bridge", "mql5_include"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    subprocess.run([*build, str(project)], check=True, timeout=RUN_TIMEOUT_S)
    with zipfile.ZipFile(next(tmp_path.glob("zmq_bridge-*.whl"))) as archive:
        archive.extractall(tmp_path / "installed")
    carried = find_sources((tmp_path / "installed" / "zmq_bridge" / "mql5_include",))
    assert read_sources(carried) == read_sources(ROOT / "mql5_include")
