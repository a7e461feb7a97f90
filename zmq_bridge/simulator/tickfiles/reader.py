"""Read a tick file as a stream: one line in memory, errors with their line number, order of time checked.

A file whose times run backwards is refused like a malformed line: every consumer after us relies on the order.
"""

import gzip
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Literal

from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.simulator.errors import MalformedLine, TickFileError
from zmq_bridge.simulator.tickfiles.detect import detect, is_header, symbol_from
from zmq_bridge.simulator.tickfiles.formats import FORMATS, BadLine, TickFormat

Policy = Literal["strict", "skip"]
LINE_CHARS_MAX = 4096


class TickFile:
    """One tick file: iterate it for its ticks, as often as you like.

    Args:
        path: the file; `.gz` is unpacked on the way; UTF-8 or, with its mark, UTF-16 (as some terminals export).
        format: one of `FORMATS`, or None to detect it from the content.
        symbol: the broker's spelling, or None to take it from the name or content.
        policy: `strict` raises `MalformedLine` at the first bad line; `skip` counts it in `skipped` and goes on.
        on_skip: told of every skipped line.

    Raises:
        TickFileError: not readable, empty, unknown format, or no symbol to be found.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        format: str | None = None,
        symbol: str | None = None,
        policy: Policy = "strict",
        on_skip: Callable[[MalformedLine], None] | None = None,
    ) -> None:
        self.path = Path(path)
        self.policy = policy
        self.skipped = 0
        self._on_skip = on_skip
        self._header, first = self._first_lines()
        self.format = _format_named(format, self.path) if format else self._detected(first)
        self.symbol = symbol or self._symbol_found(first)

    @property
    def clock_offset_s(self) -> int | None:
        """Seconds east of UTC of the clock that the times are on; None where the file doesn't say."""
        return self.format.clock_offset_s

    def first_time_msc(self) -> int:
        """Return the time of the first tick, on the file's clock."""
        for tick in self:
            return tick.time_msc
        raise TickFileError(f"{self.path}: expected at least one tick, found none")

    def __iter__(self) -> Iterator[Tick]:
        parse = self.format.parser(self._header)
        time_before = 0
        self.skipped = 0
        with self._open() as stream:
            for number, line in _lines(stream):
                if number == 1 and self._header:
                    continue
                try:
                    tick = parse(line)
                    if tick.time_msc < time_before:
                        raise BadLine("times in order", f"{line} after {time_before} ms")
                except BadLine as bad:
                    self._refuse(MalformedLine(self.path, number, bad.expected, bad.found))
                    continue
                time_before = tick.time_msc
                yield tick

    def _refuse(self, problem: MalformedLine) -> None:
        if self.policy == "strict":
            raise problem
        self.skipped += 1
        if self._on_skip:
            self._on_skip(problem)

    def _first_lines(self) -> tuple[str, str]:
        with self._open() as stream:
            lines = _lines(stream)
            number, first = next(lines, (0, ""))
            if number == 1 and is_header(first):
                return first, next(lines, (0, ""))[1]
        if not first:
            raise TickFileError(f"{self.path}: expected ticks, found an empty file")
        return "", first

    def _detected(self, first: str) -> TickFormat:
        found = detect(self._header, first)
        if found is None:
            known = "; ".join(f"{f.name}: {f.shape}" for f in FORMATS.values())
            raise TickFileError(f"{self.path}: expected a known tick format ({known}), found {first[:120]!r}")
        return found

    def _symbol_found(self, first: str) -> str:
        stem = self.path.name.removesuffix(".gz").rsplit(".", 1)[0]
        symbol = symbol_from(stem, first)
        if symbol is None:
            raise TickFileError(f"{self.path}: expected a currency pair in the name or a symbol given, found neither")
        return symbol

    def _open(self) -> IO[str]:
        try:
            raw: IO[bytes] = self.path.open("rb")
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            raw = gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[assignment]  # a binary stream all the same
            wide = raw.read(2) in (b"\xff\xfe", b"\xfe\xff")
            raw.seek(0)
        except OSError as error:
            raise TickFileError(f"{self.path}: expected a readable file, found {error}") from error
        return io.TextIOWrapper(raw, encoding="utf-16" if wide else "utf-8-sig", errors="replace")


def _lines(stream: IO[str]) -> Iterator[tuple[int, str]]:
    """Number the lines from 1; blank ones are passed over, over-long ones come cut (and fail to parse)."""
    number = 0
    while line := stream.readline(LINE_CHARS_MAX):
        number += 1
        while not line.endswith("\n") and (rest := stream.readline(LINE_CHARS_MAX)):
            if rest.endswith("\n"):
                break
        text = line.rstrip("\r\n")
        if text.strip():
            yield number, text


def _format_named(name: str, path: Path) -> TickFormat:
    if name not in FORMATS:
        raise TickFileError(f"{path}: expected a format out of {', '.join(FORMATS)}, found {name!r}")
    return FORMATS[name]
