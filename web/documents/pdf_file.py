"""A statement as a PDF that one can keep: what it is worth, how it came about, and how every figure is checked."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from fpdf.enums import XPos, YPos

from web.documents.content import Document, money, movements_of, percent, words_of
from web.documents.fonts import writable
from web.documents.pdf_page import ACCENT, FAINT, INK, LINE, SHADE, StatementPdf, write_pairs, write_table

GAIN, LOSS = (16, 120, 74), (176, 42, 48)
CHART_MM = 38.0
LINK_TEXT = "Each line names its ledger transaction; the entries behind your units are at /api/users/{}/trace/units."

NOTES = (
    "Value is your units times the price of a unit, shared out to the cent so that all members together have exactly "
    "the pool's net asset value. Profit = value + redemptions - contributions = realised + unrealised - performance "
    "fees paid + fees earned. The management fee is in the price of a unit already.",
    "Time-weighted return says how good the trading was, whenever money came; money-weighted return is your own rate a "
    "year, with your timing.",
)


def statement_pdf(document: Document) -> bytes:
    """Write the statement."""
    pdf = StatementPdf(document)
    _head(pdf)
    _figures(pdf)
    _chart(pdf)
    _period(pdf)
    _since_joining(pdf)
    _movements(pdf)
    _days(pdf)
    _notes(pdf)
    return bytes(pdf.output())


def _head(pdf: StatementPdf) -> None:
    document = pdf.document
    account, user, days = document.account, document.user, document.period.days
    pdf.ink(INK, 18, bold=True)
    pdf.put("Statement of account", pdf.epw, 10, end=True)
    pdf.ink(INK, 11, bold=True)
    pdf.put(user.name, pdf.epw, 6.5, end=True)
    pdf.ink(FAINT, 9)
    pdf.put(f"{user.email} - member {user.id}", pdf.epw, 5, end=True)
    pdf.put(f"Pooled account {account.login}, {account.server}, in {account.currency}", pdf.epw, 5, end=True)
    span = f"{days[0].day:%d %B %Y} to {days[-1].day:%d %B %Y}" if days else "no days yet"
    at = document.statement.at + timedelta(seconds=document.server_offset_s)
    pdf.put(f"Period: {span}, as of {at:%d %B %Y %H:%M}", pdf.epw, 5, end=True)
    pdf.put("Days and times are the trade server's.", pdf.epw, 5, end=True)
    pdf.ln(3)


def _figures(pdf: StatementPdf) -> None:
    """Write the four figures that people look for first."""
    document, found = pdf.document, pdf.document.statement
    unit = document.account.currency
    figures = (
        ("Value", f"{money(found.value, document.digits)} {unit}", INK),
        ("Profit since joining", f"{_signed(found.profit, document)} {unit}", GAIN if found.profit >= 0 else LOSS),
        ("Time-weighted return", percent(found.time_weighted_return), INK),
        ("Share of the pool", f"{found.share_percent:.4f} %", INK),
    )
    width, top = pdf.epw / len(figures), pdf.get_y()
    pdf.set_fill_color(*SHADE)
    pdf.rect(pdf.l_margin, top, pdf.epw, 17, style="F", round_corners=True, corner_radius=1.5)
    for place, (name, value, colour) in enumerate(figures):
        pdf.set_xy(pdf.l_margin + place * width + 2, top + 2)
        pdf.ink(FAINT, 7.5)
        pdf.put(name, width - 2, 5)
        pdf.set_xy(pdf.l_margin + place * width + 2, top + 7.5)
        pdf.ink(colour, 11.5, bold=True)
        pdf.put(value, width - 2, 7)
    pdf.set_xy(pdf.l_margin, top + 19)


def _chart(pdf: StatementPdf) -> None:
    """Draw the value by day."""
    document = pdf.document
    values = [float(day.value) for day in document.period.days]
    if len(values) < 2 or max(values) <= 0:
        return
    top, low, high = pdf.get_y() + 6, min(0.0, *values), max(values)
    pdf.ink(FAINT, 7.5)
    pdf.put(
        f"Value by day, {document.account.currency}; the top is {money(_highest(document), document.digits)}",
        pdf.epw,
        5,
    )
    step = pdf.epw / (len(values) - 1)
    points = [
        (pdf.l_margin + place * step, top + CHART_MM * (1 - (value - low) / (high - low)))
        for place, value in enumerate(values)
    ]
    ground = top + CHART_MM
    pdf.set_fill_color(226, 238, 249)
    pdf.polygon([(points[0][0], ground), *points, (points[-1][0], ground)], style="F")
    pdf.set_draw_color(*ACCENT)
    pdf.set_line_width(0.35)
    pdf.polyline(points)
    pdf.set_line_width(0.2)
    pdf.set_draw_color(*LINE)
    pdf.line(pdf.l_margin, ground, pdf.l_margin + pdf.epw, ground)
    pdf.set_xy(pdf.l_margin, ground + 1)
    pdf.ink(FAINT, 7.5)
    pdf.put(f"{document.period.days[0].day:%d %b %Y}", pdf.epw / 2, 4)
    pdf.put(f"{document.period.days[-1].day:%d %b %Y}", pdf.epw / 2, 4, align="R", end=True)


def _period(pdf: StatementPdf) -> None:
    period, digits = pdf.document.period, pdf.document.digits
    pdf.heading("This period")
    write_pairs(
        pdf,
        (
            ("Value at the beginning", money(period.opening, digits)),
            ("Paid in less taken out", _signed(period.flow, pdf.document)),
            ("Profit, after all fees", _signed(period.profit, pdf.document)),
            ("Value at the end", money(period.closing, digits)),
            ("Change of the price of a unit", percent(period.price_change)),
        ),
    )


def _since_joining(pdf: StatementPdf) -> None:
    document, found, digits = pdf.document, pdf.document.statement, pdf.document.digits
    pdf.heading("Since joining")
    write_pairs(
        pdf,
        (
            ("Contributions", money(found.contributed, digits)),
            ("Redemptions", money(found.redeemed, digits)),
            ("Realised profit", _signed(found.realised, document)),
            ("Unrealised profit", _signed(found.unrealised, document)),
            ("Performance fees paid", money(found.fees_paid, digits)),
            ("Performance fee, accrued", money(found.fee_accrued, digits)),
            ("Part of the management fee", money(found.management_fees, digits)),
            ("Fees earned as the manager", money(found.fees_earned, digits)),
            ("Redeemed, still owed to you", money(found.owed, digits)),
            ("Units", f"{found.units:,f}"),
            ("Price of a unit (NAV / units)", "-" if found.nav_per_unit is None else f"{found.nav_per_unit:f}"),
            ("Share of the pool", f"{found.share_percent:f} %"),
            ("Time-weighted return", percent(found.time_weighted_return, 4)),
            ("Money-weighted return, a year", percent(found.money_weighted_return, 4)),
        ),
    )


def _movements(pdf: StatementPdf) -> None:
    document, digits = pdf.document, pdf.document.digits
    moved = movements_of(document)
    if not moved:
        return
    pdf.heading("Movements of your units")
    offset = timedelta(seconds=document.server_offset_s)
    rows = [
        (
            f"{move.at + offset:%Y-%m-%d %H:%M}", words_of(move), f"{move.units:+,f}", money(move.cash, digits),
            money(move.fee, digits), "-" if move.price is None else f"{float(move.price.ratio):.8f}",
            str(move.transaction_id),
        )
        for move in moved
    ]  # fmt: skip
    head = ("Server time", "What", "Units", "Money", "Fee", "Price", "Entry")
    write_table(pdf, head, rows, (0.17, 0.15, 0.19, 0.15, 0.11, 0.14, 0.09), left=2)
    pdf.ink(FAINT, 7.5)
    pdf.put(LINK_TEXT.format(document.user.id), pdf.epw, 5, end=True)


def _days(pdf: StatementPdf) -> None:
    document, digits = pdf.document, pdf.document.digits
    if not document.period.days:
        return
    pdf.heading("Day by day")
    rows = [
        (
            f"{day.day:%Y-%m-%d}", f"{day.units:,f}", f"{day.nav_per_unit:f}", _signed(day.flow, document),
            _signed(day.profit, document), money(day.value, digits),
        )
        for day in reversed(document.period.days)
    ]  # fmt: skip
    write_table(
        pdf, ("Day", "Units", "Price", "In less out", "Profit", "Value"), rows, (0.14, 0.2, 0.17, 0.16, 0.15, 0.18)
    )


def _notes(pdf: StatementPdf) -> None:
    pdf.heading("How to read and check this")
    pdf.ink(FAINT, 8)
    document = pdf.document
    for note in (*NOTES, f"Books: newest transaction {document.head[:32]}..., see `zmq-bridge ledger verify`."):
        pdf.multi_cell(pdf.epw, 4.2, writable(note, pdf.family), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        pdf.ln(1)


def _highest(document: Document) -> Decimal:
    return max(day.value for day in document.period.days)


def _signed(amount: Decimal, document: Document) -> str:
    shown = money(amount, document.digits)
    return f"+{shown}" if amount > 0 else shown
