"""What a strategy or tool is answered: the same gate as HTTP for signals, the same words for state.

Law: every payload gets an answer and no exception leaves. Money and prices are decimal strings; ticks are the wire's
rows. Who asks is known by the API key inside the request, and sees only the accounts that the key may use.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from zmq_bridge.admission import answers
from zmq_bridge.admission.directory import find_account
from zmq_bridge.admission.gate import Gate
from zmq_bridge.admission.plan import Plan
from zmq_bridge.admission.schema import InvalidSignal, parse_signal
from zmq_bridge.admission.source import Source
from zmq_bridge.live.errors import LiveError
from zmq_bridge.live.reader import LiveReader
from zmq_bridge.protocol.dialogue import ErrorReply
from zmq_bridge.protocol.errors import ErrorCode, ProtocolMisuse, ProtocolViolation
from zmq_bridge.protocol.messages import StrategyReply, decode_strategy_request, encode
from zmq_bridge.protocol.strategy import Accepted, Answer, Denied, Kill, Killed, Query, Submit
from zmq_bridge.storage.accounts import Account, list_accounts
from zmq_bridge.storage.engine import dump_json
from zmq_bridge.storage.keyring import KeyRefused, Keyring
from zmq_bridge.storage.keys import ApiKey, Scope
from zmq_bridge.storage.risk.kill import kill
from zmq_bridge.storage.ticks import history as tick_store
from zmq_bridge.storage.trading.signals import get_signal
from zmq_bridge.storage.trading.state import working_orders
from zmq_bridge.storage.trading.views import latest_snapshot, list_positions

log = logging.getLogger(__name__)

TICKS_DEFAULT = 1_000
TICKS_MAX = 20_000
"""Ticks in one answer: about 1 MB."""

MARKET = (Scope.READ, Scope.TRADE, Scope.SIGNAL)
BOOKS = (Scope.READ, Scope.TRADE)
NEEDED: Mapping[str, tuple[Scope, ...]] = {
    "status": MARKET,
    "account": BOOKS,
    "positions": BOOKS,
    "orders": BOOKS,
    "price": MARKET,
    "ticks": MARKET,
    "signal": (Scope.READ, Scope.SIGNAL),
}
"""Any one of these scopes lets a query through."""

ACCOUNT_CODES: Mapping[str, ErrorCode] = {
    answers.Code.ACCOUNT_NOT_ALLOWED: ErrorCode.FORBIDDEN,
    answers.Code.ACCOUNT_UNKNOWN: ErrorCode.NOT_FOUND,
    answers.Code.ACCOUNT_REQUIRED: ErrorCode.INVALID_FIELD,
}


KILL_MARK = b"\xa4type\xa4kill"
"""How MessagePack writes that a map's `type` is `kill`."""


class Refusal(Exception):
    """A request that gets an error for an answer."""

    def __init__(self, code: ErrorCode, message: str, *, field: str = "", expected: str = "", found: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.reply = ErrorReply(
            now_ms=_now_ms(), code=code, message=message, field=field, expected=expected, found=found
        )


def is_kill(payload: bytes) -> bool:
    """Say whether a request uses the kill switch; cheap for all that do not."""
    if KILL_MARK not in payload:
        return False
    try:
        return isinstance(decode_strategy_request(payload), Kill)
    except ProtocolViolation:
        return False


class StrategyDesk:
    """Answers payloads; safe from several threads."""

    def __init__(self, engine: Engine, live: LiveReader, gate: Gate, keyring: Keyring, *, stops: Engine) -> None:
        """Take what answers need; `stops` is for the kill switch alone: its waiting is bounded more tightly."""
        self._engine, self._live, self._gate, self._keyring, self._stops = engine, live, gate, keyring, stops
        self._queries: Mapping[str, Callable[[Connection, ApiKey, Query], Any]] = {
            "status": self._status,
            "account": self._account,
            "positions": self._positions,
            "orders": self._orders,
            "price": self._price,
            "ticks": self._ticks,
            "signal": self._signal,
        }

    def answer(self, payload: bytes) -> bytes:
        """Decide about one request."""
        try:
            return encode(self._decide(payload))
        except Refusal as refusal:
            return encode(refusal.reply)
        except ProtocolViolation as violation:
            return encode(ErrorReply.of(violation, session=0, now_ms=_now_ms()))
        except (SQLAlchemyError, LiveError) as error:
            log.warning("strategy request not answered: %s", str(error).splitlines()[0])
            return encode(Refusal(ErrorCode.UNAVAILABLE, "the books are not open now; ask again").reply)
        except Exception:  # a bug here must cost one request, not a worker
            log.exception("strategy request failed")
            return encode(Refusal(ErrorCode.UNAVAILABLE, "the bridge failed on this request").reply)

    def _decide(self, payload: bytes) -> StrategyReply:
        request = decode_strategy_request(payload)
        key = self._keyring.verify(request.api_key, datetime.now(UTC))
        if isinstance(key, KeyRefused):
            raise Refusal(ErrorCode.UNAUTHENTICATED, key.message, field="api_key", found=key.code)
        if isinstance(request, Submit):
            _check_scope(key, (Scope.SIGNAL,))
            return self._submit(key, request)
        if isinstance(request, Kill):
            _check_scope(key, (Scope.TRADE,))
            return self._kill(key, request)
        _check_scope(key, NEEDED[request.what])
        return self._query(key, request)

    def _submit(self, key: ApiKey, request: Submit) -> StrategyReply:
        try:
            signal = parse_signal(request.signal)
        except InvalidSignal as invalid:
            first = invalid.problems[0]
            raise Refusal(ErrorCode.INVALID_FIELD, str(invalid), field=f"signal.{first.field}".rstrip(".")) from None
        return _say(self._gate.admit(signal, Source.of_key(key)))

    def _kill(self, key: ApiKey, request: Kill) -> StrategyReply:
        if not request.reason.strip():
            raise Refusal(ErrorCode.INVALID_FIELD, "reason", field="reason", expected="a reason", found="nothing")
        if request.close_positions and key.symbols is not None:
            raise Refusal(ErrorCode.FORBIDDEN, "the API key is not for all symbols", field="close_positions")
        with self._engine.connect() as connection:
            account = _account_of(connection, key, request.login)
        (done,) = kill(
            self._stops, account.id, close_positions=request.close_positions, reason=request.reason,
            actor=Source.of_key(key).actor, now=datetime.now(UTC),
        )  # fmt: skip
        return Killed(
            login=account.login, new=done.new, waiting=done.waiting, command_ids=done.sent, stopped=done.stopped,
            recalled=done.recalled, now_ms=_now_ms(),
        )  # fmt: skip

    def _query(self, key: ApiKey, query: Query) -> StrategyReply:
        with self._engine.connect() as connection:
            data = self._queries[query.what](connection, key, query)
        try:
            answer = Answer(what=query.what, data=plain(data), now_ms=_now_ms())
            encode(answer)
        except ProtocolMisuse as misuse:
            raise Refusal(ErrorCode.TOO_LARGE, f"the answer does not fit: {misuse}") from None
        return answer

    def _status(self, connection: Connection, key: ApiKey, query: Query) -> Any:
        accounts = [each for each in list_accounts(connection) if key.accounts is None or each.login in key.accounts]
        return {"accounts": [self._standing(account) for account in accounts]}

    def _standing(self, account: Account) -> dict[str, Any]:
        life = self._live.terminal(account.login)
        return {
            "login": account.login,
            "server": account.server,
            "trading_state": account.trading_state,
            "trading_state_reason": account.trading_state_reason,
            "terminal": "disconnected" if life is None else "connected",
            "roles": {} if life is None else {name: role.last_seen_ms for name, role in life.roles.items()},
        }

    def _account(self, connection: Connection, key: ApiKey, query: Query) -> Any:
        account = _account_of(connection, key, query.login)
        snapshot = latest_snapshot(connection, account.id)
        if snapshot is None:
            raise Refusal(ErrorCode.NOT_FOUND, "no snapshot yet", field="login", found=str(account.login))
        described = {
            "login": account.login, "server": account.server, "currency": account.currency,
            "leverage": account.leverage, "margin_mode": account.margin_mode, "trading_state": account.trading_state,
            "trading_state_reason": account.trading_state_reason,
        }  # fmt: skip
        return {**described, **snapshot}

    def _positions(self, connection: Connection, key: ApiKey, query: Query) -> Any:
        account = _account_of(connection, key, query.login)
        return list_positions(connection, account_ids=[account.id], symbol=query.symbol or None)

    def _orders(self, connection: Connection, key: ApiKey, query: Query) -> Any:
        account = _account_of(connection, key, query.login)
        return working_orders(connection, account.id, symbol=query.symbol or None)

    def _price(self, connection: Connection, key: ApiKey, query: Query) -> Any:
        account = _account_of(connection, key, query.login)
        quote = self._live.quote(account.login, _symbol(query))
        if quote is None:
            raise Refusal(ErrorCode.NOT_FOUND, "no price of this symbol", field="symbol", found=query.symbol)
        return {**asdict(quote), "age_ms": quote.age_ms(_now_ms())}

    def _ticks(self, connection: Connection, key: ApiKey, query: Query) -> Any:
        account = _account_of(connection, key, query.login)
        count = query.count or TICKS_DEFAULT
        if count > TICKS_MAX:
            raise Refusal(
                ErrorCode.INVALID_FIELD, "count", field="count", expected=f"at most {TICKS_MAX}", found=str(count)
            )
        symbol = _symbol(query)
        if query.from_msc or query.to_msc:
            to_msc = query.to_msc or 2**62
            rows = tick_store.history(connection, account.id, symbol, query.from_msc, to_msc, count)
        else:
            rows = tick_store.last_ticks(connection, account.id, symbol, count)
        return [list(row.tick) for row in rows]

    def _signal(self, connection: Connection, key: ApiKey, query: Query) -> Any:
        found = get_signal(connection, query.signal_id)
        visible = found is not None and (key.accounts is None or found["account"] in key.accounts)
        if not visible:
            raise Refusal(ErrorCode.NOT_FOUND, "no such signal", field="signal_id", found=query.signal_id)
        return found


def plain(value: Any) -> Any:
    """Turn rows into what the wire carries: numbers with a fraction and times become text, ticks stay numbers."""
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if value is None or type(value) in (bool, int, float, str):
        return value
    return dump_json(value).strip('"')


def _say(answer: answers.Answer) -> StrategyReply:
    match answer:
        case answers.Accepted():
            return Accepted(
                signal_id=answer.signal_id or "", command_id=answer.command_id, decision_id=answer.decision_id,
                duplicate=answer.duplicate, now_ms=_now_ms(),
            )  # fmt: skip
        case answers.Denied():
            return Denied(
                code=str(answer.code), context=plain(answer.context), decision_id=answer.decision_id or "",
                signal_id=answer.signal_id or "", duplicate=answer.duplicate, now_ms=_now_ms(),
            )  # fmt: skip
        case answers.Unavailable():
            message = f"{answer.code.value}: {answer.code.explanation}"
            raise Refusal(ErrorCode.UNAVAILABLE, message, found=answer.signal_id or "")


def _check_scope(key: ApiKey, scopes: tuple[Scope, ...]) -> None:
    if not any(key.allows(scope) for scope in scopes):
        raise Refusal(
            ErrorCode.FORBIDDEN, "the API key may not do this", field="api_key",
            expected="a key with scope " + " or ".join(scopes), found=", ".join(sorted(key.scopes)),
        )  # fmt: skip


def _account_of(connection: Connection, key: ApiKey, login: int) -> Account:
    found = find_account(connection, Source.of_key(key), login or None, None)
    if isinstance(found, Plan):
        code = ACCOUNT_CODES.get(found.code, ErrorCode.NOT_FOUND)
        raise Refusal(
            code, found.code, field="login", expected="an account that the key may use", found=str(login)
        )
    return found


def _symbol(query: Query) -> str:
    if not query.symbol:
        raise Refusal(ErrorCode.INVALID_FIELD, "symbol", field="symbol", expected="a symbol", found="nothing")
    return query.symbol


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
