"""Put files in place: whole or not at all, read back and compared, and left alone when they are right already."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path, PurePosixPath

from zmq_bridge.cli.expert.errors import ExpertError


class Outcome(StrEnum):
    """What became of a file."""

    NEW = "new"
    REPLACED = "replaced"  # there was another content
    UNCHANGED = "unchanged"


def place_all(mql5: Path, files: Mapping[PurePosixPath, bytes]) -> dict[PurePosixPath, Outcome]:
    """Put files below an MQL5 folder.

    Raises:
        ExpertError: one can't be written; those before it are in place, and a second run goes on.
    """
    return {name: place(mql5.joinpath(*name.parts), content) for name, content in files.items()}


def place(path: Path, content: bytes) -> Outcome:
    """Put one file in place.

    Raises:
        ExpertError: it can't be written, or is not what was written when it is read back.
    """
    try:
        before = _digest(path)
        wanted = hashlib.sha256(content).hexdigest()
        if before == wanted:
            return Outcome.UNCHANGED
        _replace(path, content)
        after = _digest(path)
    except PermissionError as error:
        raise ExpertError(
            f"{path}: expected a file that may be written, found: {error.strerror}. "
            "A DLL is in use while the terminal runs: close the terminal and run this again"
        ) from None
    except OSError as error:
        raise ExpertError(f"{path}: expected a file that may be written, found: {error.strerror}") from None
    if after != wanted:
        raise ExpertError(f"{path}: expected the sha256 {wanted} after writing it, found {after}")
    return Outcome.NEW if before is None else Outcome.REPLACED


def _digest(path: Path) -> str | None:
    """The hash of what is there; None: nothing."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None


def _replace(path: Path, content: bytes) -> None:
    """Write beside it, then take its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).chmod(0o644)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
