"""MT5 accounts: which there are, what they may trade, and the credentials that are kept for them, sealed.

Nothing here ever answers with a secret: a client learns that credentials are stored, and since when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response
from marshmallow import RAISE, Schema, fields, validate
from sqlalchemy import Connection

from web.answer_docs import gives
from web.answers import answer
from web.api.accounts import visible_accounts
from web.api.schemas import ErrorAnswer
from web.auth import actor, check_all_accounts, check_login, needs
from web.blueprint import Blueprint
from web.errors import ApiError, Conflict, NotFound, Unavailable
from web.parts import parts, utc_now
from web.shapes.account import Mt5Account, Mt5Accounts, Resealed
from zmq_bridge.admission.numbers import WholeNumber
from zmq_bridge.admission.schema import BIGINT_MAX, SERVER_CHARS_MAX, SYMBOL_CHARS_MAX, text
from zmq_bridge.storage.account_symbols import allowed_everywhere, set_allowed_symbols
from zmq_bridge.storage.accounts import Account, ensure_account, find_accounts, make_alone
from zmq_bridge.storage.audit import record
from zmq_bridge.storage.credentials import (
    Credentials,
    NoVaultKey,
    VaultError,
    credentials_noted,
    remove_credentials,
    reseal_all,
    store_credentials,
)
from zmq_bridge.storage.keys import Scope
from zmq_bridge.storage.risk.holds import effective_state, holds

blueprint = Blueprint("mt5_accounts", __name__, url_prefix="/api/accounts", description="MT5 accounts")

SYMBOLS_MAX = 2000
PASSWORD_CHARS_MAX = 200
LEVERAGE_MAX = 100_000


class Strict(Schema):
    """An unknown field is an error."""

    class Meta:
        """As the docstring says."""

        unknown = RAISE


class NewAccount(Strict):
    """An account before its terminal has spoken; it starts halted until ledger and broker agree."""

    login = WholeNumber(at_least=1, at_most=BIGINT_MAX, required=True)
    server = text(SERVER_CHARS_MAX, required=True)
    currency = text(10, required=True)
    currency_digits = WholeNumber(at_least=0, at_most=8, load_default=2)
    margin_mode = fields.String(required=True, validate=validate.OneOf(["netting", "exchange", "hedging"]))
    leverage = WholeNumber(at_least=1, at_most=LEVERAGE_MAX, required=True)
    name = text(SERVER_CHARS_MAX, load_default="", chars_min=0)


class AllowedSymbols(Strict):
    """What may be traded; null: everything that the broker offers."""

    symbols = fields.List(
        text(SYMBOL_CHARS_MAX), required=True, allow_none=True, validate=validate.Length(max=SYMBOLS_MAX)
    )  # fmt: skip


class NewCredentials(Strict):
    """What the terminal signs in with. Taken in and never given out."""

    password = text(PASSWORD_CHARS_MAX, required=True, load_only=True)
    investor_password = text(PASSWORD_CHARS_MAX, load_default="", chars_min=0, load_only=True)


class ServerQuery(Schema):
    """Which server; only needed where two use the same login."""

    server = text(SERVER_CHARS_MAX, load_default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """What is noted about accounts beside themselves."""

    symbols: dict[int, list[str]]
    credentials: dict[int, datetime]


@blueprint.get("")
@needs(Scope.READ, Scope.TRADE)
@gives(Mt5Accounts)
def listing() -> Response:
    """List the accounts that the key may speak of."""
    with parts().engine.connect() as connection:
        return answer({"accounts": _described(connection, visible_accounts(connection))})


@blueprint.post("")
@needs(Scope.ADMIN)
@gives(Mt5Account, 201)
@blueprint.arguments(NewAccount)
@blueprint.alt_response(409, schema=ErrorAnswer)
def create(body: dict[str, Any]) -> Response:
    """Make an account known before its terminal connects; what the terminal says of it later counts."""
    check_login(body["login"])
    with parts().engine.begin() as connection:
        make_alone(connection)
        if any(found.server == body["server"] for found in find_accounts(connection, body["login"])):
            raise Conflict("ACCOUNT_EXISTS", f"There is an account {body['login']} at {body['server']} already.")
        made = ensure_account(connection, **body)
        record(connection, actor=actor(), action="account.create", subject=f"account:{made.id}", account_id=made.id,
               after=body)  # fmt: skip
        return answer(_described(connection, [made])[0], 201)


@blueprint.get("/<int:login>")
@needs(Scope.READ, Scope.TRADE)
@gives(Mt5Account)
@blueprint.arguments(ServerQuery, location="query")
def one(query: dict[str, Any], login: int) -> Response:
    """One account."""
    with parts().engine.connect() as connection:
        return answer(_described(connection, [_account(connection, login, query["server"])])[0])


@blueprint.put("/<int:login>/symbols")
@needs(Scope.ADMIN)
@gives(Mt5Account)
@blueprint.arguments(ServerQuery, location="query")
@blueprint.arguments(AllowedSymbols)
def set_symbols(query: dict[str, Any], body: dict[str, Any], login: int) -> Response:
    """Say what an account may trade; the gate goes by it at once."""
    with parts().engine.begin() as connection:
        account = _account(connection, login, query["server"])
        set_allowed_symbols(connection, account.id, body["symbols"], actor=actor(), now=utc_now())
        return answer(_described(connection, [account])[0])


@blueprint.put("/<int:login>/credentials")
@needs(Scope.ADMIN)
@gives(Mt5Account)
@blueprint.arguments(ServerQuery, location="query")
@blueprint.arguments(NewCredentials)
@blueprint.alt_response(503, schema=ErrorAnswer)
def put_credentials(query: dict[str, Any], body: dict[str, Any], login: int) -> Response:
    """Store an account's credentials, sealed with the key from the environment."""
    with parts().engine.begin() as connection:
        account = _account(connection, login, query["server"])
        try:
            store_credentials(
                connection, parts().vault, account.id, Credentials(**body), actor=actor(), now=utc_now()
            )  # fmt: skip
        except NoVaultKey:
            raise _no_key() from None
        return answer(_described(connection, [account])[0])


@blueprint.delete("/<int:login>/credentials")
@needs(Scope.ADMIN)
@gives(Mt5Account)
@blueprint.arguments(ServerQuery, location="query")
def delete_credentials(query: dict[str, Any], login: int) -> Response:
    """Forget an account's credentials."""
    with parts().engine.begin() as connection:
        account = _account(connection, login, query["server"])
        if not remove_credentials(connection, account.id, actor=actor()):
            raise NotFound("CREDENTIALS_UNKNOWN", f"No credentials are stored for account {login}.")
        return answer(_described(connection, [account])[0])


@blueprint.post("/credentials/reseal")
@needs(Scope.ADMIN)
@gives(Resealed)
@blueprint.alt_response(503, schema=ErrorAnswer)
def reseal() -> Response:
    """Seal everything with the newest key, so that an old one can be taken out of the environment."""
    check_all_accounts()
    if not parts().vault.is_usable:
        raise _no_key()
    try:
        with parts().engine.begin() as connection:
            return answer({"resealed": reseal_all(connection, parts().vault, actor=actor())})
    except VaultError as error:
        raise Conflict("CREDENTIALS_UNREADABLE", f"Nothing was changed: {error}.") from None


def _no_key() -> ApiError:
    message = "Expected ZMQ_BRIDGE_CREDENTIALS_KEYS to be set where the web runs; found nothing, so nothing is sealed."
    return Unavailable("CREDENTIALS_KEY_MISSING", message)


def _account(connection: Connection, login: int, server: str | None) -> Account:
    fitting = [
        found for found in visible_accounts(connection) if found.login == login and server in (None, found.server)
    ]  # fmt: skip
    if not fitting:
        raise NotFound("ACCOUNT_UNKNOWN", f"There is no account {login}, or not for this key.")
    if len(fitting) > 1:
        servers = ", ".join(found.server for found in fitting)
        raise ApiError("ACCOUNT_AMBIGUOUS", f"Expected `server`, one of {servers}; found none.", field="server")
    return fitting[0]


def _described(connection: Connection, accounts: Sequence[Account]) -> list[dict[str, Any]]:
    notes = Notes(symbols=allowed_everywhere(connection), credentials=credentials_noted(connection))
    return [_shown(connection, account, notes) for account in accounts]


def _shown(connection: Connection, account: Account, notes: Notes) -> dict[str, Any]:
    names = ("login", "server", "name", "company", "currency", "currency_digits", "margin_mode", "leverage")
    return {
        **{name: getattr(account, name) for name in names},
        "trading_state": effective_state(holds(connection, account.id)),
        "symbols": notes.symbols.get(account.id),
        "credentials_stored_at": notes.credentials.get(account.id),
        "created_at": account.created_at,
    }
