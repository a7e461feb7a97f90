"""What everything costs while nothing happens: CPU of each process of `zmq-bridge up --no-simulate`, and memory.

Idle means: all parts run, no terminal, no client. Postgres and Valkey have their own background work; it is shown, the
aim (under 0.5 % of a core each) is ours to hold.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from zmq_bridge.settings import load_settings, settings_environment

SETTLE_S = 5.0
MEASURE_S = 30.0
START_TIMEOUT_S = 60.0
AIM_PERCENT = 0.5
PORTS = ("REDIS", "FEED", "SUBSCRIBE", "TERMINAL", "STRATEGY", "BROKER", "WEB")


def main() -> None:
    """Start, settle, measure, print."""
    with tempfile.TemporaryDirectory(prefix="zb-idle-") as home, running(Path(home)) as leader:
        time.sleep(SETTLE_S)
        family = [leader, *leader.children(recursive=True)]
        before = {process: cpu_s(process) for process in family}
        time.sleep(MEASURE_S)
        print(f"{'process':<24} {'CPU %':>7} {'memory MB':>10}   aim: below {AIM_PERCENT} %")
        for process in family:
            percent = (cpu_s(process) - before[process]) / MEASURE_S * 100
            mark = "" if percent < AIM_PERCENT else "   above the aim"
            print(f"{name_of(process):<24} {percent:7.2f} {process.memory_info().rss / 1e6:10.0f}{mark}")


@contextmanager
def running(home: Path) -> Iterator[psutil.Process]:
    """`up` on free ports in a directory of its own."""
    variables = {f"ZMQ_BRIDGE_{name}_PORT": str(port) for name, port in zip(PORTS, free_ports(), strict=True)}
    variables["ZMQ_BRIDGE_VAR_DIR"] = str(home / "var")
    env = settings_environment(load_settings(variables, env_file="/dev/null")) | variables
    for name in ("DATABASE_URL", "REDIS_URL"):
        env.pop(name)  # embedded
    argv = [sys.executable, "-m", "zmq_bridge.cli", "up", "--no-simulate"]
    with (home / "up.log").open("w+") as log, subprocess.Popen(argv, env=env, stdout=log, stderr=log) as process:
        try:
            deadline = time.monotonic() + START_TIMEOUT_S
            while "Ctrl-C stops everything" not in (home / "up.log").read_text():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit((home / "up.log").read_text())
                time.sleep(0.1)
            yield psutil.Process(process.pid)
        finally:
            process.terminate()


def free_ports() -> list[int]:
    """Ports that nobody listens on now."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in PORTS]
    found = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return found


def cpu_s(process: psutil.Process) -> float:
    """CPU seconds used so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def name_of(process: psutil.Process) -> str:
    """What a process is."""
    words = process.cmdline()
    if "zmq_bridge.cli" in words:
        return " ".join(words[words.index("zmq_bridge.cli") + 1 :])
    return "web (gunicorn)" if any("gunicorn" in word for word in words) else " ".join(words)[:24]


if __name__ == "__main__":
    main()
