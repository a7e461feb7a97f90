"""Who may do what: every address of the application, with the scopes of which a key needs one (`admin` has all).

Written by hand, apart from the code that it is compared with: an address that is new, gone, or open to other scopes
than before fails `test_permissions` until somebody has said here that it is meant.
"""

from __future__ import annotations

MATRIX = {
    "read trade": """
        GET /
        GET /api/account
        GET /api/account/history
        GET /api/account/stats
        GET /api/accounts
        GET /api/accounts/<int:login>
        GET /api/deals
        GET /api/market/account
        GET /api/notifications
        GET /api/notifications/events
        GET /api/orders
        GET /api/pool/breaks
        GET /api/pool/reconciliation
        GET /api/positions
        GET /api/positions/<int:ticket>
        GET /api/risk/decisions
        GET /api/risk/decisions/<decision_id>
        GET /api/risk/limits
        GET /api/risk/limits/history
        GET /api/risk/report
        GET /api/risk/state
        GET /api/trades
        GET /risk
        GET /signals
        GET /system
        GET /trading
    """,
    "terminal": """
        POST /api/account/update
        GET /api/signals/pending
        POST /api/trades/confirm
    """,
    "admin": """
        POST /api/accounts
        DELETE /api/accounts/<int:login>/credentials
        PUT /api/accounts/<int:login>/credentials
        PUT /api/accounts/<int:login>/symbols
        POST /api/accounts/credentials/reseal
        GET /api/audit
        GET /api/keys
        POST /api/keys
        POST /api/keys/<string:key_id>/revoke
        GET /api/notifications/<int:notification_id>/deliveries
        GET /api/notifications/destinations
        POST /api/notifications/destinations
        DELETE /api/notifications/destinations/<string:name>
        PATCH /api/notifications/destinations/<string:name>
        POST /api/notifications/destinations/<string:name>/test
        GET /api/notifications/rules
        POST /api/notifications/rules
        DELETE /api/notifications/rules/<int:rule_id>
        POST /api/pool/adopt
        POST /api/pool/breaks/<reason>/accept
        POST /api/pool/deals/<int:ticket>/correct
        POST /api/pool/fees/crystallise
        GET /api/pool/shares
        GET /api/pool/suspense
        POST /api/pool/suspense/<int:ticket>/release
        POST /api/pool/suspense/<int:ticket>/unmatch
        POST /api/pool/terms
        GET /api/pool/trace/<figure>
        GET /api/pool/transactions/<int:transaction_id>
        POST /api/pool/transactions/<int:transaction_id>/reverse
        POST /api/requests/<kind>/<request_id>/match
        POST /api/requests/withdraw/<request_id>/price
        POST /api/risk/adopt
        POST /api/risk/drawdown/reset
        DELETE /api/risk/limits
        PUT /api/risk/limits
        POST /api/risk/strategies/release
        GET /api/users
        POST /api/users
        POST /api/users/<int:user_id>/activate
        POST /api/users/<int:user_id>/deactivate
        GET /community
    """,
    "open": """
        GET /api/docs
        GET /api/risk/codes
        POST /api/session
        GET /health
        GET /health/live
        GET /health/ready
        GET /sign-in
    """,
    "any": """
        POST /api/keys/<string:key_id>/rotate
        DELETE /api/session
        GET /api/session
        GET /cards/<name>
    """,
    "read signal trade": """
        GET /api/market/candles
        GET /api/market/prices
        GET /api/market/symbols
        GET /api/market/ticks
        GET /api/signals
        GET /api/signals/<string:signal_id>
        GET /api/signals/by-symbol/<path:symbol>
        GET /api/signals/latest
        POST /api/risk/assess
    """,
    "trade": """
        POST /api/orders
        POST /api/orders/cancel
        POST /api/orders/modify
        POST /api/positions/close
        POST /api/positions/close-all
        POST /api/positions/modify
        POST /api/risk/kill
        POST /api/risk/state
    """,
    "read trade member": """
        GET /api/pool/history
        GET /api/pool/terms
    """,
    "admin member": """
        GET /api/requests
        GET /api/requests/<kind>/<request_id>
        POST /api/requests/<kind>/<request_id>/cancel
        GET /api/users/<int:user_id>
        POST /api/users/<int:user_id>/invest
        GET /api/users/<int:user_id>/statement
        GET /api/users/<int:user_id>/stats
        GET /api/users/<int:user_id>/trace/<figure>
        POST /api/users/<int:user_id>/withdraw
    """,
    "signal": """
        POST /api/signal
        POST /api/signals
        POST /api/signals/execute
    """,
    "signal trade": """
        POST /api/signals/<string:signal_id>/cancel
    """,
    "member": """
        GET /me
    """,
    "read": """
        GET /metrics
    """,
}
"""Scopes to addresses; `open`: without a key; `any`: a key of whatever scope."""


def expected() -> dict[str, frozenset[str]]:
    """Each method and address with the scopes that it is for; empty: open to all."""
    every = frozenset({"signal", "read", "trade", "admin", "terminal", "member"})
    words = {"open": frozenset[str](), "any": every}
    return {
        line.strip(): words.get(scopes, frozenset(scopes.split()))
        for scopes, lines in MATRIX.items()
        for line in lines.strip().splitlines()
    }
