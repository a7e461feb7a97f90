"""What is added to the report of a failed test: what every part of its rig, and every program of it, said last.

Also when the rig itself could not be set up, as one of a whole module: it is not a fixture's value then.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.rig import Rig

LOG_TAIL_CHARS = 6_000  # of each log
MAKES_A_RIG = frozenset({"rig", "make_rig"})  # fixtures


def add_logs(item: pytest.Item, report: pytest.TestReport) -> pytest.TestReport:
    """Put the end of every log into the report of a failure."""
    if report.failed:
        for path in logs_of(item):
            text = path.read_text(errors="replace")[-LOG_TAIL_CHARS:]
            report.sections.append((f"{path.name} of {path.parent.name}", text))
    return report


def logs_of(item: pytest.Item) -> list[Path]:
    """Logs and charts' comments below the test's directory, and of the rig that was made last."""
    folders = [getattr(item, "funcargs", {}).get("log_folder")]
    if MAKES_A_RIG.intersection(getattr(item, "fixturenames", ())):
        folders += Rig.made[-1:]
    found = {path for folder in folders if folder for name in ("*.log", "comment.txt") for path in folder.rglob(name)}
    return sorted(found)
