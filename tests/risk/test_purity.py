"""The package is pure: standard library only, no clock, no I/O, no randomness; and its checks are all in a table."""

import ast
import importlib
import pkgutil
import sys
from pathlib import Path

import pytest

import risk
from risk import checks
from risk.codes import Code

ROOT = Path(risk.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))
IMPURE = {"os", "io", "time", "random", "socket", "threading", "asyncio", "logging", "subprocess", "pathlib"}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: a relative import"
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_the_standard_library_and_this_package_only(path: Path) -> None:
    names = imports(path) - {"risk"}
    assert names <= set(sys.stdlib_module_names)
    assert not names & IMPURE


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_reads_the_clock_or_a_file(path: Path) -> None:
    text = path.read_text()
    for word in ("datetime.now", "utcnow", "date.today", "open(", "print(", "getenv"):
        assert word not in text, word


def test_every_check_is_in_a_table() -> None:
    defined = set()
    for module in pkgutil.iter_modules(checks.__path__):
        members = vars(importlib.import_module(f"risk.checks.{module.name}"))
        defined |= {name for name, value in members.items() if name.startswith("check_") and callable(value)}
    tables = (checks.GATES, checks.ORDER_CHECKS, checks.LIMIT_CHECKS, checks.WIDENING_CHECKS)
    listed = {check.__name__ for table in tables for check in table}
    assert defined == listed


def test_every_code_is_given_by_some_line_of_the_package() -> None:
    text = "".join(path.read_text() for path in SOURCES if path.name != "codes.py")
    assert [code.name for code in Code if f"Code.{code.name}" not in text] == []
