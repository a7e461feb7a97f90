"""What a client says, parsed: JSON text in, a frozen request or a reason why not out. No I/O.

A field that is unknown is refused: a typing mistake that silently subscribes to everything would be worse.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from web.stream.words import (
    ACTIONS,
    AUTHENTICATE,
    REQUEST_ID_CHARS_MAX,
    RESUME,
    SIGNALS_LISTED,
    SIGNALS_LISTED_MAX,
    SYMBOL_CHARS_MAX,
    SYMBOLS_PER_REQUEST_MAX,
    WITHOUT_SYMBOLS,
    Code,
    Topic,
    Verb,
)

LOGIN_MAX = 2**63 - 1
KEY_CHARS_MAX = 200
SESSION_CHARS_MAX = 64
FOUND_CHARS_MAX = 60  # of what was found, repeated in an error
FIELDS = {
    AUTHENTICATE: {"api_key"},
    RESUME: {"session", "seq"},
    Verb.SUBSCRIBE: {"symbols", "account"},
    Verb.UNSUBSCRIBE: {"symbols", "account"},
    Verb.REQUEST: {"symbols", "account", "count"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticate:
    """The first message of a client that can't set headers."""

    api_key: str
    request_id: str | None

    def __repr__(self) -> str:
        """Leave the key out of logs."""
        return "Authenticate(...)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Go on with an earlier session after its message `seq`."""

    session: str
    seq: int
    request_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Subscribe to a topic, leave it, or hear how it stands now."""

    verb: Verb
    topic: Topic
    symbols: frozenset[str] | None  # exact spelling; None: all that the client may see
    account: int | None  # login; None: all that the client may see
    count: int  # REQUEST_SIGNALS: how many
    request_id: str | None  # comes back with the answer


Request = Authenticate | Resume | Ask


class BadRequest(Exception):
    """A message that can't be acted on; says what was expected and what was found."""

    def __init__(self, code: Code, message: str, *, field: str | None = None, request_id: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.field, self.request_id = code, message, field, request_id


def parse_request(text: str) -> Request:
    """Read one message of a client.

    Raises:
        BadRequest: it is not JSON, names no known action, or has a field that does not fit.
    """
    fields = _object(text)
    request_id = _request_id(fields)
    try:
        return _request(fields, request_id)
    except BadRequest as error:
        error.request_id = request_id
        raise


def _request(fields: dict[str, Any], request_id: str | None) -> Request:
    action = fields.get("action")
    if not isinstance(action, str) or action not in ACTIONS:
        raise BadRequest(Code.ACTION_UNKNOWN, f"Expected one of {', '.join(ACTIONS)}; found {shown(action)}.",
                         field="action")  # fmt: skip
    verb, _, topic = action.partition("_")
    known = FIELDS[action] if action in FIELDS else FIELDS[Verb(verb)]
    _refuse_unknown(fields, known - {"symbols"} if topic in WITHOUT_SYMBOLS else known)
    if action == AUTHENTICATE:
        return Authenticate(api_key=_text(fields, "api_key", KEY_CHARS_MAX), request_id=request_id)
    if action == RESUME:
        session = _text(fields, "session", SESSION_CHARS_MAX)
        return Resume(session=session, seq=_number(fields, "seq", 0, LOGIN_MAX), request_id=request_id)
    return Ask(
        verb=Verb(verb),
        topic=Topic(topic),
        symbols=_symbols(fields, required=(verb, topic) == (Verb.SUBSCRIBE, Topic.PRICES)),
        account=None if fields.get("account") is None else _number(fields, "account", 1, LOGIN_MAX),
        count=_number(fields, "count", 1, SIGNALS_LISTED_MAX) if "count" in fields else SIGNALS_LISTED,
        request_id=request_id,
    )


def shown(value: object) -> str:
    """What was found, short enough to be repeated."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= FOUND_CHARS_MAX else text[: FOUND_CHARS_MAX - 3] + "..."


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadRequest(Code.MALFORMED, f"Expected a JSON object; found {shown(text)}: {error}.") from None
    if not isinstance(found, dict):
        raise BadRequest(Code.MALFORMED, f"Expected a JSON object; found {shown(found)}.")
    return found


def _request_id(fields: dict[str, Any]) -> str | None:
    found = fields.get("request_id")
    if found is None or (isinstance(found, str) and len(found) <= REQUEST_ID_CHARS_MAX):
        return found
    raise BadRequest(
        Code.INVALID_FIELD, f"Expected a text of at most {REQUEST_ID_CHARS_MAX} characters; found {shown(found)}.",
        field="request_id",
    )  # fmt: skip


def _refuse_unknown(fields: dict[str, Any], known: set[str]) -> None:
    unknown = sorted(set(fields) - known - {"action", "request_id"})
    if unknown:
        raise BadRequest(
            Code.INVALID_FIELD,
            f"Expected only {', '.join(sorted(known))} and request_id beside action; found {shown(unknown[0])}.",
            field=unknown[0][:FOUND_CHARS_MAX],
        )


def _text(fields: dict[str, Any], name: str, chars_max: int) -> str:
    found = fields.get(name)
    if isinstance(found, str) and 0 < len(found) <= chars_max:
        return found
    what = f"{len(found)} characters" if isinstance(found, str) else type(found).__name__  # never a key's text
    raise BadRequest(Code.INVALID_FIELD, f"Expected a text of 1 to {chars_max} characters; found {what}.", field=name)


def _number(fields: dict[str, Any], name: str, lowest: int, highest: int) -> int:
    found = fields.get(name)
    if isinstance(found, int) and not isinstance(found, bool) and lowest <= found <= highest:
        return found
    raise BadRequest(
        Code.INVALID_FIELD, f"Expected a whole number from {lowest} to {highest}; found {shown(found)}.", field=name
    )


def _symbols(fields: dict[str, Any], *, required: bool) -> frozenset[str] | None:
    found = fields.get("symbols")
    if found is None and not required:
        return None
    fits = isinstance(found, list) and 0 < len(found) <= SYMBOLS_PER_REQUEST_MAX
    if fits and all(isinstance(name, str) and 0 < len(name) <= SYMBOL_CHARS_MAX for name in found or ()):
        return frozenset(found or ())
    raise BadRequest(
        Code.INVALID_FIELD,
        f"Expected a list of 1 to {SYMBOLS_PER_REQUEST_MAX} symbols, each of 1 to {SYMBOL_CHARS_MAX} characters; "
        f"found {shown(found)}.",
        field="symbols",
    )
