"""Programs built with the host, once for all tests that need them; a test that fails says what they said."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.mql5_host.build import build, missing_tools
from tests.mql5_host.run import HERE, HostOptions, HostProcess, Machine, run_script
from tests.pipeline.reports import add_logs

TIMEOUT_S = 300  # of a test here: the first one of a run may build
SOURCES = Path(__file__).resolve().parents[2] / "mql5_include"
INCLUDES = SOURCES / "Include"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test here time enough to build its program."""
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to the report of a failure what was said last."""
    return add_logs(item, (yield))


@pytest.fixture(autouse=True)
def log_folder(tmp_path: Path) -> Path:
    """Below it is what the programs of a test say; made first, so that it is known when another fixture fails."""
    return tmp_path


@pytest.fixture(scope="session")
def needs_host() -> None:
    """Skip where nothing can be built."""
    if reason := missing_tools():
        pytest.skip(reason)


@pytest.fixture
def run_mql5(needs_host: None, tmp_path: Path) -> Callable[..., str]:
    """`run_mql5(text)`: build a script from its text, run it, and give what it printed."""

    def run(text: str, **options: Any) -> str:
        program = tmp_path / "sample.mq5"
        program.write_text(text)
        return run_script(build(program, INCLUDES), HostOptions(files=tmp_path / "Files", **options))

    return run


@pytest.fixture(scope="session")
def machine(needs_host: None) -> Machine:
    """What the programs run on."""
    return HERE


@pytest.fixture
def start_host(machine: Machine, tmp_path: Path) -> Iterator[Callable[..., HostProcess]]:
    """`start_host(program, **options)`: a program that runs until the test ends."""
    with ExitStack() as stack:

        def start(program: Path, **options: Any) -> HostProcess:
            executable = build(program, INCLUDES, toolchain=machine.toolchain)
            host = HostProcess(executable, HostOptions(files=tmp_path / "Files", **options), machine)
            stack.callback(host.abandon)
            host.start()
            return host

        yield start
