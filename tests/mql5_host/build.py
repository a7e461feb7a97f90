"""Build a program with the host: translate, compile, link; once for each content of all that goes in.

    python -m tests.mql5_host.build PROGRAM.mq5 INCLUDE_DIR...      # prints the executable's path

Needs g++ (12 or later). `missing_tools` says what is not there, so that tests can skip with a reason.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.mql5_host.translate import translate

HERE = Path(__file__).parent
RUNTIME = HERE / "runtime"
CACHE = Path(os.environ.get("MQL5_HOST_CACHE", Path(tempfile.gettempdir()) / f"mql5-host-{os.getuid()}"))
FLAGS = (
    "-std=c++20", "-O1", "-g1", "-fno-strict-aliasing", "-fwrapv", "-ftrivial-auto-var-init=pattern",
    "-Wall", "-Wextra", "-Wno-unused-parameter", "-Wno-unused-variable", "-Wno-unused-function",
    "-Wno-unused-but-set-variable", "-Wno-dangling-else", "-Wno-sign-compare", "-Wno-implicit-fallthrough",
    "-Wno-missing-field-initializers", "-Wno-misleading-indentation", "-Wno-parentheses", "-Wno-narrowing",
    "-Wno-restrict",
)  # fmt: skip
COMPILE_TIMEOUT_S = 600  # it takes 10 on a quiet machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolchain:
    """A compiler, and what its executables are like."""

    compiler: tuple[str, ...]  # with its flags
    libraries: tuple[str, ...]
    suffix: str  # of an executable


LINUX = Toolchain(compiler=("g++", *FLAGS), libraries=("-ldl", "-lpthread"), suffix="")
WINDOWS = Toolchain(  # runs under Wine
    compiler=("x86_64-w64-mingw32-g++-posix", *FLAGS, "-D__USE_MINGW_ANSI_STDIO=1", "-DNOMINMAX"),
    libraries=("-static", "-lws2_32"),
    suffix=".exe",
)


class BuildError(Exception):
    """The compiler refused; the message is its own, with MQL5 files and lines."""


def missing_tools() -> str:
    """What is needed and not there; "" when all is."""
    if sys.platform != "linux":
        return f"the MQL5 host needs Linux, found {sys.platform}"
    if shutil.which("g++") is None:
        return "the MQL5 host needs g++, found none (Debian: apt-get install g++)"
    return "" if libzmq_path() else "the MQL5 host needs libzmq, found none (pip install pyzmq brings one)"


@cache
def libzmq_path() -> str:
    """The libzmq that stands for libzmq.dll: pyzmq's own, or the system's."""
    import zmq

    bundled = Path(zmq.__file__).parents[1] / "pyzmq.libs"
    found = sorted(bundled.glob("libzmq*.so*"))
    system = [Path(place) / "libzmq.so.5" for place in ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib")]
    every = [*found, *(path for path in system if path.exists())]
    return str(every[0]) if every else ""


def build(program: Path, *include_dirs: Path, toolchain: Toolchain = LINUX) -> Path:
    """Give the executable of a program, building what is not built yet.

    Raises:
        TranslationError, BuildError: the source is not MQL5, or uses what the host lacks.
    """
    source = translate(program.resolve(), [path.resolve() for path in include_dirs])
    objects = _runtime_objects(toolchain)
    stamp = _stamp(source.encode(), *(path.name.encode() for path in objects))
    executable = CACHE / f"{program.stem}-{stamp}{toolchain.suffix}"
    if not executable.exists():
        code = CACHE / f"{program.stem}-{stamp}.cpp"
        _write(code, source.encode())
        made = CACHE / f"{program.stem}-{stamp}.{os.getpid()}"
        sources = [str(code), *map(str, objects)]
        _run(*toolchain.compiler, "-I", str(RUNTIME), *sources, *toolchain.libraries, "-o", str(made))
        made.rename(executable)
    return executable


def _runtime_objects(toolchain: Toolchain) -> list[Path]:
    """The runtime's object files, each compiled once."""
    headers = b"".join(path.read_bytes() for path in sorted(RUNTIME.glob("*.hpp")))
    objects = []
    for path in sorted(RUNTIME.glob("*.cpp")):
        stamp = _stamp(" ".join(toolchain.compiler).encode(), headers, path.read_bytes())
        made = CACHE / f"{path.stem}-{stamp}.o"
        if not made.exists():
            CACHE.mkdir(parents=True, exist_ok=True)
            fresh = made.with_suffix(f".{os.getpid()}")
            _run(*toolchain.compiler, "-c", str(path), "-o", str(fresh))
            fresh.rename(made)
        objects.append(made)
    return objects


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=COMPILE_TIMEOUT_S, check=False)
    if done.returncode:
        raise BuildError(done.stderr[-8000:])


def _stamp(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:16]


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    print(build(Path(sys.argv[1]), *map(Path, sys.argv[2:])))
