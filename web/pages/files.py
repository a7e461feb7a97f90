"""Files that hold no data: our scripts and styles, and what npm brought. Asked for each time, sent when changed."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Response, abort, send_from_directory

STATIC = Path(__file__).parent / "static"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zmq-bridge"
VENDORS = (STATIC / "vendor", CACHE / "vendor")
"""Where the scripts of npm may lie; the second for a checkout that could not be written to."""


def static(filename: str) -> Response:
    """A file of our own."""
    return _sent(STATIC, filename)


def vendor(filename: str) -> Response:
    """A file from npm."""
    found = vendor_directory()
    if found is None:
        abort(404, "The dashboard's scripts are missing: `make run` brings them.")
    return _sent(found, filename)


def vendor_directory() -> Path | None:
    """Where the scripts of npm are; None: nobody has brought them."""
    return next((directory for directory in VENDORS if (directory / ".stamp").is_file()), None)


def _sent(directory: Path, filename: str) -> Response:
    response = send_from_directory(directory, filename)
    response.headers["Cache-Control"] = "no-cache"
    return response
