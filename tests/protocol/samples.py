"""One well-formed value of every sort, for tests that change one thing about it."""

from __future__ import annotations

from decimal import Decimal

from zmq_bridge.protocol.messages import (
    Account,
    Books,
    CommandResult,
    Deal,
    Event,
    Hello,
    Order,
    PlaceOrder,
    Position,
    Probe,
    Program,
    Pull,
    Spec,
    Welcome,
    Work,
)

LOGIN = 123456
SESSION = 1_700_000_000_000
COMMAND_ID = "01HF7YAT00AAAAAAAAAAAAAAAA"
OTHER_ID = "01HF7YAT00BBBBBBBBBBBBBBBB"
NOW_MS = 1_700_000_001_000

account = Account(
    login=LOGIN, server="Demo", name="A. Member", company="Broker", currency="EUR", currency_digits=2, leverage=100,
    margin_mode="hedging", balance=Decimal("10000.25"), equity=Decimal("10010.25"), credit=Decimal(0),
    profit=Decimal(10), margin=Decimal("11.23"), margin_free=Decimal("9999.02"), margin_level=Decimal("89138.47"),
    trade_allowed=True, trade_expert=True, limit_orders=200,
)  # fmt: skip
position = Position(
    ticket=2**63 + 1, symbol="EURUSD", side="buy", volume=Decimal("0.01"), price_open=Decimal("1.12345"),
    price_current=Decimal("1.12355"), sl=Decimal("1.12"), tp=Decimal("1.13"), profit=Decimal(10), swap=Decimal("-0.12"),
    time_msc=SESSION, magic=7, comment=COMMAND_ID,
)  # fmt: skip
order = Order(
    ticket=2**63 + 2, symbol="EURUSD", order_type="buy_limit", state="placed", volume_initial=Decimal("0.1"),
    volume_current=Decimal("0.1"), price_open=Decimal("1.1"), time_setup_msc=SESSION, comment=COMMAND_ID,
)  # fmt: skip
deal = Deal(
    ticket=2**64 - 1, order=2**63, position=2**63 + 1, symbol="EURUSD", type="buy", entry="in", volume=Decimal("0.01"),
    price=Decimal("1.12345"), profit=Decimal(0), commission=Decimal("-0.07"), swap=Decimal(0), fee=Decimal(0),
    time_msc=SESSION, magic=7, comment=COMMAND_ID, reason="expert",
)  # fmt: skip
spec = Spec(
    symbol="EURUSD", description="Euro vs US Dollar", digits=5, point=Decimal("0.00001"), tick_size=Decimal("0.00001"),
    tick_value=Decimal("0.89"), contract_size=Decimal(100000), volume_min=Decimal("0.01"), volume_max=Decimal(100),
    volume_step=Decimal("0.01"), calc_mode="forex", currency_base="EUR", currency_profit="USD", currency_margin="EUR",
    filling_mode=3, execution_mode="market", trade_mode="full", sessions=((1, 0, 86400),),
    probe=Probe(
        volume=Decimal(1), price_open=Decimal("1.12346"), price_close=Decimal("1.1347"), margin_buy=Decimal(1000),
        margin_sell=Decimal(1000), profit_buy=Decimal("1000.48"), profit_sell=Decimal("-1000.48"),
    ),
)  # fmt: skip
books = Books(event_seq=0, seq=1, time_msc=SESSION, account=account, positions=(position,), orders=(order,))
result = CommandResult(command_id=COMMAND_ID, status="done", retcode=10009, retcode_name="DONE", deal=2**64 - 1)
place_order = PlaceOrder(
    command_id=COMMAND_ID, expires_at_ms=NOW_MS + 5000, symbol="EURUSD", side="buy", order_type="market",
    volume=Decimal("0.01"), sl=Decimal("1.12"), tp=Decimal("1.13"), comment=COMMAND_ID,
)  # fmt: skip
event = Event(login=LOGIN, session=SESSION, seq=1, data=deal)
hello = Hello(
    login=LOGIN, session=SESSION, versions=(1,), server="Demo", role="both", clock_ms=NOW_MS, server_offset_s=7200,
    journal=OTHER_ID, journal_session=SESSION - 60_000,
    program=Program(name="test", version="1.0", build=5000), snapshot=books, symbols=(spec,),
)  # fmt: skip
pull = Pull(login=LOGIN, session=SESSION, wait_ms=1000, events=(event,))
welcome = Welcome(
    session=SESSION, now_ms=NOW_MS, version=1, login=LOGIN, beat_ms=500, wait_ms_max=1000, trading_state="active",
    deals_from_msc=0,
)  # fmt: skip
work = Work(session=SESSION, now_ms=NOW_MS, trading_state="active", commands=(place_order,), acks=((SESSION, 1),))
