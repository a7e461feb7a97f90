"""What trading costs, learnt from the account's own deals: MT5 tells no commission before the deal.

Per symbol: the dearest of the latest deals, for one lot and both ways. A broker that charges only on the way in is thus
taken for twice as dear as it is, never for cheaper.
"""

from sqlalchemy import Connection

DEALS_MAX = 50  # latest deals of a symbol that are looked at

LEARN = """
UPDATE symbols SET commission = learnt.round_trip
FROM (
    SELECT s.symbol, 2 * max(-(d.commission + d.fee) / d.volume) AS round_trip
    FROM symbols s CROSS JOIN LATERAL (
        SELECT commission, fee, volume FROM deals
        WHERE account_id = s.account_id AND symbol = s.symbol AND type IN ('buy', 'sell') AND volume > 0
        ORDER BY time_msc DESC, ticket DESC LIMIT %(deals_max)s
    ) d
    WHERE s.account_id = %(account)s
    GROUP BY s.symbol
) learnt
WHERE symbols.account_id = %(account)s AND symbols.symbol = learnt.symbol
  AND learnt.round_trip >= 0 AND symbols.commission <> learnt.round_trip
RETURNING symbols.symbol
"""


def learn_commissions(connection: Connection, account_id: int) -> list[str]:
    """Bring every symbol's commission up to date with the latest deals. Returns the symbols that changed."""
    values = {"account": account_id, "deals_max": DEALS_MAX}
    return list(connection.exec_driver_sql(LEARN, values).scalars())
