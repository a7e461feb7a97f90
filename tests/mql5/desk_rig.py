"""The whole product with the Expert Advisor in place of the Python terminal: same rig, another `terminal` process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.mql5.conftest import INCLUDES, SOURCES
from tests.mql5_host.build import build
from tests.mql5_host.run import HostOptions
from tests.pipeline.rig import Rig
from zmq_bridge.cli.services import ChildService

EXPERT = SOURCES / "Experts" / "ZmqBridge.mq5"


def with_expert(rig: Rig, transport: str, *, inputs: Mapping[str, object] | None = None, **options: Any) -> Rig:
    """Replace the rig's terminal by the Expert Advisor in the host.

    Args:
        transport: TRANSPORT_NATIVE or TRANSPORT_DLL.
        inputs: further inputs of the Expert Advisor.
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
        argv=[str(build(EXPERT, INCLUDES)), *wanted.words()],
        env=dict(os.environ),
        log_path=settings.log_dir / "terminal.log",
    )
    return rig


def log_of(rig: Rig) -> str:
    """What the Expert Advisor has printed."""
    path = Path(rig.settings.log_dir / "terminal.log")
    return path.read_text(errors="replace") if path.exists() else ""
