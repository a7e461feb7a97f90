"""What the broker says: events as they came, deals (once each), and the latest orders, positions and money."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table, Text, UniqueConstraint, text

from zmq_bridge.storage.tables.metadata import account_column, at, document, metadata, money, word

terminal_events = Table(
    "terminal_events",
    metadata,
    account_column(primary_key=True),
    Column("session", BigInteger, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    word("kind"),
    document("data"),
    word("error", nullable=True),  # why it could not be booked; None = booked
    at("received_at", now=True),
    Index(
        "ix_terminal_events_told_deals",
        "account_id",
        text("(data ->> 'ticket')"),
        postgresql_where=text("kind = 'deal'"),
    ),
)

orders = Table(
    "orders",
    metadata,
    account_column(primary_key=True),
    Column("ticket", BigInteger, primary_key=True),
    word("symbol"),
    word("order_type"),  # buy, sell, buy_limit, ... sell_stop_limit
    word("state"),  # started placed canceled partial filled rejected expired
    Column("working", Boolean, nullable=False, server_default=text("true")),  # in the terminal's list of orders
    money("volume_initial"),
    money("volume_current"),
    money("price_open"),
    money("price_stoplimit"),
    money("sl"),
    money("tp"),
    Column("time_setup_msc", BigInteger, nullable=False),
    Column("expiration_msc", BigInteger, nullable=False, server_default=text("0")),
    Column("magic", BigInteger, nullable=False, server_default=text("0")),
    word("comment", ""),
    Column("command_id", Text, ForeignKey("commands.id"), nullable=True),
    at("updated_at", now=True),
    Index("ix_orders_working", "account_id", postgresql_where=text("working")),
)

deals = Table(
    "deals",
    metadata,
    account_column(primary_key=True),
    Column("ticket", BigInteger, primary_key=True),
    Column("order_ticket", BigInteger, nullable=False, server_default=text("0")),
    Column("position_ticket", BigInteger, nullable=False, server_default=text("0")),
    word("symbol", ""),
    word("type"),  # buy, sell, balance, credit, ... tax
    word("entry"),  # in, out, inout or out_by
    money("volume"),
    money("price"),
    money("profit"),
    money("commission"),
    money("swap"),
    money("fee"),
    Column("time_msc", BigInteger, nullable=False),
    Column("magic", BigInteger, nullable=False, server_default=text("0")),
    word("comment", ""),
    word("reason", ""),
    money("sl"),
    money("tp"),
    Column("command_id", Text, ForeignKey("commands.id"), nullable=True),
    Column("signal_id", Text, ForeignKey("signals.id"), nullable=True),
    at("received_at", now=True),
    Index("ix_deals_account_id_time_msc", "account_id", "time_msc", "ticket"),
    Index("ix_deals_flows", "account_id", postgresql_where=text("type = 'balance'")),
    Index("ix_deals_position", "account_id", "position_ticket"),
    Index("ix_deals_command_id", "command_id"),
)

positions = Table(
    "positions",
    metadata,
    account_column(primary_key=True),
    Column("ticket", BigInteger, primary_key=True),
    word("symbol"),
    word("side"),  # buy or sell
    money("volume"),
    money("price_open"),
    money("price_current"),
    money("sl"),  # 0 = none
    money("tp"),
    money("profit"),
    money("swap"),
    Column("time_msc", BigInteger, nullable=False),
    Column("magic", BigInteger, nullable=False, server_default=text("0")),
    word("comment", ""),
    at("updated_at", now=True),
)

account_snapshots = Table(
    "account_snapshots",
    metadata,
    Column("id", BigInteger, primary_key=True),
    account_column(),
    Column("session", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("event_seq", BigInteger, nullable=False),  # last event of the session that this already includes
    Column("time_msc", BigInteger, nullable=False),
    at("received_at", now=True),
    money("balance"),
    money("equity"),
    money("credit"),
    money("profit"),
    money("margin"),
    money("margin_free"),
    money("margin_level"),
    Column("trade_allowed", Boolean, nullable=False, server_default=text("true")),
    Column("trade_expert", Boolean, nullable=False, server_default=text("true")),
    UniqueConstraint("account_id", "session", "event_seq", "seq"),
    Index("ix_account_snapshots_account_id_id", "account_id", "id"),
)
