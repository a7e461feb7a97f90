"""The pool as a whole: its history, its books beside the broker's word, its terms, what waits for an admin."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Response

from ledger.pool_statement import PoolStatement
from web.answer_docs import gives, gives_page
from web.answers import answer
from web.api.accounts import chosen_account
from web.api.community import shown_days
from web.api.schemas import AccountQuery
from web.auth import needs
from web.blueprint import Blueprint
from web.errors import NotFound
from web.member_figures import money
from web.paging import PageQuery, page, read_cursor
from web.parts import parts
from web.shapes.community import NamedShare
from web.shapes.pool import (
    POOL_BESIDE,
    Break,
    PoolHistory,
    PoolTerms,
    Reconciliation,
    Suspense,
    Transaction,
)
from zmq_bridge.admission.schema import BIGINT_MAX
from zmq_bridge.storage.accounts import Account
from zmq_bridge.storage.filters import Filter
from zmq_bridge.storage.keys import Scope
from zmq_bridge.storage.ledger.matching import suspense
from zmq_bridge.storage.ledger.pool import load_terms
from zmq_bridge.storage.ledger.reconciliation import page_breaks, reconciliation_report
from zmq_bridge.storage.ledger.shares import Shares, shares
from zmq_bridge.storage.ledger.statements import pool_history
from zmq_bridge.storage.ledger.terms import shown_terms
from zmq_bridge.storage.ledger.trace import transaction_of
from zmq_bridge.storage.users import names_of

blueprint = Blueprint("pool", __name__, url_prefix="/api/pool", description="The pool and its books")


class AccountPage(PageQuery, AccountQuery):
    """A page of one account's rows."""


@blueprint.get("/history")
@needs(Scope.READ, Scope.TRADE, Scope.MEMBER)
@gives(PoolHistory)
@blueprint.arguments(AccountQuery, location="query")
def history(query: dict[str, Any]) -> Response:
    """NAV by day of the trade server, flows, drawdown, and the returns of every month and year."""
    with parts().engine.connect() as connection:
        account = chosen_account(connection, query["account"])
        found = pool_history(connection, account.id)
    return answer({"account": account.login, "currency": account.currency, **_history(found, account)})


@blueprint.get("/shares")
@needs(Scope.ADMIN)
@gives_page("members", NamedShare, **POOL_BESIDE)
@blueprint.arguments(AccountPage, location="query")
def everybody(query: dict[str, Any]) -> Response:
    """What each member has, by user id; the values of all members sum to the NAV."""
    first = (read_cursor(query["cursor"], int) or [0])[0]
    with parts().engine.connect() as connection:
        account = chosen_account(connection, query["account"])
        pool = shares(connection, account.id)
        listed = [share for share in pool.members if share.user_id > first][: query["limit"] + 1]
        names = names_of(connection, [share.user_id for share in listed])
    rows = [{"name": names[share.user_id], **asdict(share)} for share in listed]
    said = {"account": account.login, "currency": account.currency, "pool": pool_figures(pool)}
    return answer({**said, **page("members", rows, query["limit"], "user_id")})


@blueprint.get("/reconciliation")
@needs(Scope.READ, Scope.TRADE)
@gives(Reconciliation)
@blueprint.arguments(AccountQuery, location="query")
def reconciliation(query: dict[str, Any]) -> Response:
    """Whether ledger and broker agree; if not, by how much, since when, and the deals since they last did."""
    with parts().engine.connect() as connection:
        account = chosen_account(connection, query["account"])
        found = reconciliation_report(connection, account.id)
    digits = account.currency_digits
    shown = asdict(found)
    for name in ("ledger_balance", "broker_balance", "ledger_credit", "broker_credit", "in_suspense", "difference"):
        shown[name] = None if shown[name] is None else money(shown[name], digits)
    shown["breaks"] = [_shown_break(each, account) for each in shown["breaks"]]
    shown["deals_since"] = [{**deal, "amount": money(deal["amount"], digits)} for deal in shown["deals_since"]]
    return answer({"account": account.login, "currency": account.currency, **shown})


@blueprint.get("/breaks")
@needs(Scope.READ, Scope.TRADE)
@gives_page("breaks", Break)
@blueprint.arguments(AccountPage, location="query")
def breaks(query: dict[str, Any]) -> Response:
    """List breaks between ledger and broker, newest first, open and closed, each with its deals."""
    with parts().engine.connect() as connection:
        account = chosen_account(connection, query["account"])
        wanted = Filter(after=read_cursor(query["cursor"], int), limit=query["limit"])
        found = [_shown_break(asdict(each), account) for each in page_breaks(connection, account.id, wanted)]
    return answer(page("breaks", found, query["limit"], "id"))


@blueprint.get("/suspense")
@needs(Scope.ADMIN)
@gives(Suspense)
@blueprint.arguments(AccountQuery, location="query")
def in_suspense(query: dict[str, Any]) -> Response:
    """Balance deals that are not yet part of anybody's share."""
    with parts().engine.connect() as connection:
        account = chosen_account(connection, query["account"])
        found = suspense(connection, account.id)
    shown = [{**asdict(item), "amount": money(item.amount, account.currency_digits)} for item in found]
    return answer({"account": account.login, "currency": account.currency, "suspense": shown})


@blueprint.get("/transactions/<int:transaction_id>")
@needs(Scope.ADMIN)
@gives(Transaction)
@blueprint.arguments(AccountQuery, location="query")
def transaction(query: dict[str, Any], transaction_id: int) -> Response:
    """One transaction of the books: its cause, entries, lots, and its link in the chain."""
    with parts().engine.connect() as connection:
        account = chosen_account(connection, query["account"])
        found = transaction_of(connection, account.id, transaction_id) if transaction_id <= BIGINT_MAX else None
    if found is None:
        raise NotFound("TRANSACTION_UNKNOWN", f"Account {account.login} has no transaction {transaction_id}.")
    return answer({"account": account.login, **found})


@blueprint.get("/terms")
@needs(Scope.READ, Scope.TRADE, Scope.MEMBER)
@gives(PoolTerms)
@blueprint.arguments(AccountQuery, location="query")
def terms(query: dict[str, Any]) -> Response:
    """What members pay, to whom and when, and the prices between which units are dealt in."""
    with parts().engine.connect() as connection:
        account = chosen_account(connection, query["account"])
        found = load_terms(connection, account.id)
    return answer({"account": account.login, **shown_terms(found)})


def pool_figures(pool: Shares) -> dict[str, Any]:
    """NAV to the cent, units, price of a unit, and how far they can be trusted; the same wherever they are shown."""
    return {
        "nav": pool.nav,
        "units": pool.units,
        "nav_per_unit": pool.nav_per_unit,
        "members": len(pool.members),
        "as_of": pool.as_of,
        "reconciled": pool.reconciled,
    }


def _shown_break(found: dict[str, Any], account: Account) -> dict[str, Any]:
    """A break as it is answered, by the login and with the account's digits."""
    amounts = {name: money(found[name], account.currency_digits) for name in ("expected", "found")}
    rest = {name: value for name, value in found.items() if name != "account_id"}
    return {"account": account.login, **rest, **amounts}


def _history(found: PoolStatement, account: Account) -> dict[str, Any]:
    shown: dict[str, Any] = shown_days(asdict(found))
    digits = account.currency_digits
    for name in ("contributed", "redeemed", "profit"):
        shown[name] = money(shown[name], digits)
    for day in shown["days"]:
        day["nav"], day["flow"] = money(day["nav"], digits), money(day["flow"], digits)
    return shown
