"""This machine: Python, packages, the disk, the clock's zone of influence: nothing that needs a server."""

from __future__ import annotations

import importlib.metadata
import shutil
import sys
from pathlib import Path

from packaging.requirements import Requirement

from zmq_bridge.cli.checks.finding import Finding, bad, good, warn
from zmq_bridge.cli.preflight import DISK_FREE_MIN_BYTES
from zmq_bridge.settings import Settings

PYTHON_MIN = (3, 11)
DISK_FREE_GOOD_BYTES = 5_000_000_000


def check_machine(settings: Settings) -> list[Finding]:
    """Python, packages and disk."""
    return [check_python(), check_packages(), check_disk(settings.var_dir)]


def check_python(version: tuple[int, int] = sys.version_info[:2]) -> Finding:
    """The interpreter is new enough."""
    found = ".".join(map(str, version))
    if version < PYTHON_MIN:
        return bad("Python", f"expected 3.11 or newer, found {found}", "install Python 3.11, then `make clean run`")
    return good("Python", found)


def check_packages() -> Finding:
    """Every package that we require is installed, in a version that we accept."""
    wrong = [problem for text in importlib.metadata.requires("zmq-bridge") or () if (problem := _problem(text))]
    if wrong:
        return bad("packages", "; ".join(wrong), "`make clean`, then `make run` or `make test`")
    return good("packages", "all required packages are installed in versions that fit")


def check_disk(directory: Path) -> Finding:
    """Room for ticks: Postgres stops when the disk is full."""
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    found = f"{free / 1e9:.1f} GB free for {directory}"
    if free < DISK_FREE_MIN_BYTES:
        return bad("disk", found, "free some space, or set ZMQ_BRIDGE_VAR_DIR to another disk")
    if free < DISK_FREE_GOOD_BYTES:
        return warn("disk", found, "a busy day of ticks takes about 1 GB; make room soon")
    return good("disk", found)


def _problem(text: str) -> str:
    requirement = Requirement(text)
    if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
        return ""
    try:
        found = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return f"{requirement.name} is missing, expected {requirement.specifier}"
    fits = requirement.specifier.contains(found, prereleases=True)
    return "" if fits else f"{requirement.name} is {found}, expected {requirement.specifier}"
