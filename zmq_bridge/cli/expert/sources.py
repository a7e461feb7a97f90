"""The MQL5 sources that came with this installation: where they are, and where in a terminal they go.

A wheel carries them inside the package (setup.py copies them there); a checkout has them beside it.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import zmq_bridge
from zmq_bridge.cli.expert.errors import ExpertError

FOLDER = "mql5_include"
PACKAGE = Path(zmq_bridge.__file__).parent
PLACES = (PACKAGE / FOLDER, PACKAGE.parent / FOLDER)
SUFFIXES = {".mq5", ".mqh"}


def find_sources(places: tuple[Path, ...] = PLACES) -> Path:
    """The folder with Experts, Include and Scripts.

    Raises:
        ExpertError: this installation has none.
    """
    for place in places:
        if (place / "Experts").is_dir() and (place / "Include" / "ZmqBridge").is_dir():
            return place
    raise ExpertError(
        f"expected the Expert Advisor's sources in {' or '.join(map(str, places))}, found none: "
        "install zmq-bridge again, from its wheel or from a whole checkout"
    )


def read_sources(folder: Path) -> dict[PurePosixPath, bytes]:
    """Every source, by its place below the terminal's MQL5 folder."""
    found = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES)
    return {PurePosixPath(path.relative_to(folder).as_posix()): path.read_bytes() for path in found}
