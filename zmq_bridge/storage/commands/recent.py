"""The openings approved of late, as far as rates and repetition ask: counted in Postgres, not listed.

A row for each would cost the gate 4 us of Python for every order of the account's last minute, at every signal.
"""

from dataclasses import dataclass

from zmq_bridge.storage.risk.limits import REPEAT_WINDOW_S_MAX

RECENT_ORDERS_MAX = 5000  # more within the window: not known, so denied

WINDOW = f"""
SELECT LEAST({REPEAT_WINDOW_S_MAX}, GREATEST(60, max(CASE
    WHEN limits->>'repeat_window_s' ~ '^[0-9]{{1,9}}([.][0-9]+)?$' THEN (limits->>'repeat_window_s')::float8
    WHEN limits->>'repeat_window_s' IS NOT NULL THEN {REPEAT_WINDOW_S_MAX} END)))
FROM risk_limits WHERE ended_at IS NULL AND (account_id IS NULL OR account_id = %(account)s)
"""
"""How far back orders count, in seconds: a minute, or the longest window of a stored limit, at most a day.
A window written in a way that Postgres does not read (3.6e3) counts as the longest."""

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
        SELECT *, count(*) OVER () AS found FROM (
            SELECT created_at, source, {STRATEGY} = %(strategy)s
                   AND payload->>'symbol' = %(symbol)s AND payload->>'side' = %(side)s AS alike
            {OPENED}
        ) AS newest
    ) AS one
    WHERE alike OR created_at > %(now)s - interval '1 minute' OR found > {RECENT_ORDERS_MAX}
    GROUP BY source, alike, CASE WHEN alike THEN date_trunc('second', created_at) END
) x
"""
"""The same for a signal: what does not repeat it counts for the rates of its minute alone, one row a source.
Where there were too many to read them all, every one that was read counts: nobody takes it for everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """What an opening must be to count as the same once more."""

    symbol: str
    side: str  # buy, sell; "" where nothing is opened
    strategy: str  # its magic; the id of its source where it has none
