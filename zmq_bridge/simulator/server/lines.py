"""One JSON object per line, UTF-8, ended by a newline. NaN and Infinity are refused."""

import json
from typing import Any

from zmq_bridge.simulator.errors import SimulatorError

LINE_BYTES_MAX = 1_000_000


def encode_line(message: dict[str, Any]) -> bytes:
    """Write a message as a line."""
    return json.dumps(message, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def decode_line(line: bytes) -> dict[str, Any]:
    """Read a line.

    Raises:
        SimulatorError: not a JSON object.
    """
    try:
        message = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise SimulatorError(f"expected a JSON object on one line, found {line[:80]!r}: {error}") from None
    if not isinstance(message, dict):
        raise SimulatorError(f"expected a JSON object on one line, found {line[:80]!r}")
    return message


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number that the broker takes")
