"""Ticks (partitioned by server day), where each stream stands, what was missed, and bars.

The order of ticks is (time_msc, id). `ticks` has no key: a btree costs half the COPY rate, BRIN a fifth.
"""

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, Table, Text, text

from zmq_bridge.storage.tables.metadata import account_column, at, metadata, word

ticks = Table(
    "ticks",
    metadata,
    Column("account_id", BigInteger, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("time_msc", BigInteger, nullable=False),
    Column("bid", Float(53), nullable=False),
    Column("ask", Float(53), nullable=False),
    Column("last", Float(53), nullable=False),
    Column("volume_real", Float(53), nullable=False),
    Column("flags", Integer, nullable=False),
    Column("session", BigInteger, nullable=False),  # of the terminal that sent it
    Column("seq", BigInteger, nullable=False),  # counts ticks from 1 per (session, topic); 0 = backfilled
    at("received_at"),
    Column("backfilled", Boolean, nullable=False, server_default=text("false")),
    Column("id", BigInteger, nullable=False, server_default=text("nextval('ticks_id_seq'::regclass)")),
    Index("ix_ticks_time_msc", "time_msc", postgresql_using="brin"),
    postgresql_partition_by="RANGE (time_msc)",
)

tick_cursors = Table(
    "tick_cursors",
    metadata,
    account_column(primary_key=True),
    Column("symbol", Text, primary_key=True),
    Column("session", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),  # last one stored or declared a gap
    Column("time_msc", BigInteger, nullable=False),  # of the last one stored
    at("received_at", now=True),  # when that one came in
    Column("filled_msc", BigInteger, nullable=False, server_default=text("0")),
    # backfill or an earlier session stored ticks up to here: a live one at or before may be there already
)

tick_gaps = Table(
    "tick_gaps",
    metadata,
    Column("id", BigInteger, primary_key=True),
    account_column(),
    word("symbol"),
    Column("session", BigInteger, nullable=False),
    Column("from_msc", BigInteger, nullable=False),
    Column("to_msc", BigInteger, nullable=False),  # both ends included
    Column("lost", BigInteger, nullable=True),  # ticks known to be missing; None = unknown
    word("state", "open"),  # open, filled or lost (for good: fewer came back than were missing)
    word("reason", ""),
    at("created_at", now=True),
    at("closed_at", nullable=True),
    Column("seq_last", BigInteger, nullable=True),  # number of the last one missing; None = unknown
    Column("found", BigInteger, nullable=True),  # ticks that came back; None = not closed yet, or never counted
    Index("ix_tick_gaps_open", "account_id", postgresql_where=text("state = 'open'")),
)

candles = Table(
    "candles",
    metadata,
    account_column(primary_key=True),
    Column("symbol", Text, primary_key=True),
    Column("timeframe", Text, primary_key=True),  # M1 .. D1
    Column("time_msc", BigInteger, primary_key=True),  # the bar's opening, server clock
    Column("open", Float(53), nullable=False),
    Column("high", Float(53), nullable=False),
    Column("low", Float(53), nullable=False),
    Column("close", Float(53), nullable=False),
    Column("tick_volume", BigInteger, nullable=False),
    Column("closed", Boolean, nullable=False, server_default=text("false")),  # no tick of this bar can come any more
)
