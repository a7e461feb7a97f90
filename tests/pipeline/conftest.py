"""The whole product, started once per test; one that fails says what every part of it said."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.pipeline.reports import add_logs
from tests.pipeline.rig import Rig, rig_settings
from zmq_bridge.cli.simulation import Simulation

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to the report of a failure what was said last."""
    return add_logs(item, (yield))


@pytest.fixture
def make_rig(database: str, redis_url: str, tmp_path: Path) -> Iterator[Callable[[Simulation], Rig]]:
    """`make_rig(simulation)`: a rig that is stopped at the end of the test."""
    with ExitStack() as stack:

        def make(simulation: Simulation) -> Rig:
            rig = Rig(rig_settings(tmp_path / "var", database, redis_url), simulation)
            stack.callback(rig.stop)
            return rig

        yield make
