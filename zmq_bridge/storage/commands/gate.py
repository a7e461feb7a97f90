"""What the risk gate reads and writes: one query each, so that an account's lock is held for a moment only.

`read` begins the transaction, takes the account's lock, then reads everything a decision may need, in one round trip.
The statements travel together but each sees its own snapshot (READ COMMITTED): what is read is what was true after the
lock was ours. `write` stores the outcome, all of it, with NOTIFY `commands` and `signals` (signal id), and commits, in
one more. Both run on a line of the gate (`lines`).

A command is born `sent` where a desk stands ready for its account (it holds `Lock.READY`): the notice carries the
command, and the desk hands it out without another transaction. Else it is born `queued`, and the notice is the account
id. The gate's shared try of that lock and the desk's own exclude each other, so there is no moment between the two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row
from sqlalchemy.exc import IntegrityError

from zmq_bridge.storage.commands.lines import Line
from zmq_bridge.storage.commands.notice import COMMANDS_CHANNEL, NOTICE, NOTICE_PAYLOAD_BYTES_MAX
from zmq_bridge.storage.commands.prepared import Prepared
from zmq_bridge.storage.commands.signal_news import SIGNALS_CHANNEL
from zmq_bridge.storage.engine import dump_rows
from zmq_bridge.storage.locks import Lock
from zmq_bridge.storage.risk.limits import REPEAT_WINDOW_S_MAX

Stored = Any  # a row with an attribute for each column of READ, and for what is appended to it

RECENT_ORDERS_MAX = 5000  # more within the window: not known, so denied
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
           (SELECT json_agg(c.id ORDER BY c.id) FROM commands c WHERE c.decision_id = d.id) AS command_ids
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

WINDOW = f"""
SELECT LEAST({REPEAT_WINDOW_S_MAX}, GREATEST(60, max(CASE WHEN limits->>'repeat_window_s' ~ '^[0-9]{{1,9}}([.][0-9]+)?$'
                                     THEN (limits->>'repeat_window_s')::float8 END)))
FROM risk_limits WHERE ended_at IS NULL AND (account_id IS NULL OR account_id = %(account)s)
"""
"""How far back orders count, in seconds: a minute, or the longest window of a stored limit, at most a day."""

OPENED = f"""FROM commands WHERE account_id = %(account)s AND kind = 'place_order'
            AND created_at > %(now)s - make_interval(secs => ({WINDOW}))
        ORDER BY created_at DESC LIMIT {RECENT_ORDERS_MAX} + 1"""
STRATEGY = "COALESCE(NULLIF(payload->>'magic', '0'), source)"

RECENT = f"""
SELECT json_agg(x) FROM (
    SELECT max(created_at) AS created_at, count(*) AS orders, source, symbol, side, strategy
    FROM (
        SELECT created_at, source, payload->>'symbol' AS symbol, payload->>'side' AS side, {STRATEGY} AS strategy
        {OPENED}
    ) AS one
    GROUP BY source, symbol, side, strategy, date_trunc('second', created_at)
) x
"""
"""The openings approved of late. Those of one second that are alike are one row, as late as the last of them."""

RECENT_LIKE = f"""
SELECT json_agg(x) FROM (
    SELECT max(created_at) AS created_at, count(*) AS orders, source, CASE WHEN alike THEN %(symbol)s END AS symbol,
           CASE WHEN alike THEN %(side)s END AS side, CASE WHEN alike THEN %(strategy)s END AS strategy
    FROM (
        SELECT created_at, source, {STRATEGY} = %(strategy)s
               AND payload->>'symbol' = %(symbol)s AND payload->>'side' = %(side)s AS alike
        {OPENED}
    ) AS one
    WHERE alike OR created_at > %(now)s - interval '1 minute'
    GROUP BY source, alike, CASE WHEN alike THEN date_trunc('second', created_at) END
) x
"""
"""The same for a signal: what does not repeat it counts for the rates of its minute alone, so it is one row a source.

At 40 orders a second and account it spares Python 4 us for each order of the minute, at every signal."""

OPENING_UNDER_WAY = """
SELECT FROM commands c WHERE c.account_id = %(account)s AND c.finished_at IS NULL AND c.kind = 'place_order'
    AND c.payload->>'symbol' = {symbol}
"""
ADOPTED = "SELECT FROM adoptions a WHERE a.account_id = %(account)s AND a.ticket = {ticket}"

POSITION_BY_HAND = f"""
    NOT EXISTS (SELECT FROM commands c WHERE c.id = p.comment AND c.account_id = p.account_id)
    AND NOT EXISTS (SELECT FROM deals d WHERE d.account_id = p.account_id AND d.position_ticket = p.ticket
                    AND d.command_id IS NOT NULL)
    AND NOT EXISTS ({ADOPTED.format(ticket="p.ticket")})
    AND NOT EXISTS ({OPENING_UNDER_WAY.format(symbol="p.symbol")})
"""
"""No command of ours opened it, nobody answers for it, and none that may yet prove to have opened it is under way.

Asked by the watch, which holds the account for it. A decision reads the hold, and spares itself the question."""

ORDER_BY_HAND = f"""
    o.command_id IS NULL
    AND NOT EXISTS (SELECT FROM commands c WHERE c.account_id = %(account)s AND c.order_ticket = o.ticket)
    AND NOT EXISTS ({ADOPTED.format(ticket="o.ticket")})
    AND NOT EXISTS ({OPENING_UNDER_WAY.format(symbol="o.symbol")})
"""

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

HANDED_AT = f"""
SELECT moment FROM (SELECT clock_timestamp() AS moment OFFSET 0) AS asked
WHERE NOT pg_try_advisory_xact_lock_shared({int(Lock.READY)}, %(account)s)
"""
"""A moment at which a desk stood ready for the account; none: there was no such desk, and there will be none before the
commit.

Taken before the lock is tried, so a desk that owns the account since before then is the one that stood ready."""

WRITE = f"""
WITH signal AS (
    INSERT INTO signals SELECT * FROM jsonb_populate_recordset(NULL::signals, %(signals)s::jsonb) RETURNING id
), decision AS (
    INSERT INTO risk_decisions SELECT * FROM jsonb_populate_recordset(NULL::risk_decisions, %(decisions)s::jsonb)
), command AS (
    INSERT INTO commands
        (id, account_id, signal_id, decision_id, source, kind, payload, expires_at, created_at, status, sent_at)
    SELECT id, account_id, signal_id, decision_id, source, kind, payload, expires_at, created_at,
        CASE WHEN handed_at IS NULL THEN 'queued' ELSE 'sent' END, handed_at
    FROM (
        SELECT *,
            CASE WHEN octet_length(payload::text) <= {NOTICE_PAYLOAD_BYTES_MAX} THEN ({HANDED_AT}) END AS handed_at
        FROM jsonb_populate_recordset(NULL::commands, %(commands)s::jsonb)) AS new
    RETURNING id, account_id, kind, payload, expires_at, sent_at
), reservation AS (
    INSERT INTO reservations (command_id, account_id, symbol, side, volume, risk, margin, notional, slots, created_at)
    SELECT command_id, account_id, symbol, side, volume, risk, margin, notional, slots, created_at
    FROM jsonb_populate_recordset(NULL::reservations, %(reservations)s::jsonb)
), latch AS (
    INSERT INTO strategy_latches (account_id, strategy, reason, latched_at)
    SELECT account_id, strategy, reason, latched_at
    FROM jsonb_populate_recordset(NULL::strategy_latches, %(latches)s::jsonb)
    ON CONFLICT DO NOTHING
)
SELECT
    (SELECT count(pg_notify('{COMMANDS_CHANNEL}', notice)) FROM (
        SELECT CASE WHEN sent_at IS NULL THEN account_id::text ELSE {NOTICE} END AS notice
        FROM command ORDER BY id) AS notices),
    (SELECT count(pg_notify('{SIGNALS_CHANNEL}', id)) FROM signal)
"""
"""All or nothing. A key that somebody else used first, through another account, breaks it off (`KeyTaken`)."""

WRITE_ALL = Prepared(
    "gate_write",
    {"account": "int", **dict.fromkeys(("signals", "decisions", "commands", "reservations", "latches"), "text")},
    WRITE,
    last="; COMMIT",
)
KEYS = frozenset({"uq_signals_source_idempotency_key", "uq_risk_decisions_source_idempotency_key"})


class KeyTaken(Exception):
    """A transaction of another account used the key first; nothing of this one was stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """What an opening must be to count as the same once more."""

    symbol: str
    side: str  # buy, sell; "" where nothing is opened
    strategy: str  # its magic; the id of its source where it has none


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The rows that one decision makes; each a mapping of column to value, of the table it is named after."""

    signals: Sequence[dict[str, Any]]  # one, or none for a direct request
    decisions: Sequence[dict[str, Any]]  # one
    commands: Sequence[dict[str, Any]]
    reservations: Sequence[dict[str, Any]]
    latches: Sequence[dict[str, Any]]


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


def write(line: Line, outcome: Outcome, account_id: int | None) -> None:
    """Store an outcome and commit.

    Raises:
        KeyTaken: its key is somebody else's.
        DBAPIError: anything else; whether it is stored is not known.
    """
    rows: dict[str, Any] = {name: dump_rows(getattr(outcome, name)) for name in Outcome.__slots__}
    try:
        line.run(WRITE_ALL, {"account": account_id, **rows})
    except IntegrityError as error:
        violated = getattr(error.orig, "diag", None)
        if violated is not None and violated.constraint_name in KEYS:
            raise KeyTaken from error
        raise


def first_answer(connection: Connection, *, source: str, key: str, direct: bool) -> dict[str, Any] | None:
    """What was answered to the first signal (or direct request) with a key."""
    query = FIRST_DIRECT_ANSWER if direct else FIRST_ANSWER
    found: dict[str, Any] | None = connection.exec_driver_sql(query, {"source": source, "key": key}).scalar()
    return found


def _of(account_id: int, source: str, key: str, now: datetime) -> dict[str, Any]:
    return {"account": account_id, "source": source, "key": key, "now": now}
