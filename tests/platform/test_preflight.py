"""What is checked before anything starts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import free_port
from zmq_bridge.cli.errors import CannotRun
from zmq_bridge.cli.preflight import (
    DiskWatch,
    VarLock,
    port_answers,
    port_is_free,
    port_owner,
    require_disk,
    require_ports,
)


class Usage(NamedTuple):
    """As much of `shutil.disk_usage` as is read."""

    free: int


def test_every_taken_port_is_named_with_its_variable_and_its_owner() -> None:
    first, second, third = free_port(), free_port(), free_port()
    wanted = {name: ("127.0.0.1", port) for name, port in (("A", first), ("B", second), ("C", third))}
    with (
        socket.create_server(("127.0.0.1", first)),
        socket.create_server(("127.0.0.1", second)),
        pytest.raises(CannotRun) as caught,
    ):
        require_ports(wanted)
    message = str(caught.value)
    assert f"port {first} on 127.0.0.1 is taken by" in message
    assert f"process {os.getpid()}" in message
    assert "; A chooses another" in message
    assert "; B chooses another" in message
    assert str(third) not in message


def test_free_ports_pass() -> None:
    port = free_port()
    require_ports({"A": ("127.0.0.1", port)})
    assert port_is_free("127.0.0.1", port)
    assert not port_answers("127.0.0.1", port)
    assert port_owner(port) == ""


def test_a_nearly_full_disk_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(free=1_000_000))
    with pytest.raises(CannotRun, match=r"expected 500 MB free .*, found 1 MB"):
        require_disk(tmp_path)


def test_a_disk_that_fills_up_is_told_once_and_told_again_when_it_has_room(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("zmq_bridge.cli.preflight.DISK_LOOK_S", 0.0)
    said: list[str] = []
    watch = DiskWatch(tmp_path, said.append)
    for free in (900_000_000, 400_000_000, 300_000_000, 900_000_000, 900_000_000):
        monkeypatch.setattr("shutil.disk_usage", lambda path, free=free: Usage(free=free))
        watch()
    assert [line.split("has ")[1].split(":")[0] for line in said] == [
        "only 400 MB left. Postgres stops when it is full",
        "room again",
    ]


def test_two_runs_cannot_share_a_var_directory(tmp_path: Path) -> None:
    code = f"from zmq_bridge.cli.preflight import VarLock; from pathlib import Path; VarLock(Path({str(tmp_path)!r}))"
    with VarLock(tmp_path):
        second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert second.returncode != 0
    assert f"already runs with {tmp_path} (process {os.getpid()})" in second.stderr
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_var_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotRun, match="Not a directory"):
        VarLock(tmp_path / "file" / "var")
