"""What setup.cfg can't say: a wheel carries the Expert Advisor's sources, which stand beside the package."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SOURCES = "mql5_include"


class BuildWithSources(build_py):
    """Build as ever, then copy the MQL5 sources into the package. An editable installation reads the checkout's own."""

    def run(self) -> None:
        """Build and copy."""
        super().run()
        if not self.editable_mode:
            made = Path(self.build_lib, "zmq_bridge", SOURCES)
            shutil.rmtree(made, ignore_errors=True)
            shutil.copytree(SOURCES, made)


setup(cmdclass={"build_py": BuildWithSources})
