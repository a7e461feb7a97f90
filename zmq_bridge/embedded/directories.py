"""Directories of embedded servers: private, owned by who runs the server, short enough for a unix socket.

A unix socket's path has room for 107 bytes on Linux and 103 on macOS, so a deep checkout gets a private directory in
the system's temporary directory instead. That directory is shared with strangers: it is trusted only when it is a real
directory, is ours, and is closed to others.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from zmq_bridge.embedded.errors import ServerRefused
from zmq_bridge.embedded.server_user import ServerUser

SOCKET_PATH_BYTES_MAX = 103  # the smaller of Linux (107) and macOS (103)
SOCKET_NAME = ".s.PGSQL.5432"


def make_private(directory: Path, user: ServerUser | None) -> Path:
    """Create a directory (mode 0700) that belongs to the server's user, or adopt it when it already does."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if user is not None:
        os.chown(directory, user.uid, user.gid)
    directory.chmod(0o700)
    return directory


def socket_directory(data_dir: Path, user: ServerUser | None) -> Path:
    """A private directory for the server's unix socket: beside the data, or in the temporary directory if too deep."""
    beside = socket_path_candidate(data_dir)
    if beside.parent == data_dir.parent:
        return make_private(beside, user)
    beside.mkdir(mode=0o700, exist_ok=True)
    _require_ours(beside, user)
    return make_private(beside, user)


def socket_path_candidate(data_dir: Path) -> Path:
    """Where the socket of a data directory lives; the same answer for every process that asks."""
    beside = data_dir.parent / (data_dir.name + "-socket")
    if len(os.fsencode(beside / SOCKET_NAME)) <= SOCKET_PATH_BYTES_MAX:
        return beside
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"zmq-bridge-{digest}"


def _require_ours(directory: Path, user: ServerUser | None) -> None:
    found = directory.lstat()
    owners = {os.geteuid()} | ({user.uid} if user else set())
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners:
        raise ServerRefused(
            f"expected {directory} to be a directory of user id {sorted(owners)}, found something of user id "
            f"{found.st_uid}. Remove it, or use a shorter var directory"
        )
