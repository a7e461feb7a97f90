"""The same tests on Windows' side: the host built by mingw-w64, run by Wine, with the real libzmq.dll and Winsock.

`make test-wine` installs both and runs these; `make test` passes them by.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mql5.conftest import start_host as start_host  # the fixture, with the machine below
from tests.mql5_host.build import WINDOWS
from tests.mql5_host.run import Machine
from tests.pipeline.conftest import make_rig as make_rig  # the fixture
from tests.simulator.conftest import bridge as bridge  # the fixture
from zmq_bridge.cli.expert.placing import place
from zmq_bridge.cli.expert.wheel import fetch_wheel, read_dlls

WANTED = os.environ.get("MQL5_WINE") == "1"
collect_ignore_glob = [] if WANTED else ["test_*.py"]
WINE_TIMEOUT_S = 120
INSTALL = Path(__file__).parent / "install.sh"


@pytest.fixture(scope="session")
def wine_env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A Windows of this run's own."""
    prefix = tmp_path_factory.mktemp("wine") / "prefix"
    env = {
        **os.environ,
        "WINEPREFIX": str(prefix),
        "WINEARCH": "win64",
        "WINEDEBUG": "-all",
        "WINEDLLOVERRIDES": "mscoree,mshtml,winemenubuilder.exe=",
    }
    env.pop("DISPLAY", None)
    subprocess.run([wine(), "wineboot", "--init"], env=env, check=True, timeout=WINE_TIMEOUT_S, capture_output=True)
    # one program stays, and so Wine's server: what begins while the server of the last program ends may hang
    stays = subprocess.Popen([wine(), "cmd", "/c", "pause"], env=env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    yield env
    stays.kill()
    stays.wait(WINE_TIMEOUT_S)
    subprocess.run([wineserver(), "--kill"], env=env, check=False, timeout=WINE_TIMEOUT_S)


@pytest.fixture(scope="session")
def machine(wine_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Wine, and a folder with libzmq.dll and libsodium as `install-ea` puts them into a terminal."""
    folder = tmp_path_factory.mktemp("libraries")
    for name, content in read_dlls(fetch_wheel(tmp_path_factory.mktemp("wheel"))).items():
        place(folder / name, content)
    library = f"Z:{folder / 'libzmq.dll'}"
    return Machine(
        toolchain=WINDOWS, launcher=(wine(),), env=wine_env, drive="Z:", libzmq=library, has_signals=False
    )


def wine() -> str:
    return found("wine", "wine64", "/usr/lib/wine/wine64")


def wineserver() -> str:
    return found("wineserver", "/usr/lib/wine/wineserver64", "/usr/lib/wine/wineserver")


def found(*names: str) -> str:
    every = [path for name in names if (path := shutil.which(name))]
    if not every:
        pytest.fail(f"expected one of {', '.join(names)}, found none: {INSTALL} installs Wine")
    return every[0]
