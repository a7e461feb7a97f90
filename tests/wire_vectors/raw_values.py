"""Golden files of single values, of other ways to write them, and of what must be refused."""

from __future__ import annotations

from collections.abc import Iterator

from tests.protocol import samples
from tests.wire_vectors.vector import Vector
from zmq_bridge.protocol import messages as m
from zmq_bridge.protocol.codec import join_frame, pack

SESSION = samples.SESSION


def value_vectors() -> Iterator[Vector]:
    def one(name: str, about: str, value: object) -> Vector:
        return Vector(name=name, about=about, where="value", frame=pack(value))

    edges = [0, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1]
    below = [-1, -32, -33, -128, -129, -32768, -32769, -(2**31), -(2**31) - 1, -(2**63)]
    yield one("value-integers", "both sides of every change of format, always the shortest", edges + below)
    floats = [
        0.0,
        -0.0,
        1.0,
        -1.5,
        0.1,
        5e-324,
        2.2250738585072014e-308,
        1.7976931348623157e308,
        1e15,
        0.30000000000000004,
    ]
    yield one("value-floats", "always 64 bits, whole numbers too", floats)
    yield one(
        "value-texts",
        "both sides of every change of format; UTF-8",
        ["", "a", "x" * 31, "x" * 32, "x" * 255, "x" * 256, "x" * 4096, "ä€😀", "tab\tnul\0"],
    )
    yield one("value-arrays", "both sides of the change of format", [[], [None] * 15, [True] * 16, [[[[]]]]])
    yield one(
        "value-maps",
        "both sides of the change of format",
        [
            {},
            {f"k{number:02d}": number for number in range(15)},
            {f"k{number:02d}": False for number in range(16)},
            {"": {"ä": []}},
        ],
    )


def accepted_vectors() -> Iterator[Vector]:
    def one(name: str, about: str, text: str) -> Vector:
        return Vector(name=name, about=about, where="value", sort="accept", frame=bytes.fromhex(text))

    yield one(
        "accept-wide-integers", "integers in longer formats than needed", "94 cc05 cd0005 ce00000005 d3ffffffffffffffff"
    )
    yield one("accept-float-32", "a single-precision float", "91 ca3fc00000")
    yield one("accept-wide-texts", "texts in longer formats than needed", "93 d90161 da000161 db0000000161")
    yield one("accept-wide-array", "an array in a longer format than needed", "dd00000002 01 02")
    yield one("accept-wide-map", "a map in a longer format than needed", "df00000001 a161 01")


def refused_vectors() -> Iterator[Vector]:
    def one(name: str, about: str, text: str, code: str = "MALFORMED", where: str = "value") -> Vector:
        return Vector(name=name, about=about, where=where, sort="refuse", code=code, frame=bytes.fromhex(text))

    yield one("refuse-empty", "nothing at all", "")
    yield one("refuse-trailing", "a second value behind the first", "01 02")
    yield one("refuse-truncated", "ends inside an array", "93 01")
    yield one("refuse-lying-length", "an array of 4 294 967 295 items that are not there", "ddffffffff 01")
    yield one("refuse-reserved", "the byte that MessagePack never uses", "c1")
    yield one("refuse-nan", "not a number", "cb7ff8000000000000")
    yield one("refuse-infinity", "minus infinity", "cbfff0000000000000")
    yield one("refuse-bin", "binary data", "c40161")
    yield one("refuse-ext", "an extension", "d40100")
    yield one("refuse-timestamp", "the timestamp extension", "d6ff00000000")
    yield one("refuse-integer-key", "a map key that is not text", "81 01 02")
    yield one("refuse-key-twice", "a map that names a key twice", "82 a161 01 a161 02")
    yield one("refuse-not-utf8", "text that is not UTF-8", "a1ff")
    yield one("refuse-surrogate", "half a surrogate pair in UTF-8 clothes", "a3eda080")
    yield one("refuse-depth", "seventeen arrays in each other", "91" * 16 + "90", "TOO_LARGE")
    yield one(
        "refuse-version",
        "a pull of version 2",
        _hex({"v": 2, "type": "pull"}),
        "UNSUPPORTED_VERSION",
        "terminal_request",
    )
    yield one(
        "refuse-type",
        "a request that nobody knows",
        _hex({"v": 1, "type": "dance"}),
        "UNKNOWN_TYPE",
        "terminal_request",
    )
    yield one(
        "refuse-no-login", "a bye without a login", _hex({"v": 1, "type": "bye"}), "MALFORMED", "terminal_request"
    )
    yield one("refuse-frame", "a frame without a topic", "00 90", "MALFORMED", "pub")
    yield one(
        "refuse-topic", "a topic that is not the wire's", join_frame("news.1", b"\x90").hex(), "UNKNOWN_TYPE", "pub"
    )
    swapped = join_frame("event.999", m.encode(samples.event)).hex()
    yield one("refuse-other-login", "an event under another login's topic", swapped, "WRONG_LOGIN", "pub")
    integer_price = pack([1, SESSION, 1, [[1, 1, 1.0, 0.0, 0.0, 0]]])
    yield one(
        "refuse-tick-integer",
        "a tick with an integer for its bid",
        join_frame("tick.X.1", integer_price).hex(),
        where="pub",
    )


def _hex(value: object) -> str:
    return pack(value).hex()
