"""`make bench`: every benchmark after the other, each in a process of its own, so that none warms the next.

`python -m benchmarks fanout idle` runs only those. A benchmark is a module here that can be run (`python -m`).
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent


def names() -> list[str]:
    """The benchmarks there are."""
    runnable = [path.stem for path in HERE.glob("*.py") if '__name__ == "__main__"' in path.read_text()]
    return sorted(name for name in runnable if not name.startswith("_"))


def main(chosen: list[str]) -> int:
    """Run the chosen ones, or all; return how many failed."""
    unknown = sorted(set(chosen) - set(names()))
    if unknown:
        print(f"expected some of {', '.join(names())}, found {', '.join(unknown)}", file=sys.stderr)
        return 2
    failed = 0
    for name in chosen or names():
        print(f"\n=== {name} " + "=" * (70 - len(name)), flush=True)
        began = time.monotonic()
        code = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode
        print(f"--- {name}: {time.monotonic() - began:.0f} s" + (f", FAILED with {code}" if code else ""), flush=True)
        failed += code != 0
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
