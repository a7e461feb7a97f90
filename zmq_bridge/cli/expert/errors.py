"""Why an Expert Advisor can't be installed.

    CannotRun
    ├── ExpertError            the files or the machine must be changed first
    └── CannotRunNow
        └── WheelUnavailable   the same try may work a moment later
"""

from __future__ import annotations

from zmq_bridge.cli.errors import CannotRun, CannotRunNow


class ExpertError(CannotRun):
    """This can't be installed as things are; the message says what to change."""


class WheelUnavailable(CannotRunNow):
    """The wheel with libzmq could not be fetched."""
