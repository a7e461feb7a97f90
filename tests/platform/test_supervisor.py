"""The supervisor: order, restarts, bounds, and that nothing is left running, whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from tests.support import wait_until
from zmq_bridge.cli import supervisor as supervisor_module
from zmq_bridge.cli.services import ChildService, ServiceFailed
from zmq_bridge.cli.stop_signals import StopRequested
from zmq_bridge.cli.supervisor import EXIT_POINTLESS, GaveUp, Supervisor

STUBBORN = """
import pathlib, signal, subprocess, sys, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
if len(sys.argv) > 2:
    subprocess.Popen([sys.executable, *sys.argv[2:]])
pathlib.Path(sys.argv[1]).write_text(str(__import__("os").getpid()))
time.sleep(600)
"""


TELLING = STUBBORN.replace("signal.SIG_IGN", "lambda *_: pathlib.Path(sys.argv[1] + '.told').touch()")


def _child(name: str, code: str, *words: object, log_dir: Path, **options: object) -> ChildService:
    return ChildService(
        name=name,
        argv=[sys.executable, "-c", textwrap.dedent(code), *map(str, words)],
        env=dict(os.environ),
        log_path=log_dir / f"{name}.log",
        **options,  # type: ignore[arg-type]  # forwarded to ChildService's own types
    )


def _alive(pid_file: Path) -> bool:
    text = pid_file.read_text() if pid_file.exists() else ""
    try:
        return bool(text) and psutil.Process(int(text)).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_stuck_child_is_killed_with_its_own_children(tmp_path: Path) -> None:
    stubborn = tmp_path / "stubborn.py"
    stubborn.write_text(STUBBORN)
    parent, child = tmp_path / "parent.pid", tmp_path / "child.pid"
    service = ChildService(
        name="stuck",
        argv=[sys.executable, str(stubborn), str(parent), str(stubborn), str(child)],
        env=dict(os.environ),
        log_path=tmp_path / "stuck.log",
        stop_timeout_s=0.2,
    )
    with Supervisor(lambda line: None) as supervisor:
        supervisor.start(service)
        wait_until(lambda: _alive(parent) and _alive(child))
    assert not _alive(parent)
    assert not _alive(child)


def test_services_stop_in_reverse_order(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    code = """
    import signal, sys
    open(sys.argv[1], "a").write(f"start {sys.argv[2]}\\n")
    signal.sigwait([signal.SIGTERM])
    open(sys.argv[1], "a").write(f"stop {sys.argv[2]}\\n")
    """
    code = code.replace("import signal, sys", "import signal, sys; signal.pthread_sigmask(0, [signal.SIGTERM])")
    with Supervisor(lambda line: None) as supervisor:
        for name in ("first", "second"):
            started = f"start {name}\n"
            supervisor.start(
                _child(
                    name, code, journal, name, log_dir=tmp_path,
                    ready=lambda started=started: journal.exists() and started in journal.read_text(),
                )
            )  # fmt: skip
    assert journal.read_text().split("\n")[:-1] == ["start first", "start second", "stop second", "stop first"]


def test_a_child_that_ends_is_started_again(tmp_path: Path) -> None:
    runs, said = tmp_path / "runs", list[str]()
    code = "import sys, time; f = open(sys.argv[1], 'a'); f.write('x'); f.close(); time.sleep(0.2); sys.exit(3)"
    with Supervisor(said.append) as supervisor:
        supervisor.start(_child("worker", code, runs, log_dir=tmp_path))
        _watch_until(supervisor, lambda: runs.exists() and len(runs.read_text()) >= 2)
    assert "worker ended with exit code 3; starting it again in 0.5 s (try 1 of 5)" in said[0]
    assert str(tmp_path / "worker.log") in said[0]
    assert "worker runs again" in said


def test_a_child_that_keeps_ending_stops_everything_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "BACKOFF_FIRST_S", 0.01)
    bystander = tmp_path / "bystander.pid"
    with pytest.raises(GaveUp) as caught, Supervisor(lambda line: None) as supervisor:  # noqa: PT012  one unit
        supervisor.start(_child("bystander", STUBBORN, bystander, log_dir=tmp_path, stop_timeout_s=0.1))
        supervisor.start(_child("broken", "raise SystemExit('the roof is on fire')", log_dir=tmp_path))
        wait_until(lambda: _alive(bystander))
        supervisor.watch()
    assert "the roof is on fire" in str(caught.value)
    assert "6 times" in str(caught.value)
    assert not _alive(bystander)


def test_a_child_that_says_restarting_is_pointless_is_not_restarted(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    code = f"import sys; open(sys.argv[1], 'a').write('x'); sys.exit({EXIT_POINTLESS})"
    with pytest.raises(GaveUp, match="would end the same way"), Supervisor(lambda line: None) as supervisor:  # noqa: PT012
        supervisor.start(_child("misconfigured", code, runs, log_dir=tmp_path))
        supervisor.watch()
    assert runs.read_text() == "x"


def test_a_start_that_fails_stops_what_was_started_before(tmp_path: Path) -> None:
    before = tmp_path / "before.pid"
    with pytest.raises(ServiceFailed, match="no such table"), Supervisor(lambda line: None) as supervisor:  # noqa: PT012
        supervisor.start(_child("before", STUBBORN, before, log_dir=tmp_path, stop_timeout_s=0.1))
        wait_until(lambda: _alive(before))
        code = "raise SystemExit('no such table')"
        supervisor.start(_child("next", code, log_dir=tmp_path, ready=lambda: False))
    assert not _alive(before)


def test_a_child_that_is_never_ready_is_stopped_in_time(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    service = _child(
        "slow", STUBBORN, pid_file, log_dir=tmp_path, ready=lambda: False, ready_timeout_s=0.5, stop_timeout_s=0.1
    )
    with pytest.raises(ServiceFailed, match="not ready after"):
        service.start()
    assert not _alive(pid_file)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_any_stop_signal_ends_the_watch_and_stops_everything(number: signal.Signals, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    process = _run_supervisor_script(tmp_path, pid_file)
    process.send_signal(number)
    assert process.wait(60) == 0
    assert not _alive(pid_file)


def test_nothing_survives_when_the_supervisor_itself_is_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    process = _run_supervisor_script(tmp_path, pid_file, code="import pathlib, sys, os, time; "
        "pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(600)")  # fmt: skip
    process.kill()
    process.wait(60)
    wait_until(lambda: not _alive(pid_file))


def test_a_second_ctrl_c_does_not_wait_for_a_stuck_child(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    process = _run_supervisor_script(tmp_path, pid_file, code=TELLING, stop_timeout_s=600.0)
    process.send_signal(signal.SIGINT)
    wait_until((tmp_path / "pid.told").exists)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert not _alive(pid_file)


def test_a_child_that_was_there_before_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as bystander:
        with Supervisor(lambda line: None) as supervisor:
            supervisor.start(_child("worker", "import time; time.sleep(60)", log_dir=tmp_path))
        assert bystander.poll() is None
        bystander.kill()


def test_a_large_log_is_moved_aside_before_a_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_module, "LOG_BYTES_MAX", 10)
    (tmp_path / "worker.log").write_text("x" * 11)
    with Supervisor(lambda line: None) as supervisor:
        supervisor.start(_child("worker", "import time; time.sleep(60)", log_dir=tmp_path))
    assert (tmp_path / "worker.log.1").read_text() == "x" * 11
    assert (tmp_path / "worker.log").read_text().startswith("--- worker starts")


def _watch_until(supervisor: Supervisor, condition: object) -> None:
    def tick() -> None:
        if condition():  # type: ignore[operator]  # a callable of no arguments
            raise StopRequested

    with pytest.raises(StopRequested):
        supervisor.watch(tick)


def _run_supervisor_script(
    tmp_path: Path, pid_file: Path, *, code: str = STUBBORN, stop_timeout_s: float = 0.2
) -> subprocess.Popen[bytes]:
    script = f"""
    import os, sys, pathlib
    from zmq_bridge.cli.services import ChildService
    from zmq_bridge.cli.supervisor import Supervisor

    with Supervisor(print) as supervisor:
        supervisor.start(ChildService(
            name="child", argv=[sys.executable, "-c", {code!r}, {str(pid_file)!r}], env=dict(os.environ),
            log_path=pathlib.Path({str(tmp_path / "child.log")!r}), stop_timeout_s={stop_timeout_s},
            ready=lambda: pathlib.Path({str(pid_file)!r}).exists() and pathlib.Path({str(pid_file)!r}).read_text(),
        ))
        print("ready", flush=True)
        supervisor.watch()
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.stdout.close()
    assert _alive(pid_file)
    return process


FULL = Path("/dev/full")  # every write to it fails as on a full disk


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_a_full_disk_stops_nothing_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a log that can't be copied any more nor a child that must be started again ends the supervisor."""
    monkeypatch.setattr(supervisor_module, "LOG_BYTES_MAX", 10)
    service = _child("talker", "import time; time.sleep(600)", log_dir=tmp_path)
    service.log_path.write_text("words of an earlier run\n")
    (tmp_path / "talker.log.1").symlink_to(FULL)
    supervisor_module.rotate_log(service)
    assert service.log_path.read_text() == "words of an earlier run\n"
    mute = _child("mute", "import time; time.sleep(600)", log_dir=tmp_path)
    mute.log_path.symlink_to(FULL)
    mute.start()
    try:
        assert mute.exit_code() is None
    finally:
        mute.stop()
