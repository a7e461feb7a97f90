"""Every table, as SQLAlchemy Core, in one MetaData. A test compares them with what the migrations made."""

from zmq_bridge.storage.tables.access import account_credentials, account_symbols, sessions
from zmq_bridge.storage.tables.accounts import accounts, symbols, terminals
from zmq_bridge.storage.tables.ledger import (
    ledger_accounts,
    ledger_breaks,
    ledger_entries,
    ledger_heads,
    ledger_lot_changes,
    ledger_lots,
    ledger_price_heads,
    ledger_prices,
    ledger_reconciliations,
    ledger_suspense,
    ledger_terms,
    ledger_transactions,
)
from zmq_bridge.storage.tables.market import candles, tick_cursors, tick_gaps, ticks
from zmq_bridge.storage.tables.metadata import metadata
from zmq_bridge.storage.tables.notifications import (
    notification_deliveries,
    notification_destinations,
    notification_rules,
    notifications,
)
from zmq_bridge.storage.tables.risk import (
    adoptions,
    correlations,
    holds,
    risk_limits,
    risk_state,
    stops_outstanding,
    strategy_latches,
)
from zmq_bridge.storage.tables.signals import commands, reservations, risk_decisions, signals
from zmq_bridge.storage.tables.system import api_keys, audit_log
from zmq_bridge.storage.tables.trading import account_snapshots, deals, orders, positions, terminal_events
from zmq_bridge.storage.tables.users import redemptions, subscriptions, users

__all__ = [
    "account_credentials",
    "account_snapshots",
    "account_symbols",
    "accounts",
    "adoptions",
    "api_keys",
    "audit_log",
    "candles",
    "commands",
    "correlations",
    "deals",
    "holds",
    "ledger_accounts",
    "ledger_breaks",
    "ledger_entries",
    "ledger_heads",
    "ledger_lot_changes",
    "ledger_lots",
    "ledger_price_heads",
    "ledger_prices",
    "ledger_reconciliations",
    "ledger_suspense",
    "ledger_terms",
    "ledger_transactions",
    "metadata",
    "notification_deliveries",
    "notification_destinations",
    "notification_rules",
    "notifications",
    "orders",
    "positions",
    "redemptions",
    "reservations",
    "risk_decisions",
    "risk_limits",
    "risk_state",
    "sessions",
    "signals",
    "stops_outstanding",
    "strategy_latches",
    "subscriptions",
    "symbols",
    "terminal_events",
    "terminals",
    "tick_cursors",
    "tick_gaps",
    "ticks",
    "users",
]
