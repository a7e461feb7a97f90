"""Processes that begin in a moment: forked from one that has the program's libraries imported, and nothing running.

One such process serves a whole run of tests, so what it has imported is said here, once. The command line itself is not
among it: it looks at the environment as it is imported.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.desk.world", "tests.forked", "click", "rich.console", "rich.table"])


def run_program(words: Sequence[str], env: Mapping[str, str], timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run `zmq-bridge` with these words and no environment but this one; what it said and how it ended.

    Raises:
        AssertionError: it did not end in time.
    """
    with tempfile.TemporaryDirectory() as directory:
        out, err = Path(directory, "out"), Path(directory, "err")
        child = FORKS.Process(target=_program, args=(list(words), dict(env), str(out), str(err)))
        child.start()
        child.join(timeout_s)
        if child.is_alive():
            child.kill()
            child.join()
            raise AssertionError(f"{words}: not done after {timeout_s} s: {err.read_text()}")
        assert child.exitcode is not None
        return subprocess.CompletedProcess(list(words), child.exitcode, out.read_text(), err.read_text())


def _program(words: list[str], env: dict[str, str], out: str, err: str) -> None:
    os.environ.clear()
    os.environ.update(env)
    for number, path in ((1, out), (2, err)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT)
        os.dup2(file, number)
        os.close(file)
    sys.stdout = io.TextIOWrapper(os.fdopen(1, "wb", closefd=False), encoding="utf-8", write_through=True)
    sys.stderr = io.TextIOWrapper(os.fdopen(2, "wb", closefd=False), encoding="utf-8", write_through=True)
    sys.argv = ["zmq-bridge", *words]
    runpy.run_module("zmq_bridge.cli", run_name="__main__")
