"""Run a built program as a terminal would: a Files folder, a list of allowed addresses, inputs, a broker, a chart."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.mql5_host.build import LINUX, Toolchain, libzmq_path
from tests.support import wait_until

STOP_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a built program runs on: this machine itself, or Wine."""

    toolchain: Toolchain = LINUX
    launcher: tuple[str, ...] = ()  # before the executable
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    drive: str = ""  # before our paths, as the program has them
    libzmq: str = field(default_factory=libzmq_path)  # what stands for libzmq.dll, as the program has it
    has_signals: bool = True  # TERM and USR1; without, lines on standard input say the same


HERE = Machine()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostOptions:
    """What the terminal is like."""

    files: Path  # MQL5/Files
    broker_port: int = 0  # of the simulated broker on this machine; 0: none
    chart_symbol: str = "EURUSD"
    inputs: Mapping[str, object] = field(default_factory=dict)
    allowed: tuple[str, ...] = ("127.0.0.1",)  # addresses that native sockets may connect to
    dlls_allowed: bool = True
    short_sends: bool = False  # SocketSend takes a part of what it is given
    read_bytes_max: int = 0  # SocketRead gives at most so many bytes at once; 0: all
    tick_traps: bool = False  # CopyTicks reorders, repeats rows and inserts late
    trade_timeout_ms: int = 2000  # an order without an answer ends with TIMEOUT
    seed: int = 1

    def words(self, machine: Machine = HERE) -> list[str]:
        """The same as options of the executable."""
        options = {
            "--files": f"{machine.drive}{self.files}",
            "--comment": f"{machine.drive}{self.files / 'comment.txt'}",
            "--symbol": self.chart_symbol,
            "--dlls": str(int(self.dlls_allowed)),
            "--short-sends": str(int(self.short_sends)),
            "--read-bytes-max": str(self.read_bytes_max),
            "--tick-traps": str(int(self.tick_traps)),
            "--trade-timeout-ms": str(self.trade_timeout_ms),
            "--seed": str(self.seed),
            "--libzmq": machine.libzmq,
        }
        if self.broker_port:
            options["--broker"] = f"127.0.0.1:{self.broker_port}"
        words = [word for pair in options.items() for word in pair]
        for name, value in self.inputs.items():
            words += ["--input", f"{name}={str(value).lower() if isinstance(value, bool) else value}"]
        for address in self.allowed:
            words += ["--allow", address]
        return words


class HostProcess:
    """A running program; what it prints is kept in a file."""

    def __init__(self, executable: Path, options: HostOptions, machine: Machine = HERE) -> None:
        options.files.mkdir(parents=True, exist_ok=True)
        self.options, self.machine = options, machine
        self.log = options.files.parent / f"{executable.stem}.log"
        self._executable = executable
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        machine = self.machine
        argv = [*machine.launcher, str(self._executable), *self.options.words(machine)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.PIPE, env=machine.env)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process, which was started."""
        assert self._process is not None
        return self._process

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(STOP_TIMEOUT_S)

    def stop(self) -> int:
        """Close the terminal: OnDeinit, then the end. Returns the exit code."""
        if self.process.poll() is None:
            self._ask("stop", signal.SIGTERM)
            try:
                self.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode

    def change_chart(self) -> None:
        """Change the chart's timeframe: OnDeinit and OnInit with globals kept."""
        self._ask("chart", signal.SIGUSR1)

    def _ask(self, line: str, number: signal.Signals) -> None:
        if self.machine.has_signals:
            os.kill(self.process.pid, number)
        else:
            assert self.process.stdin is not None
            self.process.stdin.write(f"{line}\n".encode())
            self.process.stdin.flush()

    def abandon(self) -> None:
        """Leave nothing behind, whatever happened."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    @property
    def output(self) -> str:
        """Everything it has printed."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_for(self, text: str, timeout_s: float = 30.0) -> None:
        """Until it has printed something."""
        wait_until(lambda: text in self.output, timeout_s, f"never printed {text!r}: {self.output[-3000:]}")


def run_script(executable: Path, options: HostOptions, timeout_s: float = 180.0, machine: Machine = HERE) -> str:
    """Run a script to its end and give what it printed.

    Raises:
        AssertionError: it ended otherwise than well.
    """
    options.files.mkdir(parents=True, exist_ok=True)
    argv = [*machine.launcher, str(executable), *options.words(machine)]
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=timeout_s, check=False, errors="replace", env=machine.env,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
