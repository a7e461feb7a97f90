"""`zmq-bridge install-ea`: the Expert Advisor into a terminal, with libzmq.dll and what that needs."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import click

from zmq_bridge.cli.console import report_line, step
from zmq_bridge.cli.expert.placing import Outcome, place_all
from zmq_bridge.cli.expert.sources import find_sources, read_sources
from zmq_bridge.cli.expert.terminal import advice, find_mql5
from zmq_bridge.cli.expert.wheel import DLLS, are_in_place, fetch_wheel, read_dlls

LIBRARIES = "Libraries"
WITH_DLL = """\
  1. In MetaEditor (F4 in the terminal) open Experts/ZmqBridge.mq5 and press F7: 0 errors, 0 warnings.
  2. For native sockets: Tools, Options, Expert Advisors, Allow WebRequest for listed URL: add the bridge's address.
     For libzmq.dll: tick Allow DLL imports when you attach the program, and choose it as Transport.
  3. Press Algo Trading, drag ZmqBridge from the Navigator onto one chart, and look at the Experts tab.
  What each message there means, Wine, and every input: docs/ea.md"""
WITHOUT_DLL = """\
  1. In MetaEditor (F4 in the terminal) open Experts/ZmqBridgeNative.mq5 and press F7: 0 errors, 0 warnings.
  2. Tools, Options, Expert Advisors, Allow WebRequest for listed URL: add the bridge's address, as 127.0.0.1.
  3. Press Algo Trading, drag ZmqBridgeNative from the Navigator onto one chart, and look at the Experts tab.
  What each message there means, Wine, and every input: docs/ea.md"""
WINDOWS_HINT = "  On Windows libzmq.dll also needs Microsoft's Visual C++ 2015-2022 runtime (x64); Wine has its own."


@click.command("install-ea")
@click.option(
    "--terminal", "terminal", required=True, type=click.Path(path_type=Path), metavar="DIR",
    help="The terminal's data directory (File, Open Data Folder).",
)  # fmt: skip
@click.option("--no-dll", is_flag=True, help="Sources only: native sockets need no DLL, and nothing is fetched.")
@click.option("--wheel", type=click.Path(path_type=Path), help="The pyzmq wheel for Windows, fetched before.")
def command(terminal: Path, no_dll: bool, wheel: Path | None) -> None:
    """Put the Expert Advisor into a MetaTrader 5 terminal; run it again after an update.

    Copies the MQL5 sources, and libzmq.dll with the libsodium that it needs, out of a pinned wheel of pyzmq for
    Windows (checked by hash). What is right already is left alone.
    """
    if no_dll and wheel is not None:
        raise click.UsageError("--no-dll installs no DLL, so that --wheel has no use: leave one of them out")
    mql5 = find_mql5(terminal)
    sources = place_all(mql5, read_sources(find_sources()))
    step(f"sources in {mql5}: {summary(sources.values())}")
    if not no_dll:
        step(f"{', '.join(dll.name for dll in DLLS)} in {mql5 / LIBRARIES}: {place_dlls(mql5, wheel)}")
    if found := advice(terminal):
        report_line(f"! {found}")
    report_line(f"next:\n{WITHOUT_DLL if no_dll else WITH_DLL}")
    if not no_dll:
        report_line(WINDOWS_HINT)


def place_dlls(mql5: Path, wheel: Path | None) -> str:
    """Put the DLLs in place and say what became of them; nothing is fetched when they are right already."""
    if wheel is None and are_in_place(mql5 / LIBRARIES):
        return summary([Outcome.UNCHANGED] * len(DLLS))
    found = {PurePosixPath(LIBRARIES, name): content for name, content in dlls_from(wheel).items()}
    return summary(place_all(mql5, found).values())


def dlls_from(wheel: Path | None) -> dict[str, bytes]:
    """The DLLs from a wheel that is here, or from the package index."""
    if wheel is not None:
        return read_dlls(wheel)
    with tempfile.TemporaryDirectory(prefix="zmq-bridge-wheel-") as folder:
        return read_dlls(fetch_wheel(Path(folder)))


def summary(outcomes: Iterable[Outcome]) -> str:
    """How many files became what, as in `45 new`."""
    counted = Counter(outcomes)
    return ", ".join(f"{counted[outcome]} {outcome}" for outcome in Outcome if counted[outcome])
