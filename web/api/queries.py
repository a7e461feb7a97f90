"""What the lists of trading can be cut to: the queries of signals, positions, orders, deals and trades."""

from __future__ import annotations

from web.paging import ListQuery, status_field
from zmq_bridge.storage.trading import lists, signals


class SignalQuery(ListQuery):
    """Which signals."""

    status = status_field(*signals.STATUSES)


class SignalsOfSymbolQuery(SignalQuery):
    """Which signals of the symbol in the address."""

    class Meta:
        """The symbol is not asked for twice."""

        exclude = ("symbol",)


class LatestQuery(ListQuery):
    """Among which signals the newest is looked for."""

    class Meta:
        """One signal has no pages."""

        exclude = ("limit", "cursor")


class PositionQuery(ListQuery):
    """Which open positions; a snapshot is of now, so they are not cut by time."""

    class Meta:
        """Not by time."""

        exclude = ("from_at", "to_at")

    status = status_field("buy", "sell")


class OrderQuery(ListQuery):
    """Which orders."""

    status = status_field(*lists.ORDER_STATUSES)


class DealQuery(ListQuery):
    """Which deals; `status` is what the deal did to its position."""

    status = status_field(*lists.DEAL_STATUSES)


class TradeQuery(ListQuery):
    """Which round trips."""

    status = status_field(*lists.TRADE_STATUSES)
