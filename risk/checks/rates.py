"""Gates: how often does this account, this source, this strategy act?

`recent_orders` holds opening orders approved lately; the one being judged counts as one more. An unread history is not
an empty one.
"""

from datetime import timedelta

from risk.case import Ask
from risk.codes import Code
from risk.numbers import span
from risk.verdict import Check

MINUTE = timedelta(minutes=1)

HISTORY_MISSING = Code.HISTORY_MISSING
ORDER_RATE_ACCOUNT = Code.ORDER_RATE_ACCOUNT
ORDER_RATE_SOURCE = Code.ORDER_RATE_SOURCE
REPEATED_EXECUTION = Code.REPEATED_EXECUTION


def check_rate_account(ask: Ask) -> Check:
    """Opening orders of the account in the last minute, this one included."""
    recent = ask.snapshot.recent_orders
    if recent is None:
        return Check(HISTORY_MISSING, None, "known", False)
    since = ask.now - MINUTE
    count = 1 + sum([order.orders for order in recent if order.at > since])
    limit = ask.limits.max_orders_per_minute
    return Check(ORDER_RATE_ACCOUNT, count, limit, count <= limit)


def check_rate_source(ask: Ask) -> Check:
    """Opening orders of this signal source in the last minute, this one included."""
    source, since = ask.intent.source, ask.now - MINUTE
    recent = ask.snapshot.recent_orders or ()
    count = 1 + sum([order.orders for order in recent if order.source == source and order.at > since])
    limit = ask.limits.max_orders_per_minute_source
    return Check(ORDER_RATE_SOURCE, count, limit, count <= limit)


def check_repeats(ask: Ask) -> Check:
    """The same strategy does not open the same symbol and side again and again. The caller latches on this code."""
    intent, symbol, limit = ask.intent, ask.symbol, ask.limits.max_repeats
    side, name, since = intent.side, intent.strategy or intent.source, ask.now - span(ask.limits.repeat_window_s)
    alike = [
        order.orders
        for order in ask.snapshot.recent_orders or ()
        if (order.strategy or order.source) == name
        and order.symbol == symbol
        and order.side is side
        and order.at > since
    ]
    return Check(REPEATED_EXECUTION, 1 + sum(alike), limit, sum(alike) < limit)
