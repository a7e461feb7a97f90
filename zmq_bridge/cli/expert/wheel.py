"""libzmq for Windows, out of a wheel of pyzmq: which wheel, which files of it, and what their bytes must be.

Later releases of pyzmq link libzmq statically and carry no DLL. pip fetches the wheel, so that a mirror or a proxy that
is set up for pip is used here too; what it brings is checked against the hashes below, whoever brought it.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from zmq_bridge.cli.expert.errors import ExpertError, WheelUnavailable

RELEASE = "25.1.2"
WHEEL_NAME = f"pyzmq-{RELEASE}-cp311-cp311-win_amd64.whl"
WHEEL_SHA256 = "25c2dbb97d38b5ac9fd15586e048ec5eb1e38f3d47fe7d92167b0c77bb3584e9"
PLATFORM = ("--platform", "win_amd64", "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311")
FETCH_TIMEOUT_S = 300
SAID_LINES = 3  # of pip's own words in an error
BY_HAND = (
    f"On a machine with a network: pip download --no-deps --only-binary=:all: {' '.join(PLATFORM)} pyzmq=={RELEASE}; "
    f"bring {WHEEL_NAME} here and add --wheel {WHEEL_NAME}. Or add --no-dll: native sockets need none of it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One DLL of the wheel."""

    path: str  # inside the wheel
    name: str  # in MQL5/Libraries
    sha256: str


DLLS = (
    Member(
        path="pyzmq.libs/libzmq-v141-mt-4_3_4-0a6f51ca.dll",
        name="libzmq.dll",
        sha256="b2d32d44a52ce88a71c53ef9386fe00476f7a4dbca8a4c48699f17b38214599b",
    ),
    Member(  # libzmq asks for it by this very name
        path="pyzmq.libs/libsodium-ac42d648.dll",
        name="libsodium-ac42d648.dll",
        sha256="ac42d648d80b67cb4d286b21a784c889ece77842ed0eb06563127b3491819178",
    ),
)


def are_in_place(libraries: Path) -> bool:
    """Whether a Libraries folder has every DLL already, to the byte."""
    paths = [(libraries / member.name, member.sha256) for member in DLLS]
    return all(path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == wanted for path, wanted in paths)


def fetch_wheel(folder: Path) -> Path:
    """Have pip put the wheel into a folder; its path.

    Raises:
        WheelUnavailable: pip is not there, or got none; the message has what it said and what to do.
    """
    wanted = folder / "wanted.txt"
    wanted.write_text(f"pyzmq=={RELEASE} --hash=sha256:{WHEEL_SHA256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--retries=1"]
    what = ["--no-deps", "--only-binary=:all:", *PLATFORM, "--require-hashes", "-r", str(wanted)]
    try:
        done = subprocess.run(
            [*pip, *what, "--dest", str(folder)], capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise WheelUnavailable(f"{WHEEL_NAME} did not come within {FETCH_TIMEOUT_S} s. {BY_HAND}") from None
    path = folder / WHEEL_NAME
    if done.returncode or not path.is_file():
        said = "\n".join((done.stderr or done.stdout).splitlines()[-SAID_LINES:]) or f"exit code {done.returncode}"
        raise WheelUnavailable(f"expected {WHEEL_NAME} from the package index; pip says:\n{said}\n{BY_HAND}")
    return path


def read_dlls(wheel: Path) -> dict[str, bytes]:
    """The DLLs of the wheel by the name that they get, each checked.

    Raises:
        ExpertError: this is not the wheel that is pinned.
    """
    content = _wheel_bytes(wheel)
    _expect_hash(str(wheel), content, WHEEL_SHA256)
    with zipfile.ZipFile(wheel) as archive:
        found = {member.name: archive.read(member.path) for member in DLLS}
    for member in DLLS:
        _expect_hash(member.path, found[member.name], member.sha256)
    return found


def _wheel_bytes(wheel: Path) -> bytes:
    try:
        return wheel.read_bytes()
    except OSError as error:
        raise ExpertError(f"expected the wheel {WHEEL_NAME} at {wheel}, found: {error.strerror}") from None


def _expect_hash(what: str, content: bytes, sha256: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ExpertError(f"{what}: expected the sha256 {sha256}, found {found}. Nothing was installed of it.")
