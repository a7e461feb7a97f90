"""Small secrets kept in files that only their owner can read (mode 0600), written whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

SECRET_BYTES = 32


def new_secret() -> str:
    """A secret that nobody can guess."""
    return secrets.token_urlsafe(SECRET_BYTES)


def read_or_create(path: Path, make: Callable[[], str]) -> str:
    """Return the file's text; make and store it when there is none. Two processes at once agree on one text."""
    found = read_private(path)
    if found:
        return found
    write_private(path, make())
    return read_private(path)


def read_private(path: Path) -> str:
    """The stripped text of a private file; "" when there is none. Closes the file to others if it was open."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            path.chmod(0o600)
        return path.read_text().strip()
    except FileNotFoundError:
        return ""


def write_private(path: Path, text: str) -> None:
    """Store `text` unless another process has just done so: a file that has text is never replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
