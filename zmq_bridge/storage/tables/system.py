"""Keys, and the append-only audit log."""

from sqlalchemy import ARRAY, BigInteger, Column, ForeignKey, Index, LargeBinary, Table, Text

from zmq_bridge.storage.tables.metadata import account_column, at, document, metadata, word

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),  # ULID
    word("name"),
    Column("prefix", Text, nullable=False, unique=True),  # public part, found by
    Column("hash", LargeBinary, nullable=False),  # SHA-256 of the secret
    Column("scopes", ARRAY(Text), nullable=False),
    Column("accounts", ARRAY(BigInteger), nullable=True),  # logins; None = all
    Column("symbols", ARRAY(Text), nullable=True),  # None = all
    Column("user_id", BigInteger, ForeignKey("users.id"), nullable=True),  # of a member's key
    at("created_at", now=True),
    at("expires_at", nullable=True),
    at("last_used_at", nullable=True),
    at("revoked_at", nullable=True),
    word("rotated_from", nullable=True),  # id of the key it replaced
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger, primary_key=True),
    at("at", now=True),
    word("actor"),
    word("action"),
    word("subject"),  # what was acted on, as `kind:id`
    account_column(nullable=True),
    document("before", nullable=True),
    document("after", nullable=True),
    Index("ix_audit_log_subject", "subject"),
    Index("ix_audit_log_at_id", "at", "id"),
)
