"""A MetaTrader 5 terminal's data directory: how it is recognised. Nothing is written here."""

from __future__ import annotations

from pathlib import Path

from zmq_bridge.cli.expert.errors import ExpertError

HOW_TO_FIND = "In the terminal: File, Open Data Folder; that folder is meant, the one that has MQL5 in it."
PROGRAM = "terminal64.exe"


def find_mql5(terminal: Path) -> Path:
    """The MQL5 folder of a terminal's data directory.

    Raises:
        ExpertError: this is none; the message says what was expected and found.
    """
    if not terminal.is_dir():
        found = "a file" if terminal.exists() else "nothing"
        raise ExpertError(f"expected a terminal's data directory at {terminal}, found {found}. {HOW_TO_FIND}")
    mql5 = _child(terminal, "MQL5")
    if mql5 is not None and mql5.is_dir():
        return mql5
    if terminal.name.upper() == "MQL5" and _child(terminal, "Experts") is not None:
        raise ExpertError(
            f"expected a terminal's data directory, found its MQL5 folder: say --terminal {terminal.parent}"
        )
    names = sorted(path.name for path in terminal.iterdir())
    listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "") if names else "nothing"
    raise ExpertError(f"expected a folder MQL5 in {terminal}, found {listed}. {HOW_TO_FIND}")


def advice(terminal: Path) -> str:
    """What a person should know about this directory; "" when nothing."""
    if _child(terminal, PROGRAM) is not None and _child(terminal, "origin.txt") is None:
        return (
            f"{terminal} has {PROGRAM} in it: the terminal uses this folder only when it is started with /portable. "
            f"{HOW_TO_FIND}"
        )
    return ""


def _child(folder: Path, name: str) -> Path | None:
    """A child by its name in any case: the folder may be Windows' own, seen from Linux."""
    return next((path for path in folder.iterdir() if path.name.lower() == name.lower()), None)
