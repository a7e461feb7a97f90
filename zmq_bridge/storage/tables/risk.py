"""What risk must remember between signals: the day, the NAV index, the latches, what moves together, the limits."""

from sqlalchemy import BigInteger, Boolean, Column, Date, Index, Table, Text, text

from zmq_bridge.storage.tables.metadata import account_column, at, document, metadata, money, word

risk_state = Table(
    "risk_state",
    metadata,
    account_column(primary_key=True),
    Column("server_day", Date, nullable=False),  # the trade server's calendar day
    money("daily_reference"),  # max(balance, equity - credit) at the rollover
    money("net_flows_today", "0"),  # deposits - withdrawals since the rollover
    money("nav_index", "1"),  # price of one unit of the account's NAV
    money("nav_index_peak", "1"),
    money("nav_units", "0"),  # units outstanding
    Column("reconciled", Boolean, nullable=False, server_default=text("false")),  # ledger and broker agree
    money("flows_total", "0"),  # deposits - withdrawals ever, as far as the index has seen them
    at("updated_at", now=True),
)

holds = Table(
    "holds",
    metadata,
    Column("id", BigInteger, primary_key=True),
    account_column(nullable=True),  # None: every account
    word("cause"),  # of `risk.states.Cause`
    word("state"),  # what the account may still do: halted, reducing; active: a warning
    word("reason"),  # for people
    word("actor"),  # who or what imposed it
    at("began_at"),
    at("until", nullable=True),  # when it ends by itself; None: it does not
    Column("closes", Boolean, nullable=False, server_default=text("false")),  # positions are to be closed
    at("ended_at", nullable=True),  # None: in force
    word("ended_by", nullable=True),  # who lifted it
    Index(
        "uq_holds_in_force",
        "account_id",
        "cause",
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=text("ended_at IS NULL"),
    ),
    Index("ix_holds_account_id_id", "account_id", "id"),
)

stops_outstanding = Table(
    "stops_outstanding",
    metadata,
    account_column(primary_key=True),  # a stop has not come to this account yet: it was busy
    word("reason"),
    word("actor"),
    Column("tells", Boolean, nullable=False),  # the terminal is also sent a command to halt
    at("noted_at"),
)

adoptions = Table(
    "adoptions",
    metadata,
    account_column(primary_key=True),
    Column("ticket", BigInteger, primary_key=True),  # of a position or order that no command of ours opened
    word("actor"),  # the named person who answers for it
    word("reason"),
    at("adopted_at"),
)

strategy_latches = Table(
    "strategy_latches",
    metadata,
    account_column(primary_key=True),
    Column("strategy", Text, primary_key=True),
    word("reason"),
    at("latched_at", now=True),
)

correlations = Table(
    "correlations",
    metadata,
    account_column(primary_key=True),
    at("as_of"),  # close of the newest bar used
    document("symbols", "[]"),  # a list: the symbols with enough bars to be judged
    document("links"),  # symbol -> other symbol -> same, opposite or either
)

risk_limits = Table(
    "risk_limits",
    metadata,
    Column("id", BigInteger, primary_key=True),
    account_column(nullable=True),  # None: every account
    word("source", nullable=True),  # None: every source
    word("symbol", nullable=True),  # None: every symbol
    Column("magic", BigInteger, nullable=True),  # None: every strategy
    document("limits"),  # name -> decimal string; what is absent keeps its default
    word("actor"),
    at("created_at", now=True),
    at("ended_at", nullable=True),  # replaced or withdrawn
    Index(
        "uq_risk_limits_in_force",
        "account_id",
        "source",
        "symbol",
        "magic",
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=text("ended_at IS NULL"),
    ),
)
