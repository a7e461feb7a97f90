"""MetaQuotes' compilers: MetaEditor from its command line, and the stand-alone one; by Wine if need be.

MetaEditor writes a log and no useful exit code; the stand-alone one prints. The command that runs Windows programs
can be named in WINE (a 32-bit compiler needs a Wine that has 32-bit support).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.mql5_compiler.older import OLD_BUILD_MAX, write_down
from tests.mql5_compiler.report import NotCompiled, Report, decoded, read_report

COMPILE_TIMEOUT_S = 300
NEEDS_32_BITS = "A 32-bit program needs a Wine with 32-bit support (Debian: wine32); WINE=/path/to/wine names one."
BUILD = re.compile(r"\bbuild (\d+)")


class NoCompiler(Exception):
    """No compiler was given, or it can't be run here; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiler:
    """A compiler and how it is started."""

    program: Path
    launcher: tuple[str, ...]  # () on Windows

    @property
    def is_editor(self) -> bool:
        """MetaEditor, not the stand-alone compiler."""
        return self.program.stem.lower().startswith("metaeditor")

    def prepare(self, mql5: Path) -> None:
        """Make the sources such that this compiler can read them."""
        if not self.is_editor and 0 < self._build() <= OLD_BUILD_MAX:
            write_down(mql5)

    def compile(self, source: Path, mql5: Path) -> Report:
        """Compile one program of an MQL5 folder.

        Raises:
            NotCompiled: there is no result.
        """
        if not self.is_editor:
            words = ["/mql5", f"/i:{self._path(mql5)}", self._path(source)]
            said = self._run(mql5, *words)
            if not said:
                raise NotCompiled(f"expected {self.program.name} to say something, found nothing. {NEEDS_32_BITS}")
            return read_report(said)
        log = source.with_suffix(".log")
        words = [f"/compile:{self._path(source)}", f"/include:{self._path(mql5)}", f"/log:{self._path(log)}"]
        said = self._run(mql5, *words)
        if not log.exists():
            raise NotCompiled(f"expected the log {log.name}, found none; the compiler said: {decoded(said)[-800:]}")
        return read_report(log.read_bytes())

    def _build(self) -> int:
        """The build in the stand-alone compiler's banner; 0: it has none."""
        found = BUILD.search(decoded(self._run(self.program.parent)))
        return int(found[1]) if found else 0

    def _run(self, folder: Path, *words: str) -> bytes:
        argv = [*self.launcher, str(self.program), *words]
        env = {"WINEDEBUG": "-all", **os.environ}
        try:
            done = subprocess.run(
                argv, cwd=folder, env=env, check=False, timeout=COMPILE_TIMEOUT_S, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise NotCompiled(f"expected a result within {COMPILE_TIMEOUT_S} s, found none") from None
        return done.stdout

    def _path(self, path: Path) -> str:
        """A path as the compiler has it; Wine shows the whole machine as Z:."""
        return "Z:" + str(path).replace("/", "\\") if self.launcher else str(path)


def find_compiler() -> Compiler:
    """The compiler that MQL5_COMPILER names.

    Raises:
        NoCompiler: none is named, or it can't be run here.
    """
    named = os.environ.get("MQL5_COMPILER", "")
    if not named:
        raise NoCompiler(
            "no compiler is given, so that nothing was compiled. MQL5_COMPILER=/path/to/metaeditor64.exe names one "
            "(it comes with every MetaTrader 5), or the stand-alone compiler"
        )
    program = Path(named).resolve()
    if not program.is_file():
        raise NoCompiler(f"MQL5_COMPILER: expected a compiler's file, found nothing at {named}")
    if sys.platform == "win32":
        return Compiler(program=program, launcher=())
    wine = os.environ.get("WINE") or next((name for name in ("wine", "wine64") if shutil.which(name)), "")
    if not wine:
        raise NoCompiler(f"expected Wine to run {program.name}, found none (Debian: apt-get install wine)")
    return Compiler(program=program, launcher=(wine,))
