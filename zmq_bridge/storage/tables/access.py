"""Who is signed in, what an account's terminal signs in with at the broker, and what the account may trade."""

from sqlalchemy import ARRAY, Column, ForeignKey, Index, LargeBinary, Table, Text

from zmq_bridge.storage.tables.metadata import account_column, at, metadata, word

sessions = Table(
    "sessions",
    metadata,
    Column("hash", LargeBinary, primary_key=True),  # SHA-256 of the cookie's token
    Column("key_id", Text, ForeignKey("api_keys.id"), nullable=False),  # the key that opened it; its rights, its life
    at("created_at", now=True),
    at("expires_at"),
    Index("ix_sessions_expires_at", "expires_at"),
)

account_credentials = Table(
    "account_credentials",
    metadata,
    account_column(primary_key=True),
    word("sealed"),  # Fernet token: a JSON document, readable with the key from the environment only
    word("actor"),  # who stored it
    at("updated_at", now=True),
)

account_symbols = Table(
    "account_symbols",
    metadata,
    account_column(primary_key=True),
    Column("symbols", ARRAY(Text), nullable=False),  # all that it may trade; no row: everything
    word("actor"),
    at("updated_at", now=True),
)
