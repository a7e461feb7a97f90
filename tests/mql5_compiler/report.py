"""What a MetaQuotes compiler said, read from its log or its output."""

from __future__ import annotations

import re
from dataclasses import dataclass

MESSAGE = re.compile(r"\)\s*:\s*(?:fatal )?(?:error|warning)\b", re.IGNORECASE)
RESULT = re.compile(r"^\W*Result:?\s*(\d+) error(?:s|\(s\))?, (\d+) warning", re.MULTILINE | re.IGNORECASE)


class NotCompiled(Exception):
    """The compiler never came to a result; the message has what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome for one program."""

    errors: int
    warnings: int
    messages: tuple[str, ...]  # one for each error and warning, as the compiler wrote it

    @property
    def is_clean(self) -> bool:
        """Neither an error nor a warning."""
        return self.errors == self.warnings == 0


def read_report(raw: bytes) -> Report:
    """Read a log (UTF-16 as MetaEditor writes it) or an output.

    Raises:
        NotCompiled: there is no result in it.
    """
    text = decoded(raw).replace("\r\n", "\n")
    result = RESULT.search(text)
    if result is None:
        raise NotCompiled(f"expected a line with the result, found: {text.strip()[-800:] or 'nothing'}")
    messages = tuple(line.strip() for line in text.splitlines() if MESSAGE.search(line))
    return Report(errors=int(result[1]), warnings=int(result[2]), messages=messages)


def decoded(raw: bytes) -> str:
    """Text in whichever encoding the compiler chose."""
    is_wide = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
    return raw.decode("utf-16" if is_wide else "utf-8-sig", errors="replace")
