"""`make mql5-check`: compile every MQL5 program with MetaQuotes' own compiler; no error and no warning is allowed.

Exit status: 0 all clean, 1 errors or warnings, 2 nothing was compiled. The sources are compiled in a copy, so that no
.ex5 is left among them.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.mql5_compiler.compilers import Compiler, NoCompiler, find_compiler
from tests.mql5_compiler.report import NotCompiled

SOURCES = Path(__file__).resolve().parents[2] / "mql5_include"
EXIT_NOT_CLEAN, EXIT_NOT_RUN = 1, 2


def main() -> int:
    """Compile and print."""
    try:
        compiler = find_compiler()
        with tempfile.TemporaryDirectory(prefix="mql5-check-") as folder:
            mql5 = Path(folder) / "MQL5"
            shutil.copytree(SOURCES, mql5)
            return check(compiler, mql5)
    except (NoCompiler, NotCompiled) as problem:
        print(f"mql5-check: NOT CHECKED: {problem}", file=sys.stderr)
        return EXIT_NOT_RUN


def check(compiler: Compiler, mql5: Path) -> int:
    """Compile every program of an MQL5 folder and print what the compiler says."""
    compiler.prepare(mql5)
    worst = 0
    for source in sorted(mql5.rglob("*.mq5")):
        report = compiler.compile(source, mql5)
        print(f"{source.relative_to(mql5)}: {report.errors} errors, {report.warnings} warnings")
        for message in report.messages:
            print(f"  {message}")
        worst = worst if report.is_clean else EXIT_NOT_CLEAN
    return worst


if __name__ == "__main__":
    sys.exit(main())
