"""The whole product with the Expert Advisor in place of the Python terminal: same rig, another `terminal` process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.mql5.conftest import INCLUDES, SOURCES
from tests.mql5_host.build import build
from tests.mql5_host.run import HERE, HostOptions, Machine
from tests.pipeline.rig import Rig
from zmq_bridge.cli.services import ChildService

EXPERT = SOURCES / "Experts" / "ZmqBridge.mq5"


def with_expert(
    rig: Rig, transport: str, *, inputs: Mapping[str, object] | None = None, machine: Machine = HERE, **options: Any
) -> Rig:
    """Replace the rig's terminal by the Expert Advisor in the host.

    Args:
        transport: TRANSPORT_NATIVE or TRANSPORT_DLL.
        inputs: further inputs of the Expert Advisor.
        machine: what it runs on.
        options: fields of HostOptions.
    """
    settings = rig.settings
    told = {
        "TransportKind": transport,
        "PublishPort": settings.feed_port,
        "RequestPort": settings.terminal_port,
        "Symbols": "*",
        **(inputs or {}),
    }
    files = settings.log_dir.parent / "terminal" / "MQL5" / "Files"
    files.mkdir(parents=True, exist_ok=True)
    wanted = HostOptions(files=files, broker_port=settings.broker_port, inputs=told, **options)
    rig.services["terminal"] = ChildService(
        name="terminal",
        argv=[*machine.launcher, str(build(EXPERT, INCLUDES, toolchain=machine.toolchain)), *wanted.words(machine)],
        env=dict(machine.env),
        log_path=settings.log_dir / "terminal.log",
    )
    return rig


def log_of(rig: Rig) -> str:
    """What the Expert Advisor has printed."""
    path = Path(rig.settings.log_dir / "terminal.log")
    return path.read_text(errors="replace") if path.exists() else ""
