"""The way in: a signal, what risk said about it, what it reserved, and the command that came of it (the outbox).

These four are written in one transaction. A command's life: queued, sent, accepted, then done, rejected, expired or
unknown; unknown stays until it is reconciled. A reservation ends exactly once (`ended_at`), never by a timer.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, SmallInteger, Table, Text, UniqueConstraint, text

from zmq_bridge.storage.tables.metadata import account_column, at, document, metadata, money, word

signals = Table(
    "signals",
    metadata,
    Column("id", Text, primary_key=True),  # ULID
    account_column(nullable=True),  # None: denied because the account is unknown
    word("source"),  # id of the API key, or `cli`, `system`
    word("idempotency_key"),  # the sender's, or the signal's own id
    word("symbol"),
    word("action"),  # BUY, SELL or CLOSE
    word("side", nullable=True),  # buy or sell; None for CLOSE
    word("order_type"),  # market, limit, stop or stop_limit
    money("volume", nullable=True),
    money("risk_percent", nullable=True),
    money("price", nullable=True),
    money("stoplimit", nullable=True),
    money("sl", nullable=True),
    money("tp", nullable=True),
    Column("magic", BigInteger, nullable=False, server_default=text("0")),
    word("comment", ""),
    money("confidence", nullable=True),  # 0-100
    word("timeframe", nullable=True),
    document("reasons", "[]"),
    word("status"),  # admitted or denied; what became of it is in its commands
    document("request"),  # as it was validated: a second one with the same key must equal it
    at("created_at", now=True),
    at("expires_at", nullable=True),
    UniqueConstraint("source", "idempotency_key"),
    Index("ix_signals_account_id_id", "account_id", "id"),
    Index("ix_signals_symbol_id", "symbol", "id"),
    Index(
        "ix_signals_executions", "idempotency_key", postgresql_where=text("idempotency_key LIKE 'execute:%'")
    ),  # executions of stored signals
)

risk_decisions = Table(
    "risk_decisions",
    metadata,
    Column("id", Text, primary_key=True),  # ULID
    Column("signal_id", Text, ForeignKey("signals.id"), nullable=True),  # None: a direct request
    account_column(nullable=True),
    word("verdict"),  # approved or denied
    word("code"),  # of risk's closed list; `APPROVED` when approved
    document("context"),
    document("inputs"),  # what the decision read
    document("checks", "[]"),  # a list: each check's code, value, limit, passed
    word("source", nullable=True),  # of a direct request, with its key and what it asked for; None: see the signal
    word("idempotency_key", nullable=True),
    document("request", nullable=True),
    at("decided_at", now=True),
    UniqueConstraint("source", "idempotency_key"),
    Index("ix_risk_decisions_signal_id", "signal_id"),
    Index("ix_risk_decisions_account_id_id", "account_id", "id"),
)

commands = Table(
    "commands",
    metadata,
    Column("id", Text, primary_key=True),  # ULID, 26 characters: the comment of the order at the broker
    account_column(),
    Column("signal_id", Text, ForeignKey("signals.id"), nullable=True),
    Column("decision_id", Text, ForeignKey("risk_decisions.id"), nullable=True),
    word("source", "system"),
    word("idempotency_key", nullable=True),  # of a direct request; a signal's commands have the signal's
    word("kind"),
    document("payload"),  # the fields of the wire's command map, without command_id, kind and expires_at_ms
    word("status", "queued"),
    at("expires_at"),
    at("created_at", now=True),
    at("sent_at", nullable=True),
    at("recalled_at", nullable=True),  # from here on nobody may begin it; what became of it is the terminal's to say
    at("finished_at", nullable=True),
    Column("retcode", Integer, nullable=True),
    word("retcode_name", nullable=True),
    Column("order_ticket", BigInteger, nullable=True),
    Column("deal_ticket", BigInteger, nullable=True),
    Column("position_ticket", BigInteger, nullable=True),
    money("filled_volume", nullable=True),
    money("fill_price", nullable=True),
    word("message", ""),
    Column("result_session", BigInteger, nullable=True),
    Column("result_seq", BigInteger, nullable=True),
    UniqueConstraint("source", "idempotency_key"),
    Index("ix_commands_signal_id", "signal_id"),
    Index(
        "ix_commands_decision_id", "decision_id",
        postgresql_where=text("signal_id IS NULL AND decision_id IS NOT NULL"),
    ),  # of direct requests; what came of a signal is found by it
    Index("ix_commands_queued", "account_id", "id", postgresql_where=text("status = 'queued'")),
    Index("ix_commands_open", "account_id", "id", postgresql_where=text("finished_at IS NULL")),
    Index("ix_commands_account_id_id", "account_id", "id"),
    Index("ix_commands_openings", "account_id", "created_at", postgresql_where=text("kind = 'place_order'")),
    Index("ix_commands_order_ticket", "account_id", "order_ticket", postgresql_where=text("order_ticket IS NOT NULL")),
)

reservations = Table(
    "reservations",
    metadata,
    Column("command_id", Text, ForeignKey("commands.id"), primary_key=True),
    account_column(),
    word("symbol"),
    word("side"),
    money("volume"),  # lots added; 0 = a modification
    money("risk"),  # account currency, costs included
    money("margin"),
    money("notional"),
    Column("slots", SmallInteger, nullable=False, server_default=text("1")),  # of max_positions
    at("created_at", now=True),
    at("ended_at", nullable=True),
    word("end_reason", nullable=True),  # filled, rejected, expired, reconciled
    Index("ix_reservations_open", "account_id", postgresql_where=text("ended_at IS NULL")),
)
