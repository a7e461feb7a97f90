"""What the documents name is there: every path, every link, every module in backticks."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs", "examples", "mql5_include")
PACKAGES = ("zmq_bridge", "web", "ledger", "risk", "benchmarks", "tests")
NOT_OURS = {".git", ".venv", ".cache", "node_modules", "var", "build", "__pycache__"}

PATH = re.compile(r"`([\w.-]+(?:/[\w.-]+)+/?)`")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
MODULE = re.compile(rf"`((?:{'|'.join(PACKAGES)})(?:\.\w+)+)(?:\([^`]*)?`")

MADE_LATER = ("var/", ".venv/", ".cache/", "web/pages/static/vendor")  # by installing, building or running
ELSEWHERE = ("DIR/", "MQL5/")  # in a MetaTrader 5 terminal
PLACEHOLDER = re.compile(r"(^|[/-])[A-Z]{4,}([./-]|$)")  # `NAME.bin` stands for many


def documents() -> list[Path]:
    found = [ROOT / name for name in DOCUMENTS]
    listed = [path for each in found for path in (each.rglob("*.md") if each.is_dir() else [each])]
    return sorted(path for path in listed if path.is_file() and not NOT_OURS & set(path.parts))


@cache
def everything() -> frozenset[str]:
    """Every file and folder of the project, and each again by the ends of its path: `storage/engine.py` names one."""
    known = set()
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in NOT_OURS]
        for name in (*folders, *files):
            parts = (Path(folder) / name).relative_to(ROOT).parts
            known |= {"/".join(parts[start:]) for start in range(len(parts))}
    return frozenset(known)


def is_there(path: str) -> bool:
    stands_for_more = path.startswith((*MADE_LATER, *ELSEWHERE)) or PLACEHOLDER.search(path)
    return bool(stands_for_more) or path.rstrip("/") in everything() or is_in_a_module(path)


def is_in_a_module(path: str) -> bool:
    """`storage/locks.hold` is a name that the text of such a module has."""
    module, _, name = path.rpartition(".")
    homes = [home for package in PACKAGES for home in (ROOT / package).rglob(f"{Path(module).name}.py")]
    return any(str(home).endswith(f"/{module}.py") and re.search(rf"\b{name}\b", home.read_text()) for home in homes)


def is_module(name: str) -> bool:
    """A package, a module, or a name that the module's text has."""
    path = ROOT.joinpath(*name.split("."))
    if path.is_dir() or path.with_suffix(".py").is_file():
        return True
    homes = (path.parent.with_suffix(".py"), path.parent / "__init__.py")
    return any(home.is_file() and re.search(rf"\b{path.name}\b", home.read_text()) for home in homes)


def missing(document: Path) -> Iterator[str]:
    text = document.read_text()
    yield from (path for path in PATH.findall(text) if not is_there(path))
    yield from (link for link in LINK.findall(text) if not (document.parent / link).exists())
    yield from (name for name in MODULE.findall(text) if not is_module(name))


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_names_is_there(document):
    assert list(missing(document)) == []


def test_what_is_gone_is_noticed(tmp_path):
    document = tmp_path / "page.md"
    document.write_text(
        "`zmq_bridge/gone.py` `storage/locks.gone` [there](gone.md) `ledger.deals.GONE` `risk.gone` "
        "but `zmq_bridge/storage/engine.py`, `storage/locks.hold`, `ledger/`, `ledger.deals.POSTINGS`, `ledger.deals`"
    )
    gone = ["zmq_bridge/gone.py", "storage/locks.gone", "gone.md", "ledger.deals.GONE", "risk.gone"]
    assert list(missing(document)) == gone


def test_every_folder_of_the_map_is_there_and_every_package_is_on_it():
    text = (ROOT / "docs" / "architecture.md").read_text()
    named = {name.rstrip("/") for name in re.findall(r"`((?:zmq_bridge|web|ledger|risk)/[\w/]*)`", text)}
    packages = {path.parent for path in (ROOT / "zmq_bridge").glob("*/__init__.py")}
    assert {str(path.relative_to(ROOT)) for path in packages} <= named
