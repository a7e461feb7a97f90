"""What people are told: the news itself, who wants to hear it, and each message on its way."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Time,
    UniqueConstraint,
    text,
)

from zmq_bridge.storage.tables.metadata import account_column, at, metadata, word

notifications = Table(
    "notifications",
    metadata,
    Column("id", BigInteger, primary_key=True),
    word("event"),
    word("severity"),
    word("title"),
    word("body", ""),
    account_column(nullable=True),
    Column("dedupe_key", Text, nullable=True, unique=True),  # the same key is the same news
    at("created_at", now=True),
    at("routed_at", nullable=True),  # when the rules were asked; None: not yet
    Index("ix_notifications_unrouted", "id", postgresql_where=text("routed_at IS NULL")),
)

notification_destinations = Table(
    "notification_destinations",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("secret", LargeBinary, nullable=True),  # the apprise URL, encrypted
    Column("variable", Text, nullable=True),  # or the environment variable that holds it
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("quiet_from", Time, nullable=True),  # on the clock of quiet_zone; both or none
    Column("quiet_to", Time, nullable=True),
    word("quiet_zone", "UTC"),  # IANA name
    at("created_at", now=True),
)

notification_rules = Table(
    "notification_rules",
    metadata,
    Column("id", BigInteger, primary_key=True),
    word("event", "*"),  # one event, or * for all
    word("severity_min", "info"),
    account_column(nullable=True),  # None: of every account, and of none
    Column(
        "destination_id",
        BigInteger,
        ForeignKey("notification_destinations.id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("digest_minutes", Integer, nullable=False, server_default=text("0")),  # 0: at once
    at("created_at", now=True),
)

notification_deliveries = Table(
    "notification_deliveries",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("notification_id", BigInteger, ForeignKey("notifications.id", ondelete="CASCADE"), nullable=False),
    Column(
        "destination_id",
        BigInteger,
        ForeignKey("notification_destinations.id", ondelete="CASCADE"),
        nullable=False,
    ),
    word("status", "pending"),  # pending, sent or failed
    Column("digest", Boolean, nullable=False, server_default=text("false")),  # goes out together with others
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    at("due_at", now=True),  # not before; a claim moves it on, so that a dead sender's work comes round again
    at("created_at", now=True),
    at("sent_at", nullable=True),
    word("last_error", ""),
    UniqueConstraint("notification_id", "destination_id"),
    Index("ix_notification_deliveries_due", "due_at", postgresql_where=text("status = 'pending'")),
)
