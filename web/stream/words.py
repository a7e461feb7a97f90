"""The words and the bounds of the stream's protocol, each in one place; docs/stream.md explains them."""

from __future__ import annotations

from enum import IntEnum, StrEnum

from zmq_bridge.storage.keys import Scope


class Topic(StrEnum):
    """What can be subscribed to."""

    PRICES = "PRICES"
    MARKET_DATA = "MARKET_DATA"
    POSITIONS = "POSITIONS"
    SIGNALS = "SIGNALS"
    SHARE = "SHARE"


class Verb(StrEnum):
    """What a client may ask for with a topic: `SUBSCRIBE_PRICES`."""

    SUBSCRIBE = "SUBSCRIBE"
    UNSUBSCRIBE = "UNSUBSCRIBE"
    REQUEST = "REQUEST"


AUTHENTICATE = "AUTHENTICATE"
RESUME = "RESUME"
ACTIONS = (AUTHENTICATE, RESUME, *(f"{verb}_{topic}" for topic in Topic for verb in Verb))

SCOPES = {
    Topic.PRICES: (Scope.READ, Scope.SIGNAL, Scope.TRADE),
    Topic.MARKET_DATA: (Scope.READ, Scope.SIGNAL, Scope.TRADE),
    Topic.POSITIONS: (Scope.READ, Scope.TRADE),
    Topic.SIGNALS: (Scope.READ, Scope.SIGNAL, Scope.TRADE),
    Topic.SHARE: (Scope.MEMBER,),
}
"""Any of these, as on the REST side; `admin` includes all, but a share is told to nobody but the member whose it is."""

WITHOUT_SYMBOLS = (Topic.POSITIONS, Topic.SHARE)
"""They are of an account; no symbols can be named."""


class Type(StrEnum):
    """What the server sends."""

    CONNECTED = "CONNECTED"
    RESYNC = "RESYNC"
    PRICE_UPDATE = "PRICE_UPDATE"
    POSITION_UPDATE = "POSITION_UPDATE"
    SIGNAL_UPDATE = "SIGNAL_UPDATE"
    ACCOUNT_UPDATE = "ACCOUNT_UPDATE"
    RISK_UPDATE = "RISK_UPDATE"
    SHARE_UPDATE = "SHARE_UPDATE"
    GAP = "GAP"
    ERROR = "ERROR"


class Code(StrEnum):
    """Why an ERROR was sent, or a connection ended."""

    MALFORMED = "MALFORMED"
    ACTION_UNKNOWN = "ACTION_UNKNOWN"
    INVALID_FIELD = "INVALID_FIELD"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    SCOPE_MISSING = "SCOPE_MISSING"
    ACCOUNT_UNKNOWN = "ACCOUNT_UNKNOWN"
    SYMBOL_NOT_ALLOWED = "SYMBOL_NOT_ALLOWED"
    TOO_MANY_SUBSCRIPTIONS = "TOO_MANY_SUBSCRIPTIONS"
    FLOOD = "FLOOD"
    ORIGIN_REFUSED = "ORIGIN_REFUSED"
    KEY_ENDED = "KEY_ENDED"
    TOO_SLOW = "TOO_SLOW"
    SESSION_TAKEN = "SESSION_TAKEN"
    FULL = "FULL"
    GOING_AWAY = "GOING_AWAY"
    LIVE_STATE_UNAVAILABLE = "LIVE_STATE_UNAVAILABLE"
    DATABASE_UNAVAILABLE = "DATABASE_UNAVAILABLE"


class Close(IntEnum):
    """WebSocket close codes; the reason text is the Code."""

    GOING_AWAY = 1001
    FULL = 1013
    UNAUTHENTICATED = 4401
    ORIGIN_REFUSED = 4403
    TOO_SLOW = 4408
    SESSION_TAKEN = 4409
    FLOOD = 4429


CLOSE_OF = {
    Code.GOING_AWAY: Close.GOING_AWAY,
    Code.FULL: Close.FULL,
    Code.UNAUTHENTICATED: Close.UNAUTHENTICATED,
    Code.KEY_ENDED: Close.UNAUTHENTICATED,
    Code.ORIGIN_REFUSED: Close.ORIGIN_REFUSED,
    Code.TOO_SLOW: Close.TOO_SLOW,
    Code.SESSION_TAKEN: Close.SESSION_TAKEN,
    Code.FLOOD: Close.FLOOD,
}

SCHEMA_VERSION = 1
REQUEST_BYTES_MAX = 16 * 1024
REQUESTS_PER_S = 20.0  # refilled so fast
REQUESTS_BURST = 60.0  # and so many at once; more is a flood, and ends the connection
SYMBOL_CHARS_MAX = 64
SYMBOLS_PER_REQUEST_MAX = 200
SUBSCRIPTIONS_MAX = 500  # of one client, a symbol each
REQUEST_ID_CHARS_MAX = 64
SIGNALS_LISTED_MAX = 100  # in the answer to REQUEST_SIGNALS
SIGNALS_LISTED = 20
CLIENTS_MAX = 1_000  # connected at once
UNKNOWN_CLIENTS_MAX = 100  # of them not yet authenticated
AUTHENTICATE_WITHIN_S = 10.0
PRICES_EVERY_S = 0.1  # the latest price of a symbol at most so often; ZeroMQ has every tick
PENDING_MAX = 1_000  # news waiting for one client, a key each; what is older is dropped and a GAP says so
SENT_MAX = 512  # messages kept for a resume
RESUME_WITHIN_S = 60.0  # so long a session outlives its connection
SEND_WITHIN_S = 10.0  # a client that takes none for so long is dropped
SIGN_OF_LIFE_S = 15.0  # WebSocket pings, comments in an event stream
