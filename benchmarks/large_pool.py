"""A large pool for the ledger's benchmark: a history made with the ledger's own functions, written with COPY.

Everything that years of dealing would have left is there (transactions, entries, lots, prices, suspense, requests), and
goes through every trigger, so `verify` has to find it sound.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice

from sqlalchemy import Connection, Engine

from ledger.dealing import settle_subscription
from ledger.deals import BookedDeal, deal_entries
from ledger.journal import GENESIS, UNIT, AccountKind, LotChange, Transaction, TransactionKind, chain_hash, deal_cause
from ledger.parts import Dealing
from ledger.units import Pool, Price
from zmq_bridge.storage.engine import dump_json
from zmq_bridge.storage.ledger.prices import price_hash

START = datetime(2020, 1, 1, tzinfo=UTC)
LOADED_PER_COMMIT = 500
FIRST_ID = 10_000_000  # of the pool's transactions, past those of other benchmarks

SUSPENSE = """
INSERT INTO ledger_suspense (account_id, ticket, amount, time_msc, booked_at, request, settled_by)
SELECT account_id, number, (detail ->> 'amount')::numeric, 0, at, request, request
FROM (SELECT *, substr(cause, 6)::bigint AS number, 'subscription:' || (substr(cause, 6)::bigint - 1) AS request
      FROM ledger_transactions WHERE account_id = %(account)s AND kind = 'deal') AS deposits
"""

REQUESTS = """
INSERT INTO subscriptions
    (id, user_id, account_id, amount, currency, status, deal_ticket, units, settled_amount, settled_at)
SELECT substr(lot, 14), user_id, changes.account_id, cash, 'USD', 'settled', substr(lot, 14)::bigint + 1, units, cash,
    at
FROM ledger_lot_changes AS changes JOIN ledger_transactions AS transactions ON transactions.id = changes.transaction_id
WHERE changes.account_id = %(account)s
"""


def history(members: list[int], subscriptions: int) -> Iterator[Transaction]:
    """Deposits that become units, one after the other, at a price that moves a little each time."""
    units = nav = Decimal(0)
    zero = Decimal(0)
    for number in range(subscriptions):
        at, cash = START + timedelta(minutes=11 * number), Decimal(100 + number % 900)
        deposit = BookedDeal(
            ticket=number + 1, type="balance", entry="in", profit=cash, commission=zero, swap=zero, fee=zero
        )
        yield Transaction(
            cause=deal_cause(number + 1), kind=TransactionKind.DEAL, at=at, entries=deal_entries(deposit, "USD"),
            detail={"amount": f"{cash:f}"},
        )  # fmt: skip
        nav += (nav * (number % 7 - 3) / 100_000).quantize(Decimal("0.01"))
        dealing = Dealing(at=at, currency="USD", pool=Pool(nav=nav, units=units))
        bought = settle_subscription(dealing, request=str(number), member=members[number % len(members)], cash=cash)
        assert isinstance(bought, Transaction), bought
        units, nav = units + bought.lots[0].units, nav + cash
        yield bought


@dataclass(slots=True)
class Rows:
    """Rows of some transactions, as COPY reads them."""

    transactions: list[str] = field(default_factory=list)
    entries: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    prices: list[str] = field(default_factory=list)

    def write(self, connection: Connection) -> None:
        """Send them through every trigger."""
        _copy(
            connection, "ledger_transactions (id, account_id, cause, kind, at, detail, prev_hash, hash)",
            self.transactions,
        )  # fmt: skip
        _copy(connection, "ledger_entries (transaction_id, ledger_account_id, currency, amount)", self.entries)
        _copy(
            connection,
            "ledger_lot_changes (transaction_id, account_id, lot, user_id, units, cash, fee, mark_nav, mark_units)",
            self.changes,
        )
        _copy(connection, "ledger_prices (account_id, at, server_day, nav, units, cause, hash)", self.prices)


def load(engine: Engine, account_id: int, members: list[int], subscriptions: int) -> int:
    """Write a history with COPY, some hundred transactions a commit; return how many entries it has."""
    with engine.begin() as connection:
        keys = _open_accounts(connection, account_id, members)
    previous, price_head, count = GENESIS, GENESIS, 0
    numbered = enumerate(history(members, subscriptions), start=FIRST_ID)
    while batch := list(islice(numbered, LOADED_PER_COMMIT)):
        rows = Rows()
        for number, transaction in batch:
            digest = chain_hash(account_id, previous, transaction)
            detail = dump_json(dict(transaction.detail))
            rows.transactions.append(
                f"{number}\t{account_id}\t{transaction.cause}\t{transaction.kind}\t{transaction.at.isoformat()}"
                f"\t{detail}\t{previous}\t{digest}\n"
            )
            rows.entries += [
                f"{number}\t{keys[entry.kind, entry.member]}\t{entry.currency}\t{entry.amount}\n"
                for entry in transaction.entries
            ]
            rows.changes += [_change(number, account_id, change) for change in transaction.lots]
            previous = digest
            if transaction.lots:
                price_head = _price(rows, account_id, transaction, price_head)
        count += len(rows.entries)
        with engine.begin() as connection:
            rows.write(connection)
    with engine.begin() as connection:
        connection.exec_driver_sql("SELECT setval('ledger_transactions_id_seq', max(id)) FROM ledger_transactions")
        for statement in (SUSPENSE, REQUESTS):
            connection.exec_driver_sql(statement, {"account": account_id})
    return count


def _change(number: int, account_id: int, change: LotChange) -> str:
    mark = change.high_water_mark
    assert mark is not None
    return (
        f"{number}\t{account_id}\t{change.lot}\t{change.member}\t{change.units}\t{change.cash}\t{change.fee}"
        f"\t{mark.nav}\t{mark.units}\n"
    )


def _price(rows: Rows, account_id: int, transaction: Transaction, head: str) -> str:
    """Add the price of a dealing; return the new head of the prices' chain."""
    at, detail = transaction.at, transaction.detail
    price = Price(nav=Decimal(detail["price_nav"]), units=Decimal(detail["price_units"]))
    if transaction.cause == "subscription:0":
        price = Price(nav=Decimal(0), units=Decimal(0))
    digest = price_hash(head, account_id, at, at.date(), price, transaction.cause)
    rows.prices.append(
        f"{account_id}\t{at.isoformat()}\t{at.date()}\t{price.nav}\t{price.units}\t{transaction.cause}\t{digest}\n"
    )
    return digest


def _copy(connection: Connection, target: str, rows: list[str]) -> None:
    raw = connection.connection.dbapi_connection
    assert raw is not None
    raw.cursor().copy_expert(f"COPY {target} FROM STDIN", io.StringIO("".join(rows)))


def _open_accounts(
    connection: Connection, account_id: int, members: list[int]
) -> dict[tuple[AccountKind, int | None], int]:
    wanted: list[tuple[AccountKind, int | None, str]] = [
        (AccountKind.BROKER, None, "USD"), (AccountKind.SUSPENSE, None, "USD"), (AccountKind.UNITS_ISSUED, None, UNIT),
    ]  # fmt: skip
    wanted += [(AccountKind.CONTRIBUTIONS, member, "USD") for member in members]
    wanted += [(AccountKind.UNITS, member, UNIT) for member in members]
    connection.exec_driver_sql(
        "INSERT INTO ledger_accounts (account_id, kind, user_id, currency) "
        "SELECT %(account)s, * FROM unnest(%(kinds)s::text[], %(members)s::bigint[], %(currencies)s::text[])",
        {
            "account": account_id,
            "kinds": [str(kind) for kind, _, _ in wanted],
            "members": [member for _, member, _ in wanted],
            "currencies": [currency for _, _, currency in wanted],
        },
    )
    found = connection.exec_driver_sql(
        "SELECT id, kind, user_id FROM ledger_accounts WHERE account_id = %s", (account_id,)
    )
    return {(AccountKind(row.kind), row.user_id): row.id for row in found}
