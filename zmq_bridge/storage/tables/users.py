"""Members and their requests. Units and money are the ledger's (`tables.ledger`); a request moves nothing by itself."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table, Text, UniqueConstraint, text

from zmq_bridge.storage.tables.metadata import account_column, at, metadata, money, word


def user_column() -> Column[int]:
    """The member a row belongs to."""
    return Column("user_id", BigInteger, ForeignKey("users.id"), nullable=False)


users = Table(
    "users",
    metadata,
    Column("id", BigInteger, primary_key=True),
    word("name"),
    word("email"),
    word("status", "active"),  # active or inactive
    at("created_at", now=True),
    Index("uq_users_email", text("lower(email)"), unique=True),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", Text, primary_key=True),  # ULID
    user_column(),
    account_column(),
    money("amount"),
    word("currency"),
    word("reference", ""),  # what the deposit's comment should carry
    word("status", "pending"),  # pending, matched, settled or cancelled
    word("source", "system"),
    word("idempotency_key", nullable=True),
    Column("deal_ticket", BigInteger, nullable=True),  # the broker's balance deal it was matched with
    money("units", nullable=True),
    money("settled_amount", nullable=True),  # money that really moved
    word("refusal", nullable=True),  # why it could not be settled the last time it was tried
    at("created_at", now=True),
    at("settled_at", nullable=True),
    UniqueConstraint("source", "idempotency_key"),
    Index("ix_subscriptions_user_id", "user_id"),
    Index("ix_subscriptions_pending", "account_id", postgresql_where=text("status = 'pending'")),
    Index(
        "uq_subscriptions_reference",
        "account_id",
        text("upper(reference)"),
        unique=True,
        postgresql_where=text("reference <> '' AND status IN ('pending', 'matched')"),
    ),
)

redemptions = Table(
    "redemptions",
    metadata,
    Column("id", Text, primary_key=True),  # ULID
    user_column(),
    account_column(),
    money("amount", nullable=True),  # cash wanted; None with a full exit
    Column("full_exit", Boolean, nullable=False, server_default=text("false")),
    word("currency"),
    word("reference", ""),
    word("status", "pending"),  # pending, matched, owed (units burned, not yet withdrawn), settled or cancelled
    word("source", "system"),
    word("idempotency_key", nullable=True),
    Column("deal_ticket", BigInteger, nullable=True),
    money("units", nullable=True),
    money("settled_amount", nullable=True),  # money that really moved
    word("refusal", nullable=True),  # why it could not be settled the last time it was tried
    at("created_at", now=True),
    at("settled_at", nullable=True),
    UniqueConstraint("source", "idempotency_key"),
    Index("ix_redemptions_user_id", "user_id"),
    Index("ix_redemptions_pending", "account_id", postgresql_where=text("status = 'pending'")),
    Index(
        "uq_redemptions_reference",
        "account_id",
        text("upper(reference)"),
        unique=True,
        postgresql_where=text("reference <> '' AND status IN ('pending', 'matched', 'owed')"),
    ),
)
