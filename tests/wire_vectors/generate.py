"""Write the golden files of the wire: `NAME.bin`, the bytes of one frame, and `NAME.json`, what they say.

    python -m tests.wire_vectors.generate        # writes beside this file; a test compares

Three sorts, told apart by `sort` in the JSON:
    encode   a writer MUST produce exactly these bytes, a reader MUST read them
    accept   a reader MUST read these bytes as the given value; a writer never produces them
    refuse   a reader MUST refuse these bytes; `code` says with which error code

`tokens` is the payload in the order of its bytes, one object per MessagePack item: {"map": n} and {"array": n} are
followed by their items; {"int": "decimal"}, {"float": "decimal", "bits": "hex"}, {"str": text}, {"bool": bool},
{"nil": true}. It is complete: it can be written and compared without any other rule. `value` is the same for people:
integers above 2**53 are decimal strings there.
"""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path

from tests.wire_vectors.dialogues import strategy_vectors, terminal_vectors
from tests.wire_vectors.published import event_vectors, tick_vectors
from tests.wire_vectors.raw_values import accepted_vectors, refused_vectors, value_vectors
from tests.wire_vectors.vector import Vector

HERE = Path(__file__).parent
SOURCES = (
    tick_vectors, event_vectors, terminal_vectors, strategy_vectors, value_vectors, accepted_vectors, refused_vectors,
)  # fmt: skip


def vectors() -> list[Vector]:
    """Give every golden file."""
    return list(chain.from_iterable(source() for source in SOURCES))


def files() -> dict[str, bytes]:
    """Give the content of every file by its name."""
    found: dict[str, bytes] = {}
    for vector in vectors():
        text = json.dumps(vector.description(), ensure_ascii=False, indent=1)
        found[f"{vector.name}.bin"] = vector.frame
        found[f"{vector.name}.json"] = text.encode() + b"\n"
    return found


def main() -> None:
    """Write the files and remove those that no vector makes any more."""
    wanted = files()
    for path in (*HERE.glob("*.bin"), *HERE.glob("*.json")):
        if path.name not in wanted:
            path.unlink()
    for name, content in wanted.items():
        (HERE / name).write_bytes(content)
    print(f"{len(wanted)} files in {HERE}")


if __name__ == "__main__":
    main()
