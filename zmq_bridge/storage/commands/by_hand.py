"""Whether a ticket was made by hand: SQL conditions on a row `p` of positions and `o` of orders.

A ticket is by hand when no command of ours opened it, nobody answers for it, and none is under way that may yet prove
to have opened it. The watch asks, and holds the account for it. A decision reads the hold, and spares itself the
question.
"""

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

ORDER_BY_HAND = f"""
    o.command_id IS NULL
    AND NOT EXISTS (SELECT FROM commands c WHERE c.account_id = %(account)s AND c.order_ticket = o.ticket)
    AND NOT EXISTS ({ADOPTED.format(ticket="o.ticket")})
    AND NOT EXISTS ({OPENING_UNDER_WAY.format(symbol="o.symbol")})
"""
