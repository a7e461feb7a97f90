"""A typeface for names of every script, if this machine has one; else the one that every PDF reader brings.

The built-in Helvetica knows Western European letters only. A letter that no face has is written as a question mark
rather than refused: a statement must not fail because of a name.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fpdf import FPDF

BUILT_IN = "Helvetica"
OWN = "Statement"

FACES = (
    ("/usr/share/fonts/truetype/dejavu", "DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),
    ("/usr/share/fonts/dejavu-sans-fonts", "DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),
    ("/usr/share/fonts/TTF", "DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),
    ("/usr/share/fonts/truetype/noto", "NotoSans-Regular.ttf", "NotoSans-Bold.ttf"),
    ("/usr/share/fonts/truetype/liberation", "LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf"),
    ("/Library/Fonts", "Arial Unicode.ttf", "Arial Unicode.ttf"),
    ("C:/Windows/Fonts", "arial.ttf", "arialbd.ttf"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """Two files of one typeface."""

    regular: Path
    bold: Path


@cache
def find_face() -> Face | None:
    """Return the first typeface that this machine has."""
    for folder, regular, bold in FACES:
        face = Face(regular=Path(folder, regular), bold=Path(folder, bold))
        if face.regular.is_file() and face.bold.is_file():
            return face
    return None


def use_font(pdf: FPDF, face: Face | None) -> str:
    """Add a typeface to a document; return the name to ask for it by."""
    if face is None:
        return BUILT_IN
    pdf.add_font(OWN, "", face.regular)
    pdf.add_font(OWN, "B", face.bold)
    return OWN


def writable(text: str, family: str) -> str:
    """Return the text as the typeface can write it."""
    return text if family != BUILT_IN else text.encode("latin-1", "replace").decode("latin-1")
