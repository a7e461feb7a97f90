"""What the risk gate reads: one query, so that an account's lock is held for a moment only.

`read` begins the transaction, takes the account's lock, then reads everything a decision may need, in one round trip.
The statements travel together but each sees its own snapshot (READ COMMITTED): what is read is what was true after the
lock was ours. It runs on a line of the gate (`lines`). What the decision comes to is stored by `outcome`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from zmq_bridge.storage.commands.by_hand import ORDER_BY_HAND, POSITION_BY_HAND
from zmq_bridge.storage.commands.lines import Line
from zmq_bridge.storage.commands.prepared import Prepared
from zmq_bridge.storage.commands.recent import RECENT, RECENT_LIKE, Alike
from zmq_bridge.storage.locks import Lock

Stored = Any  # a row with an attribute for each column of READ, and for what is appended to it

CHANGES_MAX = 200  # of prices, on their way at once: with more, the next one is denied
DONE_LOOKED_AT = 200  # newest commands among which a result that no snapshot shows yet is looked for

FIRST_ANSWER = """
SELECT row_to_json(x) FROM (
    SELECT s.id AS signal_id, s.request, d.id AS decision_id, d.verdict, d.code, d.context,
           (SELECT json_agg(c.id ORDER BY c.id) FROM commands c WHERE c.signal_id = s.id) AS command_ids
    FROM signals s JOIN risk_decisions d ON d.signal_id = s.id
    WHERE s.source = %(source)s AND s.idempotency_key = %(key)s
) x
"""
"""What was answered to the first signal with this key."""

FIRST_DIRECT_ANSWER = """
SELECT row_to_json(x) FROM (
    SELECT NULL AS signal_id, d.request, d.id AS decision_id, d.verdict, d.code, d.context,
           (SELECT json_agg(c.id ORDER BY c.id) FROM commands c
            WHERE c.decision_id = d.id AND c.signal_id IS NULL) AS command_ids
    FROM risk_decisions d
    WHERE d.source = %(source)s AND d.idempotency_key = %(key)s
) x
"""
"""The same for a direct request."""

LOCK = f"BEGIN; SELECT pg_advisory_xact_lock({int(Lock.ADMISSION)}, %(account)s);"

READ = """
SELECT
({first}) AS first,
(SELECT row_to_json(x) FROM (
    SELECT login, server, currency, currency_digits, margin_mode, leverage
    FROM accounts WHERE id = %(account)s) x) AS account,
(SELECT row_to_json(x) FROM (
    SELECT received_at, balance, equity, credit, margin, margin_free, trade_allowed, trade_expert
    FROM account_snapshots WHERE account_id = %(account)s ORDER BY id DESC LIMIT 1) x) AS money,
(SELECT json_agg(x) FROM (
    SELECT ticket, symbol, side, volume, price_open, sl, tp, magic, time_msc,
           {position_by_hand} AS by_hand
    FROM positions p WHERE account_id = %(account)s ORDER BY time_msc, ticket) x) AS positions,
(SELECT json_agg(x) FROM (
    SELECT ticket, symbol, order_type, volume_current, price_open, price_stoplimit, sl, tp, magic, expiration_msc,
           {order_by_hand} AS by_hand
    FROM orders o WHERE account_id = %(account)s AND working ORDER BY ticket) x) AS orders,
(SELECT json_agg(x) FROM (
    SELECT command_id, symbol, side, volume, risk, margin, notional, slots
    FROM reservations WHERE account_id = %(account)s AND ended_at IS NULL ORDER BY command_id) x) AS reservations,
(SELECT row_to_json(x) FROM (
    SELECT server_day, daily_reference, net_flows_today, nav_index, nav_index_peak, nav_units
    FROM risk_state WHERE account_id = %(account)s) x) AS risk_state,
(SELECT json_agg(x) FROM (
    SELECT cause, reason, actor, began_at, until, closes, account_id IS NULL AS everywhere FROM holds
    WHERE ended_at IS NULL AND (account_id = %(account)s OR account_id IS NULL) ORDER BY id) x) AS holds,
(SELECT row_to_json(x) FROM (
    SELECT server_offset_s, clock_skew_ms FROM terminals
    WHERE account_id = %(account)s AND role IN ('both', 'desk') ORDER BY session DESC LIMIT 1) x) AS terminal,
({recent}) AS recent,
(SELECT json_agg(strategy) FROM strategy_latches WHERE account_id = %(account)s) AS latched,
(SELECT row_to_json(x) FROM (
    SELECT as_of, symbols, links FROM correlations WHERE account_id = %(account)s) x) AS correlations,
(SELECT json_agg(x) FROM (
    SELECT id, account_id, source, symbol, magic, limits FROM risk_limits
    WHERE ended_at IS NULL AND (account_id IS NULL OR account_id = %(account)s) ORDER BY id) x) AS limits,
(SELECT count(*) || ':' || COALESCE(sum(extract(epoch FROM updated_at)), 0) || ':' || COALESCE(sum(commission), 0)
        || ':' || COALESCE(sum(hashtext(symbol)) FILTER (WHERE NOT tradable), 0)
        || '|' || COALESCE(sum(extract(epoch FROM seen_at)), 0)
 FROM symbols WHERE account_id = %(account)s) AS specs_version{changes}
"""

CHANGES = f""",
(SELECT json_agg(x) FROM (
    SELECT payload FROM commands
    WHERE account_id = %(account)s AND finished_at IS NULL AND kind IN ('modify_position', 'modify_order')
    UNION ALL
    SELECT payload FROM (
        SELECT kind, payload, status, result_session, result_seq FROM commands
        WHERE account_id = %(account)s ORDER BY id DESC LIMIT {DONE_LOOKED_AT}
    ) AS newest
    WHERE kind IN ('modify_position', 'modify_order') AND status = 'done' AND (result_session, result_seq) > (
        SELECT session, event_seq FROM account_snapshots WHERE account_id = %(account)s ORDER BY id DESC LIMIT 1)
    LIMIT {CHANGES_MAX} + 1) x) AS changes
"""
"""Changes of prices that the account's snapshot does not show yet."""

REJECTED = """,
(SELECT json_agg(finished_at) FROM commands
 WHERE account_id = %(account)s AND kind = 'place_order' AND created_at > %(now)s - interval '1 day'
     AND status = 'rejected' AND finished_at > COALESCE((
         SELECT max(ended_at) FROM holds WHERE account_id = %(account)s AND cause = 'reject_storm'), '-infinity')
) AS rejected
"""
"""When openings were rejected since a person last looked into it."""

READ_TYPES = {"account": "bigint", "source": "text", "key": "text", "now": "timestamptz"}
SIGNAL_TYPES = READ_TYPES | {"symbol": "text", "side": "text", "strategy": "text"}


def _reader(
    name: str, first: str, changes: str = "", *, lock: str = LOCK, position: str = "false", order: str = "false",
    types: Mapping[str, str] = READ_TYPES, recent: str = RECENT,
) -> Prepared:  # fmt: skip
    query = READ.format(first=first, recent=recent, changes=changes, position_by_hand=position, order_by_hand=order)
    return Prepared(name, types, query, first=lock)


READ_SIGNAL = _reader("gate_read_signal", FIRST_ANSWER, types=SIGNAL_TYPES, recent=RECENT_LIKE)
READ_DIRECT = _reader("gate_read_direct", FIRST_DIRECT_ANSWER, CHANGES)

READ_WATCH = _reader(
    "gate_read_watch", "SELECT NULL::json", REJECTED, lock="", position=POSITION_BY_HAND, order=ORDER_BY_HAND
)

SPECS = "SELECT symbol, spec, commission, tradable, figures, seen_at FROM symbols WHERE account_id = %(account)s"
SPECS_SEEN = "SELECT symbol, seen_at FROM symbols WHERE account_id = %(account)s"

def read_for_signal(line: Line, account_id: int, alike: Alike, *, source: str, key: str, now: datetime) -> Stored:
    """Lock the account until the transaction ends; return all that a decision on a signal may need.

    Args:
        alike: whose repetition counts.
        source: who sent it; with `key` it finds the first answer.
        now: to find the orders that count for rates.
    """
    wanted = {"symbol": alike.symbol, "side": alike.side, "strategy": alike.strategy}
    return line.run(READ_SIGNAL, _of(account_id, source, key, now) | wanted)[0]


def read_for_request(line: Line, account_id: int, *, source: str, key: str, now: datetime) -> Stored:
    """Do the same for a direct request, with the changes of prices that are on their way."""
    return line.run(READ_DIRECT, _of(account_id, source, key, now))[0]


def read_for_watch(connection: Connection, account_id: int, *, now: datetime) -> Stored:
    """Return the same without a lock, with what only a look between signals asks: by hand or not, and rejects."""
    return READ_WATCH.run(connection, _of(account_id, "", "", now)).one()


def read_specs(connection: Connection, account_id: int) -> list[Row[Any]]:
    """Every symbol specification of an account."""
    return list(connection.exec_driver_sql(SPECS, {"account": account_id}))


def read_specs_seen(connection: Connection, account_id: int) -> dict[str, datetime]:
    """When the terminal last told each of them."""
    return {row.symbol: row.seen_at for row in connection.exec_driver_sql(SPECS_SEEN, {"account": account_id})}


def first_answer(connection: Connection, *, source: str, key: str, direct: bool) -> dict[str, Any] | None:
    """What was answered to the first signal (or direct request) with a key."""
    query = FIRST_DIRECT_ANSWER if direct else FIRST_ANSWER
    found: dict[str, Any] | None = connection.exec_driver_sql(query, {"source": source, "key": key}).scalar()
    return found


def _of(account_id: int, source: str, key: str, now: datetime) -> dict[str, Any]:
    return {"account": account_id, "source": source, "key": key, "now": now}
