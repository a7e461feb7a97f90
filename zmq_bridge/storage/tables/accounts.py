"""Trading accounts, the terminals that speak for them, and the symbols they may trade."""

from sqlalchemy import BigInteger, Boolean, Column, Integer, SmallInteger, Table, Text, UniqueConstraint, text

from zmq_bridge.storage.tables.metadata import account_column, at, document, metadata, money, word

accounts = Table(
    "accounts",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("login", BigInteger, nullable=False),
    word("server"),
    word("name", ""),
    word("company", ""),
    word("currency"),
    Column("currency_digits", SmallInteger, nullable=False, server_default=text("2")),
    word("margin_mode"),  # netting, exchange or hedging
    Column("leverage", Integer, nullable=False),
    at("created_at", now=True),
    UniqueConstraint("login", "server"),
)

terminals = Table(
    "terminals",
    metadata,
    account_column(primary_key=True),
    Column("role", Text, primary_key=True),  # both, feed or desk
    Column("session", BigInteger, nullable=False),
    word("program", ""),
    word("version", ""),
    Column("build", Integer, nullable=False, server_default=text("0")),
    Column("server_offset_s", Integer, nullable=False, server_default=text("0")),  # server clock - UTC
    Column("clock_skew_ms", BigInteger, nullable=True),  # terminal's UTC clock - ours, at hello; None = unknown
    word("state", "connected"),  # connected or disconnected
    word("trading_state", nullable=True),  # what it said it enforces; None: it has not said yet
    at("trading_state_at", nullable=True),  # when we booked that
    Column("trading_state_session", BigInteger, nullable=True),  # of the event that said it
    Column("trading_state_seq", BigInteger, nullable=True),
    word("journal", ""),  # identity of its journal file; "" = it has none
    at("journal_since", now=True),  # commands sent from then on went to a session with this journal
    at("connected_at", now=True),
    at("last_seen_at", now=True),
)

symbols = Table(
    "symbols",
    metadata,
    account_column(primary_key=True),
    Column("symbol", Text, primary_key=True),  # the broker's exact spelling and case
    document("spec"),  # the whole `spec` map of the wire
    Column("digits", SmallInteger, nullable=False),
    money("point"),
    money("tick_size"),
    money("tick_value"),
    money("contract_size"),
    money("volume_min"),
    money("volume_max"),
    money("volume_step"),
    money("commission", "0"),  # round trip of one lot in account currency, as the account's own deals say
    Column("tradable", Boolean, nullable=False, server_default=text("true")),  # allow-list of the account
    at("updated_at", now=True),  # when anything here changed but seen_at
    at("seen_at", now=True),  # when the terminal last told it, changed or not
    document("probe", nullable=True),  # its last figures of an imagined trade, not compared yet; None = none waits
    at("probed_at", nullable=True),
    document("figures", nullable=True),  # what the last comparison of its figures with ours gave; None = never compared
    at("figures_at", nullable=True),
)
