"""The one MetaData, and the few column kinds that every table is made of.

Money and prices of orders are NUMERIC without a scale: what came in is what comes out. Market data (ticks, candles) is
float8, as the terminal has it. Our own times are timestamptz; a column that ends in `_msc` is the trade server's clock,
raw, in milliseconds. Tickets and logins are BIGINT: a ticket past 2^63 is refused by Postgres, never wrapped.
"""

from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, MetaData, Numeric, Text, text
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def account_column(*, primary_key: bool = False, nullable: bool = False) -> Column[int]:
    """The account a row belongs to."""
    return Column("account_id", BigInteger, ForeignKey("accounts.id"), primary_key=primary_key, nullable=nullable)


def word(name: str, default: str | None = None, *, nullable: bool = False) -> Column[str]:
    """A text column, with a database default where one is given."""
    return Column(name, Text, nullable=nullable, server_default=None if default is None else text(f"'{default}'"))


def money(name: str, default: str | None = None, *, nullable: bool = False) -> Column[Any]:
    """An exact number: money, a price, a volume."""
    return Column(name, Numeric, nullable=nullable, server_default=None if default is None else text(default))


def at(name: str, *, nullable: bool = False, now: bool = False) -> Column[Any]:
    """An aware moment on our own clock."""
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=text("now()") if now else None)


def document(name: str, empty: str = "{}", *, nullable: bool = False) -> Column[Any]:
    """A JSON document; `empty` is its default where it can't be null."""
    return Column(name, JSONB, nullable=nullable, server_default=None if nullable else text(f"'{empty}'::jsonb"))
