"""What every part of the broker works on: configuration, books, market, and the transactions of the step at hand."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from zmq_bridge.simulator.broker.books import Books
from zmq_bridge.simulator.broker.enums import OrderState
from zmq_bridge.simulator.broker.market import Market
from zmq_bridge.simulator.broker.model import Deal, Order, Position, SymbolSpec, Transaction
from zmq_bridge.simulator.broker.money import rounded
from zmq_bridge.simulator.broker.symbols import DEFAULT_SYMBOLS


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerConfig:
    """One simulated account and its symbols."""

    login: int = 123456
    server: str = "Simulated-Demo"
    name: str = "Demo account"
    company: str = "Simulated broker"
    currency: str = "USD"
    currency_digits: int = 2
    margin_mode: Literal["hedging", "netting"] = "hedging"
    leverage: int = 100
    deposit: Decimal = Decimal("10000.00")  # booked when the account is opened; 0: none
    stop_out_level: Decimal = Decimal(50)  # percent of margin level at and below which positions are closed
    limit_orders: int = 200  # resting orders allowed; 0: no limit
    symbols: tuple[SymbolSpec, ...] = DEFAULT_SYMBOLS
    first_ticket: int = 5_000_000_001  # above 2**32, so that a ticket cut to 32 bits shows at once
    shuffle_seed: int | None = None  # not None: transactions of a step are told in an order drawn from this seed
    history_ticks_max: int = 500_000  # ticks kept per symbol


@dataclass(slots=True, kw_only=True)
class Core:
    """The broker's parts. `told` collects what clients hear of the present step, after its commit."""

    config: BrokerConfig
    books: Books
    market: Market
    now_msc: int  # the server's clock
    trade_allowed: bool = True
    told: list[Transaction] = field(default_factory=list)

    @property
    def is_hedging(self) -> bool:
        """Whether a symbol may have several positions."""
        return self.config.margin_mode == "hedging"

    def spec(self, symbol: str) -> SymbolSpec:
        """Return the specification of a symbol that is known to exist."""
        return self.market.specs[symbol]

    def money(self, amount: Decimal) -> Decimal:
        """Round to the account's digits."""
        return rounded(amount, self.config.currency_digits)

    def profit_money(self, amount: Decimal, spec: SymbolSpec) -> Decimal | None:
        """Convert profit or loss to account currency and round it; None when there is no rate."""
        converted = self.market.convert(amount, spec.currency_profit, self.config.currency)
        return None if converted is None else self.money(converted)

    def put_order(self, order: Order, told_as: str) -> None:
        """Book an order's next version and tell it as `order_add`, `order_update` or `order_delete`."""
        self.books.put(order)
        self.told.append(_order_transaction(told_as, order))
        if told_as == "order_delete":
            self.told.append(_order_transaction("history_add", order))

    def put_deal(self, deal: Deal) -> None:
        """Book a deal and tell it."""
        self.books.put(deal)
        self.told.append(
            Transaction(
                type="deal_add",
                deal=deal.ticket,
                order=deal.order,
                position=deal.position,
                symbol=deal.symbol,
                deal_type=deal.type.value,
                price=deal.price,
                volume=deal.volume,
                sl=deal.sl,
                tp=deal.tp,
            )
        )

    def put_stops(self, position: Position) -> None:
        """Book changed stops and tell them; a deal's effect on a position is not told, as in MT5."""
        self.books.put(position)
        self.told.append(
            Transaction(
                type="position",
                position=position.ticket,
                symbol=position.symbol,
                price=position.price_open,
                volume=position.volume,
                sl=position.sl,
                tp=position.tp,
            )
        )


def _order_transaction(told_as: str, order: Order) -> Transaction:
    resting = order.state in (OrderState.STARTED, OrderState.PLACED, OrderState.PARTIAL)
    return Transaction(
        type=told_as,
        order=order.ticket,
        symbol=order.symbol,
        order_type=order.type.value,
        order_state=order.state.value,
        price=order.price_open,
        price_trigger=order.price_stoplimit,
        sl=order.sl,
        tp=order.tp,
        volume=order.volume_current if resting else order.volume_initial,
        position=order.position,
        position_by=order.position_by,
    )
