"""The allow-list file: a list that is misread lets nobody in."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from zmq_bridge.cli.errors import CannotRun
from zmq_bridge.cli.peers import read_peers
from zmq_bridge.sockets.zap import Door, Mechanism

SECRET = "s" * 32
DIGEST = hashlib.sha256(b"correct horse").hexdigest()
GOOD = f"""
mechanism = "plain"
secret_key = "{SECRET}"
addresses = ["192.0.2.10"]

[[peers]]
name = "vm-1"
password_sha256 = "{DIGEST}"
logins = [123456]
doors = ["feed", "terminal"]
"""


def _write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "peers.toml"
    path.write_text(text)
    return path


def test_without_a_file_nobody_has_to_authenticate() -> None:
    assert not read_peers(None).authenticated


def test_a_peer_is_let_in_with_its_password_through_its_doors_only(tmp_path: Path) -> None:
    allowed = read_peers(_write(tmp_path, GOOD))
    credentials = [b"vm-1", b"correct horse"]
    assert allowed.mechanism is Mechanism.PLAIN
    assert allowed.admit(Door.FEED, "192.0.2.10", "PLAIN", credentials) == "vm-1"
    assert allowed.admit(Door.STRATEGY, "192.0.2.10", "PLAIN", credentials) is None
    assert allowed.admit(Door.FEED, "192.0.2.11", "PLAIN", credentials) is None
    assert allowed.admit(Door.FEED, "192.0.2.10", "PLAIN", [b"vm-1", b"wrong"]) is None
    assert allowed.may_speak_for("vm-1", 123456)
    assert not allowed.may_speak_for("vm-1", 7)


def test_the_bridges_own_processes_pass_a_list_of_addresses(tmp_path: Path) -> None:
    allowed = read_peers(_write(tmp_path, GOOD), own_addresses={"127.0.0.1"})
    own = [b"bridge", SECRET.encode()]
    assert allowed.admit(Door.FEED, "127.0.0.1", "PLAIN", own) == "bridge"
    assert allowed.admit(Door.FEED, "203.0.113.5", "PLAIN", own) is None


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        ("mechanism = plain", "Invalid value"),
        ('mechanism = "none"', "lets anybody in"),
        ("", "mechanism"),
        (GOOD.replace('"plain"', '"gssapi"'), "gssapi"),
        (GOOD.replace("password_sha256", "password"), "unknown fields password"),
        (GOOD.replace(DIGEST, "correct horse"), "64 characters"),
        (GOOD.replace('"feed"', '"window"'), "window"),
        (GOOD.replace("addresses", "adresses"), "unknown fields adresses"),
        (GOOD.replace(SECRET, "short"), "secret_key"),
        (GOOD + GOOD[GOOD.index("[[peers]]") :], "once"),
        (GOOD.replace("vm-1", "bridge"), "bridge"),
    ],
)
def test_a_wrong_list_is_refused_in_clear_words(wrong: str, found: str, tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="ZMQ_BRIDGE_PEERS_FILE") as caught:
        read_peers(_write(tmp_path, wrong))
    assert found in str(caught.value)
