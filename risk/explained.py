"""How a code carries its meaning: an enum member that is its own text and knows its explanation.

    class Code(Explained):
        TOO_LARGE = ("TOO_LARGE", "What a person reads.")
"""

from enum import StrEnum
from typing import Self


class Explained(StrEnum):
    """A closed list of codes; each member is made of its text and its explanation."""

    explanation: str

    def __new__(cls, value: str, explanation: str) -> Self:
        """Attach the explanation to the value."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.explanation = explanation
        return member
