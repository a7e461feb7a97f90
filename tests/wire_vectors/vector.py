"""One golden file: its bytes, and the JSON that says what they are."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from zmq_bridge.protocol.codec import unpack

JSON_INT_MAX = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """One golden file."""

    name: str
    about: str
    where: str  # pub, terminal_request, terminal_reply, strategy_request, strategy_reply, or value (any single value)
    sort: str = "encode"
    frame: bytes
    code: str = ""  # of the refusal

    @property
    def topic(self) -> str | None:
        """Topic of a PUB frame."""
        return self.frame.split(b"\0", 1)[0].decode() if self.where == "pub" else None

    @property
    def payload(self) -> bytes:
        """What follows the topic, or everything."""
        return self.frame.split(b"\0", 1)[1] if self.where == "pub" else self.frame

    def description(self) -> dict[str, Any]:
        """Give the content of the JSON file."""
        head = {"name": self.name, "about": self.about, "where": self.where, "sort": self.sort}
        if self.sort == "refuse":
            return {**head, "bytes": len(self.frame), "code": self.code}
        value = unpack(self.payload)
        body = {
            "topic": self.topic,
            "bytes": len(self.frame),
            "value": _readable(value),
            "tokens": list(_tokens(value)),
        }
        return {**head, **body}


def _readable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _readable(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_readable(each) for each in value]
    too_big = type(value) is int and abs(value) > JSON_INT_MAX
    return str(value) if too_big else value


def _tokens(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield {"map": len(value)}
        for key, each in value.items():
            yield {"str": key}
            yield from _tokens(each)
    elif isinstance(value, list):
        yield {"array": len(value)}
        for each in value:
            yield from _tokens(each)
    else:
        yield _token(value)


def _token(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"bool": value}
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, float):
        return {"float": repr(value), "bits": struct.pack(">d", value).hex()}
    return {"nil": True} if value is None else {"str": value}
