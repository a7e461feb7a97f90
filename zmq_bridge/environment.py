"""Read variables from the environment, collecting every problem instead of stopping at the first.

No variable of the project is named here; `zmq_bridge.settings` does that. A problem says the variable, what was
expected and what was found; the value of a secret is never repeated.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from dotenv import dotenv_values

Value = TypeVar("Value")

PORT_MAX = 65_535


class SettingsError(Exception):
    """Some variables are wrong; the message lists all of them."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"{len(problems)} problem(s) in the settings:\n{lines}\n.env.example explains each variable.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One variable that can't be used."""

    variable: str  # its name
    expected: str  # what would be accepted
    found: str  # what was there; never a secret's value

    def __str__(self) -> str:
        return f"{self.variable}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How a plain setting is read from its variable."""

    expected: str  # what is accepted, for people
    parse: Callable[[str], object]  # raises ValueError for anything else


class EnvironmentReader:
    """Typed reads from a mapping. A variable that is absent or blank counts as not set."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = {name: value.strip() for name, value in environ.items() if value.strip()}
        self._asked: set[str] = set()
        self.problems: list[Problem] = []

    def read(self, name: str, expected: str, parse: Callable[[str], Value], default: Value) -> Value:
        """Return the parsed variable; the default when it is not set, or wrong (then a problem is noted)."""
        self._asked.add(name)
        text = self._environ.get(name)
        if text is None:
            return default
        try:
            return parse(text)
        except ValueError:
            self.note(name, expected, repr(text))
            return default

    def read_secret(self, name: str, expected: str, accept: Callable[[str], bool]) -> str | None:
        """Like `read`, but a problem tells the length of what was found, not the text. None when not set."""
        self._asked.add(name)
        text = self._environ.get(name)
        if text is not None and not accept(text):
            self.note(name, expected, f"{len(text)} characters (not shown)")
        return text

    def note(self, variable: str, expected: str, found: str) -> None:
        """Add a problem."""
        self.problems.append(Problem(variable=variable, expected=expected, found=found))

    def refuse_unknown(self, prefix: str) -> None:
        """A variable with our prefix that nobody asked for is a typing mistake, and silently ignoring it is worse."""
        for name in sorted(set(self._environ) - self._asked):
            if name.startswith(prefix):
                near = difflib.get_close_matches(name, sorted(self._asked), n=1)
                hint = f" (did you mean {near[0]}?)" if near else ""
                self.note(name, f"a variable that exists{hint}", "an unknown name")


def read_env_file(path: str) -> dict[str, str]:
    """The variables of a `.env` file, as they stand, without interpolation; empty when there is no such file."""
    return {name: value for name, value in dotenv_values(path, interpolate=False).items() if value is not None}


def port(text: str) -> int:
    """A TCP port number."""
    number = int(text)
    if not 1 <= number <= PORT_MAX:
        raise ValueError(text)
    return number


def count(lowest: int, highest: int) -> Callable[[str], int]:
    """A parser of whole numbers between two bounds, both included."""

    def parse(text: str) -> int:
        number = int(text)
        if not lowest <= number <= highest:
            raise ValueError(text)
        return number

    return parse


def number(lowest: int, highest: int) -> Told:
    """A whole number between two bounds, both included."""
    return Told(expected=f"a number from {lowest} to {highest}", parse=count(lowest, highest))


def choice(*words: str) -> Callable[[str], str]:
    """A parser of one of some words, in any case."""

    def parse(text: str) -> str:
        for word in words:
            if word.lower() == text.lower():
                return word
        raise ValueError(text)

    return parse


def host(text: str) -> str:
    """A host name or address without port or scheme."""
    if not re.fullmatch(r"[0-9A-Za-z_.:-]+", text) or "//" in text:
        raise ValueError(text)
    return text


def absolute(text: str) -> Path:
    """A path that need not exist yet: what can't be read is for its reader to say."""
    return Path(text).absolute()


def existing_file(text: str) -> Path:
    """A file that is there."""
    path = absolute(text)
    if not path.is_file():
        raise ValueError(text)
    return path


def is_url(*schemes: str) -> Callable[[str], bool]:
    """Tell whether a text is a URL of one of some schemes that names a place."""

    def accept(text: str) -> bool:
        try:
            parts = urlsplit(text)
            _ = parts.port
        except ValueError:
            return False
        return parts.scheme in schemes and bool(parts.netloc or parts.path.strip("/") or parts.query)

    return accept
