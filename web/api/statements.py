"""Statements: a member's account with the pool as JSON, CSV or PDF, and the entries behind every figure."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any

from flask import Response
from sqlalchemy import Connection

from ledger.history import period_of
from web.answer_docs import gives
from web.answers import answer
from web.api.accounts import chosen_account
from web.api.community import StatementQuery, TraceQuery, known_user, shown_days
from web.auth import needs
from web.blueprint import Blueprint
from web.documents.content import Document, movements_of, words_of
from web.documents.csv_file import days_csv, movements_csv
from web.documents.pdf_file import statement_pdf
from web.errors import NotFound
from web.member_figures import money, shown_figures
from web.paging import page, read_cursor
from web.parts import parts
from web.shapes.community import Statement, Trace
from zmq_bridge.storage.accounts import Account
from zmq_bridge.storage.filters import Filter
from zmq_bridge.storage.keys import Scope
from zmq_bridge.storage.ledger.statements import statement_now
from zmq_bridge.storage.ledger.trace import FIGURES, POOL_FIGURES, Booked, Figure, balance_of, lines_of

blueprint = Blueprint("statements", __name__, url_prefix="/api", description="Statements, and where figures are from")

FILES: dict[str, Any] = {"text/csv": {"schema": {"type": "string"}}, "application/pdf": {}}
UNIT_FIGURES = frozenset({"units"})


@blueprint.get("/users/<int:user_id>/statement")
@needs(Scope.ADMIN, Scope.MEMBER)
@gives(Statement, **FILES)
@blueprint.arguments(StatementQuery, location="query")
def statement(query: dict[str, Any], user_id: int) -> Response:
    """A member's statement; figures are since joining, days and movements those of the period."""
    with parts().engine.connect() as connection:
        document = _document(connection, user_id, query["account"], query["first"], query["last"])
    if query["format"] == "csv":
        written = days_csv(document) if query["part"] == "days" else movements_csv(document)
        return _file(written.encode(), "text/csv", f"{document.file_name}-{query['part']}.csv")
    if query["format"] == "pdf":
        return _file(statement_pdf(document), "application/pdf", f"{document.file_name}.pdf")
    return answer(_shown(document))


@blueprint.get("/users/<int:user_id>/trace/<figure>")
@needs(Scope.ADMIN, Scope.MEMBER)
@gives(Trace)
@blueprint.arguments(TraceQuery, location="query")
def trace(query: dict[str, Any], user_id: int, figure: str) -> Response:
    """The entries that a figure of the statement is the sum of, or the formula and the figures that it is made of."""
    with parts().engine.connect() as connection:
        known_user(connection, user_id)
        account = chosen_account(connection, query["account"])
        return _traced(connection, account, figure, FIGURES, query, user_id)


@blueprint.get("/pool/trace/<figure>")
@needs(Scope.ADMIN)
@gives(Trace)
@blueprint.arguments(TraceQuery, location="query")
def trace_pool(query: dict[str, Any], figure: str) -> Response:
    """The same for a figure of the pool."""
    with parts().engine.connect() as connection:
        account = chosen_account(connection, query["account"])
        return _traced(connection, account, figure, POOL_FIGURES, query, None)


def _document(
    connection: Connection, user_id: int, login: int | None, first: date | None, last: date | None
) -> Document:
    user = known_user(connection, user_id)
    account = chosen_account(connection, login)
    now = statement_now(connection, account.id, user_id)
    return Document(
        user=user,
        account=account,
        statement=now.statement,
        period=period_of(now.statement.days, first, last),
        first=first,
        last=last,
        head=now.head,
        server_offset_s=now.server_offset_s,
    )


def _shown(document: Document) -> dict[str, Any]:
    found, period, digits = document.statement, document.period, document.digits
    cut = {name: money(getattr(period, name), digits) for name in ("opening", "flow", "profit", "closing")}
    shown: dict[str, Any] = shown_days(
        {
            "user": asdict(document.user),
            "account": document.account.login,
            "currency": document.account.currency,
            "at": found.at,
            "money_weighted_return": found.money_weighted_return,
            **shown_figures(found, digits),
            "period": {**cut, "price_change": period.price_change, "from": document.first, "to": document.last},
            "days": [_day(asdict(day), digits) for day in period.days],
            "movements": [
                {
                    "what": words_of(move),
                    **asdict(move),
                    "cash": money(move.cash, digits),
                    "fee": money(move.fee, digits),
                }
                for move in movements_of(document)
            ],
            "books_head": document.head,
        }
    )
    return shown


def _day(day: dict[str, Any], digits: int) -> dict[str, Any]:
    return {**day, **{name: money(day[name], digits) for name in ("value", "flow", "profit")}}


def _traced(
    connection: Connection,
    account: Account,
    name: str,
    figures: Any,
    query: dict[str, Any],
    user_id: int | None,
) -> Response:
    figure: Figure | None = figures.get(name)
    if figure is None:
        raise NotFound("FIGURE_UNKNOWN", f"Expected one of {', '.join(figures)}; found {name!r}.")
    base = f"/api/users/{user_id}/trace" if user_id is not None else "/api/pool/trace"
    said = {"figure": name, "account": account.login, "currency": account.currency}
    if not isinstance(figure, Booked):
        made_of = [f"{base}/{part}" for part in figure.parts] + [
            f"/api/pool/trace/{part}" for part in figure.pool_parts
        ]
        return answer({**said, "formula": figure.formula, "made_of": made_of})
    wanted = Filter(
        from_at=query["from_at"], to_at=query["to_at"], after=read_cursor(query["cursor"], int), limit=query["limit"]
    )
    rows = [asdict(line) for line in lines_of(connection, account.id, figure, wanted, user_id)]
    value = balance_of(connection, account.id, figure, user_id)
    shown = value if name in UNIT_FIGURES else money(value, account.currency_digits)
    return answer({**said, "value": shown, "sum_of": figure.kinds, **page("entries", rows, query["limit"], "id")})


def _file(content: bytes, mimetype: str, name: str) -> Response:
    return Response(content, mimetype=mimetype, headers={"Content-Disposition": f'attachment; filename="{name}"'})
