"""A statement as CSV: one table a file, RFC 4180, UTF-8, numbers as exact decimals without separators."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from web.documents.content import Document, movements_of, plain, words_of

DAYS = ("day", "units", "nav_per_unit", "value", "paid_in_less_taken_out", "profit")
MOVEMENTS = (
    "at_utc", "what", "units", "cash", "performance_fee", "price_nav", "price_units", "lot", "transaction_id", "cause",
)  # fmt: skip

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would take for more than text


def days_csv(document: Document) -> str:
    """Write the history by day."""
    digits = document.digits
    return _table(
        DAYS,
        (
            (
                day.day.isoformat(), f"{day.units:f}", f"{day.nav_per_unit:f}", plain(day.value, digits),
                plain(day.flow, digits), plain(day.profit, digits),
            )
            for day in document.period.days
        ),
    )  # fmt: skip


def movements_csv(document: Document) -> str:
    """Write every change of the member's units, each with the ledger transaction it is from."""
    digits = document.digits
    return _table(
        MOVEMENTS,
        (
            (
                move.at.isoformat(), words_of(move), f"{move.units:f}", plain(move.cash, digits),
                plain(move.fee, digits), "" if move.price is None else f"{move.price.nav:f}",
                "" if move.price is None else f"{move.price.units:f}", text(move.lot), str(move.transaction_id),
                text(move.cause),
            )
            for move in movements_of(document)
        ),
    )  # fmt: skip


def text(value: str) -> str:
    """Keep a spreadsheet from reading a text as a formula."""
    return f"'{value}" if value.startswith(FORMULA) else value


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(head)
    writer.writerows(rows)
    return written.getvalue()
