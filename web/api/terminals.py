"""Terminals that can only poll (WebRequest): what the wire's requests do, over HTTP and in JSON.

    POST /api/account/update    the wire's `hello` with the books, every second or so: a sign of life as well
    GET  /api/signals/pending   claims commands; each is handed out once, and again only when its lease has lapsed
    POST /api/trades/confirm    results, deals and orders as the wire's events; what is acknowledged is committed

docs/wire.md describes the maps. A session is a number that grows with every start of the terminal; a newer one takes
the place of an older. An account that a desk serves over ZeroMQ is not served here (409 OWNED_ELSEWHERE).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, TypeVar

from flask import Response, request
from marshmallow import Schema, fields, validate
from sqlalchemy.exc import DataError

from web.answer_docs import gives
from web.answers import answer
from web.api.accounts import chosen_account
from web.api.schemas import ErrorAnswer
from web.auth import check_login, needs
from web.blueprint import Blueprint
from web.errors import ApiError, Conflict
from web.parts import now_ms, parts, utc_now
from web.shapes.polling import PollAcknowledged, PollBooked, PollCommands
from zmq_bridge.admission.schema import BIGINT_MAX
from zmq_bridge.booking.entering import NotWelcome
from zmq_bridge.booking.polled import confirm, hand_out, update
from zmq_bridge.live.errors import LiveError
from zmq_bridge.live.types import PolledQuote
from zmq_bridge.protocol.commands import command_to_map
from zmq_bridge.protocol.dialogue import Hello
from zmq_bridge.protocol.errors import ErrorCode, ProtocolViolation
from zmq_bridge.protocol.limits import EVENTS_PER_PULL_MAX, VERSION
from zmq_bridge.protocol.published import Event, event_from_map
from zmq_bridge.protocol.schema import from_map
from zmq_bridge.storage.commands.leases import LEASE_S
from zmq_bridge.storage.keys import Scope

log = logging.getLogger(__name__)

blueprint = Blueprint("terminals", __name__, url_prefix="/api", description="Terminals that poll over HTTP")

BODY_BYTES_MAX = 2 * 1024 * 1024  # an account with hundreds of positions and all its specifications
QUOTES_MAX = 1000
CONFLICTS = frozenset({ErrorCode.OWNED_ELSEWHERE, ErrorCode.SUPERSEDED, ErrorCode.UNKNOWN_SESSION})
MAP_BODY = {"content": {"application/json": {"schema": {"type": "object"}}}, "required": True}

T = TypeVar("T")


class PendingQuery(Schema):
    """Whose commands."""

    account = fields.Integer(required=True, validate=validate.Range(min=1, max=BIGINT_MAX))
    session = fields.Integer(required=True, validate=validate.Range(min=1, max=BIGINT_MAX))
    limit = fields.Integer(load_default=16, validate=validate.Range(min=1, max=64))


@blueprint.post("/account/update")
@needs(Scope.TERMINAL)
@gives(PollBooked)
@blueprint.doc(requestBody=MAP_BODY)
@blueprint.alt_response(409, schema=ErrorAnswer)
def account_update() -> Response:
    """Say who speaks for an account, and its books, prices and specifications as they are now."""
    body = _body()
    hello = _read(lambda: from_map(Hello, body))
    quotes = _read(lambda: _quotes(body))
    check_login(hello.login)
    now = utc_now()
    with _welcome(), parts().engine.begin() as connection:
        entered = update(connection, hello, now)
    _show(hello, quotes)
    return answer(
        {
            "status": "booked",
            "session": hello.session,
            "now_ms": now_ms(),
            "trading_state": entered.trading_state,
            "deals_from_msc": entered.deals_from_msc,
        }
    )


@blueprint.get("/signals/pending")
@needs(Scope.TERMINAL)
@gives(PollCommands)
@blueprint.arguments(PendingQuery, location="query")
@blueprint.alt_response(409, schema=ErrorAnswer)
def pending(query: dict[str, Any]) -> Response:
    """Claim the commands that wait for the account's terminal. Execute each at most once, by its `command_id`."""
    login, session = query["account"], query["session"]
    with _welcome(), parts().engine.begin() as connection:
        account = chosen_account(connection, login)
        found = hand_out(connection, account.id, login, session, query["limit"])
    _alive(login, session)
    commands = [command_to_map(command) for command in found.commands]
    more = {"now_ms": now_ms(), "lease_ms": int(LEASE_S * 1000)}
    return answer({"session": session, "trading_state": found.trading_state, "commands": commands, **more})


@blueprint.post("/trades/confirm")
@needs(Scope.TERMINAL)
@gives(PollAcknowledged)
@blueprint.doc(requestBody=MAP_BODY)
@blueprint.alt_response(409, schema=ErrorAnswer)
def trades_confirm() -> Response:
    """Book what became of commands and what was dealt; say again what is not acknowledged."""
    body = _body()
    login, session = _number(body, "account"), _number(body, "session")
    events = _read(lambda: _events(body, login, session))
    check_login(login)
    with _welcome(), parts().engine.begin() as connection:
        account = chosen_account(connection, login)
        stored = confirm(connection, account.id, login, session, events, utc_now())
    _alive(login, session)
    for event in stored.fresh:
        _tell(event)
    return answer({"session": session, "now_ms": now_ms(), "acks": [list(ack) for ack in stored.acks]})


def _body() -> dict[str, Any]:
    request.max_content_length = BODY_BYTES_MAX
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise ApiError("MALFORMED", f"Expected a JSON object; found {request.mimetype or 'no type'}.")
    return body


def _number(body: Mapping[str, Any], name: str) -> int:
    found = body.get(name)
    if type(found) is not int or not 0 < found <= BIGINT_MAX:
        raise ApiError("INVALID_FIELD", f"{name}: Expected an integer from 1; found {str(found)[:40]}.", field=name)
    return found


def _events(body: Mapping[str, Any], login: int, session: int) -> tuple[Event, ...]:
    """The events of a body; what every event of a terminal shares need not be said in each."""
    found = body.get("events")
    if not isinstance(found, list) or len(found) > EVENTS_PER_PULL_MAX:
        raise ProtocolViolation(
            ErrorCode.MALFORMED, "events", expected=f"an array of at most {EVENTS_PER_PULL_MAX}", found=found or "none"
        )
    shared = {"v": VERSION, "type": Event.type, "login": login, "session": session}
    events = tuple(
        event_from_map({**shared, **each} if isinstance(each, dict) else each, f"events[{number}]")
        for number, each in enumerate(found)
    )
    strange = next((event.login for event in events if event.login != login), None)
    if strange is not None:
        raise ProtocolViolation(ErrorCode.WRONG_LOGIN, "events", expected=f"login {login}", found=str(strange))
    return events


def _quotes(body: Mapping[str, Any]) -> dict[str, PolledQuote]:
    found = body.get("quotes") or {}
    if not isinstance(found, dict) or len(found) > QUOTES_MAX:
        raise ProtocolViolation(ErrorCode.MALFORMED, "quotes", expected="a map of symbol to prices", found=found)
    return {symbol: from_map(PolledQuote, quote, f"quotes.{symbol}") for symbol, quote in found.items()}


def _read(decode: Callable[[], T]) -> T:
    """What a body says, or which field of it can't be read."""
    try:
        return decode()
    except ProtocolViolation as problem:
        message = f"{problem.message}: Expected {problem.expected}; found {problem.found}."
        raise ApiError("INVALID_FIELD", message, field=problem.message) from None


@contextmanager
def _welcome() -> Iterator[None]:
    """Turn a refusal of booking into an answer."""
    try:
        yield
    except NotWelcome as refusal:
        words = f"{refusal.message}; expected {refusal.expected or 'another'}, found {refusal.found or 'none'}."
        raise (Conflict if refusal.code in CONFLICTS else ApiError)(str(refusal.code), words) from None
    except DataError:
        raise ApiError("MALFORMED", "The books can't hold a value of this request.") from None


def _show(hello: Hello, quotes: Mapping[str, PolledQuote]) -> None:
    """Let everybody see the account as it is now. Redis being away costs sight, and new risk; no fill."""
    assert hello.snapshot is not None
    received_ms, books = now_ms(), hello.snapshot
    try:
        parts().writer.write_account(
            hello.login,
            {**asdict(books.account), "time_msc": books.time_msc, "event_seq": books.event_seq},
            received_ms=received_ms,
        )
        positions = [asdict(position) for position in books.positions]
        parts().writer.write_positions(hello.login, positions, received_ms=received_ms)
        parts().writer.write_quotes(hello.login, quotes, received_ms=received_ms)
    except LiveError as error:
        log.warning("an account's present is not shown: login=%d: %s", hello.login, error)
    _alive(hello.login, hello.session, server_offset_s=hello.server_offset_s)


def _alive(login: int, session: int, **more: int) -> None:
    try:
        parts().writer.write_terminal(login, "desk", session=session, last_seen_ms=now_ms(), fields=more)
    except LiveError as error:
        log.warning("a terminal's sign of life is not shown: login=%d: %s", login, error)


def _tell(event: Event) -> None:
    try:
        parts().writer.add_event(event.kind, event.login, {"session": event.session, "seq": event.seq})
    except LiveError as error:
        log.warning("an event is not shown: login=%d: %s", event.login, error)
