"""What a PDF of a statement is written with: a page with our margins and typeface, pairs of figures, tables.

Which figures these are is `pdf_file`'s; nothing here knows what a statement says, but for the names in its foot.
"""

from __future__ import annotations

from collections.abc import Sequence

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from web.documents.content import Document
from web.documents.fonts import find_face, use_font, writable

INK, FAINT, LINE, ACCENT, SHADE = (24, 32, 44), (96, 108, 124), (214, 220, 228), (22, 96, 166), (243, 246, 250)
MARGIN_MM, ROW_MM = 16.0, 5.6

Cells = Sequence[str]


class StatementPdf(FPDF):
    """A page with our margins, our typeface, and a foot that says which page of which statement it is."""

    def __init__(self, document: Document) -> None:
        super().__init__(format="A4")
        self.document = document
        self.family = use_font(self, find_face())
        self.set_margins(MARGIN_MM, MARGIN_MM)
        self.set_auto_page_break(True, 18)
        self.set_title(f"Statement of account {document.account.login}, {document.statement.at:%Y-%m-%d}")
        self.set_author("zmq-bridge")
        self.set_creation_date(document.statement.at)
        self.add_page()

    def footer(self) -> None:
        """Write the page's number."""
        self.set_y(-13)
        self.ink(FAINT, 7.5)
        user, account = self.document.user, self.document.account
        left = f"Member {user.id} - account {account.login}, {account.server}"
        self.put(left, self.epw / 2)
        self.put(f"Page {self.page_no()} of {{nb}}", self.epw / 2, align="R", end=True)

    def ink(self, colour: tuple[int, int, int], size: float, *, bold: bool = False) -> None:
        """Choose how the next text looks."""
        self.set_text_color(*colour)
        self.set_font(self.family, "B" if bold else "", size)

    def put(self, text: str, width: float, height: float = ROW_MM, *, align: str = "L", end: bool = False) -> None:
        """Write one line of text into a box; the next one is beside it, or below it where the row ends."""
        shown = self.fitted(writable(text, self.family), width)
        next_x, next_y = (XPos.LMARGIN, YPos.NEXT) if end else (XPos.RIGHT, YPos.TOP)
        self.cell(width, height, shown, align=align, new_x=next_x, new_y=next_y)

    def fitted(self, text: str, width: float) -> str:
        """Cut a text that is wider than its box."""
        room = width - 2 * self.c_margin
        if self.get_string_width(text) <= room:
            return text
        while text and self.get_string_width(f"{text}...") > room:
            text = text[:-1]
        return f"{text}..."

    def heading(self, text: str) -> None:
        """Write a section's heading, with room for some of the section below it."""
        if self.will_page_break(4 * ROW_MM):
            self.add_page()
        self.ln(5)
        self.ink(ACCENT, 10.5, bold=True)
        self.put(text, self.epw, 7, end=True)
        self.rule()

    def rule(self) -> None:
        """Draw a line across."""
        self.set_draw_color(*LINE)
        self.line(self.l_margin, self.get_y(), self.l_margin + self.epw, self.get_y())
        self.ln(1)


def write_pairs(pdf: StatementPdf, pairs: Sequence[tuple[str, str]]) -> None:
    """Write names and figures in two columns of pairs."""
    half = pdf.epw / 2
    for place, (name, value) in enumerate(pairs):
        is_right = bool(place % 2)
        pdf.ink(FAINT, 8.5)
        pdf.put(name, half * 0.6)
        pdf.ink(INK, 8.5, bold=True)
        pdf.put(value, half * (0.4 if is_right else 0.34), align="R", end=is_right)
        if not is_right:
            pdf.set_x(pdf.l_margin + half)
    if len(pairs) % 2:
        pdf.ln(ROW_MM)


def write_table(
    pdf: StatementPdf, head: Cells, rows: Sequence[Cells], widths: Sequence[float], *, left: int = 1
) -> None:
    """Write a table; the first columns are text, the others figures; the head is repeated on every page."""
    _row(pdf, head, widths, left, is_head=True)
    for place, row in enumerate(rows):
        if pdf.will_page_break(ROW_MM):
            pdf.add_page()
            _row(pdf, head, widths, left, is_head=True)
        if place % 2:
            pdf.set_fill_color(*SHADE)
            pdf.rect(pdf.l_margin, pdf.get_y(), pdf.epw, ROW_MM, style="F")
        _row(pdf, row, widths, left)
    pdf.rule()


def _row(pdf: StatementPdf, row: Cells, widths: Sequence[float], left: int, *, is_head: bool = False) -> None:
    pdf.ink(FAINT if is_head else INK, 8, bold=is_head)
    for place, (text, width) in enumerate(zip(row, widths, strict=True)):
        is_last = place == len(row) - 1
        pdf.put(text, pdf.epw * width, align="L" if place < left else "R", end=is_last)
    if is_head:
        pdf.rule()
