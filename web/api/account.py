"""The account's money as of its last snapshot, and its trading record."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from flask import Response

from web.answer_docs import gives
from web.answers import answer, with_money
from web.api.accounts import chosen_account
from web.api.pool import pool_figures
from web.api.schemas import AccountQuery
from web.auth import needs
from web.blueprint import Blueprint
from web.errors import NotFound
from web.parts import parts, utc_now
from web.shapes.account import AccountNow, AccountStats
from zmq_bridge.storage.accounts import Account
from zmq_bridge.storage.keys import Scope
from zmq_bridge.storage.ledger.shares import shares
from zmq_bridge.storage.risk.holds import Hold, effective_state, holds
from zmq_bridge.storage.trading.views import Record, latest_snapshot, trading_record

blueprint = Blueprint("account", __name__, url_prefix="/api/account", description="The trading account")

SNAPSHOT_MONEY = ("balance", "equity", "credit", "profit", "margin", "margin_free")
RECORD_MONEY = ("gross_profit", "gross_loss", "commission", "swap", "fee", "net_profit")


@blueprint.get("")
@needs(Scope.READ, Scope.TRADE)
@gives(AccountNow)
@blueprint.arguments(AccountQuery, location="query")
def account(query: dict[str, Any]) -> Response:
    """Balance, equity, margin and trading state, with the age of the snapshot they come from."""
    return account_now(query["account"])


def account_now(login: int | None) -> Response:
    """The account as of its last snapshot.

    Raises:
        NotFound: there is none, or none yet.
    """
    with parts().engine.connect() as connection:
        chosen = chosen_account(connection, login)
        snapshot = latest_snapshot(connection, chosen.id)
        held = holds(connection, chosen.id)
    if snapshot is None:
        raise NotFound("SNAPSHOT_MISSING", f"Account {chosen.login} has not sent its first snapshot yet.")
    age_ms = int((utc_now() - snapshot["received_at"]).total_seconds() * 1000)
    shown = with_money(snapshot, SNAPSHOT_MONEY, chosen.currency_digits)
    return answer({**_description(chosen, held), **shown, "age_ms": age_ms})


@blueprint.get("/stats")
@needs(Scope.READ, Scope.TRADE)
@gives(AccountStats)
@blueprint.arguments(AccountQuery, location="query")
def stats(query: dict[str, Any]) -> Response:
    """Trading record of the account and the pool's NAV, units and price."""
    with parts().engine.connect() as connection:
        chosen = chosen_account(connection, query["account"])
        record = trading_record(connection, chosen.id)
        pool = shares(connection, chosen.id)
    shown = with_money(record, RECORD_MONEY, chosen.currency_digits)
    return answer({"account": chosen.login, "currency": chosen.currency, **_rates(shown), "pool": pool_figures(pool)})


def _description(account: Account, held: tuple[Hold, ...]) -> Record:
    return {
        "account": account.login,
        "server": account.server,
        "currency": account.currency,
        "leverage": account.leverage,
        "margin_mode": account.margin_mode,
        "trading_state": effective_state(held),
        "holds": [asdict(hold) for hold in held],
    }


def _rates(record: Record) -> Record:
    """The record with win rate and profit factor; None where there is nothing to divide by."""
    closing, lost = record["closing_deals"], -record["gross_loss"]
    win_rate = Decimal(record["winning_deals"]) / closing if closing else None
    factor = record["gross_profit"] / lost if lost else None
    places = Decimal("0.0001")
    return {
        **record,
        "win_rate": win_rate.quantize(places) if win_rate is not None else None,
        "profit_factor": factor.quantize(places) if factor is not None else None,
    }
