"""What a ROUTER socket puts around a payload.

Law: bytes in, bytes out; no socket is touched here. A REQ peer's message arrives as `identity, [request id], empty,
payload`; the request id is there when the peer uses REQ_CORRELATE. A reply must repeat every frame up to and including
the empty one, or the peer's REQ socket throws it away. A DEALER may leave the empty frame out: then the reply has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

FRAMES_MAX = 4
"""Identity, request id, delimiter, payload: nobody has a reason to send more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One received request, taken out of its envelope."""

    peer: bytes
    """The routing id: who sent it on this connection."""
    envelope: tuple[bytes, ...]
    """The frames that a reply must begin with."""
    payload: bytes | None
    """The one payload frame; None when the frames make no sense as a request."""


def open_envelope(frames: Sequence[bytes]) -> Request:
    """Split the frames of a received message; a message that makes no sense has `payload` None, never an exception."""
    peer = frames[0]
    cut = frames.index(b"", 1) + 1 if b"" in frames[1:] else 1
    body = frames[cut:]
    understood = len(frames) <= FRAMES_MAX and len(body) == 1
    envelope = tuple(frames[:cut]) if cut < FRAMES_MAX else (peer,)
    return Request(peer=peer, envelope=envelope, payload=body[0] if understood else None)


def close_envelope(request: Request, payload: bytes) -> list[bytes]:
    """Return the frames of the reply to `request`."""
    return [*request.envelope, payload]
