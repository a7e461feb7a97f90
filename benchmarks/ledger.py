"""Time the ledger: postings a second, and statements and verification of a large pool, on a real, durable Postgres.

    python -m benchmarks.ledger [members] [entries]        default 1,000 x 100,000; the aim is 10,000 x 1,000,000

Postings are compared with a bare INSERT and COMMIT measured in the same run, because absolute figures of a shared
machine swing. The large pool is made with the ledger's own functions, so its chain verifies.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from statistics import median

from sqlalchemy import Connection, Engine

from benchmarks.large_pool import load
from zmq_bridge.embedded import EmbeddedPostgres
from zmq_bridge.protocol.values import Deal
from zmq_bridge.storage.accounts import ensure_account
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.ledger.history import ENTRIES as ALL_ENTRIES
from zmq_bridge.storage.ledger.history import FETCH_ROWS
from zmq_bridge.storage.ledger.posting import post_deal
from zmq_bridge.storage.ledger.prices import CLOSES
from zmq_bridge.storage.ledger.shares import HELD
from zmq_bridge.storage.ledger.statements import MOVEMENTS, all_statements, statement_now
from zmq_bridge.storage.ledger.verify import verify_chain
from zmq_bridge.storage.migrations import migrate

MEMBERS, ENTRIES = 1_000, 100_000
ENTRIES_PER_SUBSCRIPTION = 6  # two of its deposit, four of its own
ROUNDS = 9
OTHER_TICKETS = 1_000_000  # where the tickets of the second run begin
DEALS_PER_ROUND = 200
POOL_TICKETS = 50_000_000  # where the tickets of deals posted into the large pool begin
DEALS_PER_TRANSACTION = 64  # what the desk takes from a terminal at once
STATEMENT_TIMEOUT_MS = 600_000


@contextmanager
def server() -> Iterator[Engine]:
    """Start a durable Postgres of our own, and stop it again."""
    directory = Path(tempfile.mkdtemp(prefix="zb-bench-"))
    directory.chmod(0o755)
    postgres = EmbeddedPostgres(directory / "pg", log_path=directory / "postgres.log", durable=True)
    try:
        postgres.start()
        migrate(postgres.url())
        engine = create_engine(postgres.url(), statement_timeout_ms=STATEMENT_TIMEOUT_MS)
        yield engine
        engine.dispose()
    finally:
        postgres.stop()
        shutil.rmtree(directory, ignore_errors=True)


def new_account(engine: Engine, login: int) -> int:
    """Make an account in dollars."""
    with engine.begin() as connection:
        return ensure_account(
            connection, login=login, server="bench", currency="USD", currency_digits=2, margin_mode="hedging",
            leverage=100,
        ).id  # fmt: skip


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


# postings


def a_deal(ticket: int) -> Deal:
    """Return a closing deal with costs."""
    zero = Decimal(0)
    return Deal(
        ticket=ticket, order=ticket, position=ticket, symbol="EURUSD", type="sell", entry="out", volume=Decimal("0.1"),
        price=Decimal("1.085"), profit=Decimal("12.34"), commission=Decimal("-0.70"), swap=Decimal("-0.05"), fee=zero,
        time_msc=1_700_000_000_000 + ticket,
    )  # fmt: skip


def post_range(engine: Engine, account_id: int, first: int, count: int, at_once: int) -> None:
    """Post deals, `at_once` of them in a transaction."""
    for start in range(first, first + count, at_once):
        with engine.begin() as connection:
            for ticket in range(start, min(start + at_once, first + count)):
                post_deal(connection, account_id, a_deal(ticket))


def insert_range(engine: Engine, first: int, count: int) -> None:
    """The bare thing: one row and one commit each."""
    for ticket in range(first, first + count):
        with engine.begin() as connection:
            connection.exec_driver_sql("INSERT INTO bare VALUES (%s, %s, now())", (ticket, Decimal("12.34")))


def bench_postings(engine: Engine) -> None:
    """Print postings a second beside bare inserts a second."""
    account_id = new_account(engine, 1)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE bare (ticket bigint PRIMARY KEY, profit numeric, at timestamptz)")
    works: dict[str, Callable[[int], None]] = {
        "INSERT + COMMIT, bare": lambda first: insert_range(engine, first, DEALS_PER_ROUND),
        "post_deal + COMMIT": lambda first: post_range(engine, account_id, first, DEALS_PER_ROUND, 1),
        "post_deal, 64 a COMMIT": lambda first: post_range(
            engine, account_id, OTHER_TICKETS + first, DEALS_PER_ROUND, DEALS_PER_TRANSACTION
        ),
    }
    times: dict[str, list[float]] = {name: [] for name in works}
    for number in range(ROUNDS):
        for name, work in works.items():
            times[name].append(seconds(partial(work, 1 + number * DEALS_PER_ROUND)))
    bare = times["INSERT + COMMIT, bare"]
    for name, mine in times.items():
        ratio = median(a / b for a, b in zip(mine, bare, strict=True))
        print(f"{name:26} {DEALS_PER_ROUND / median(mine):8.0f} /s   {ratio:5.2f} x the time of the bare insert")
    print()


# a large pool


def bench_pool(engine: Engine, members: int, entries: int) -> None:
    """Print how long statements and verification of a large pool take."""
    account_id = new_account(engine, 2)
    with engine.begin() as connection:
        ids = connection.exec_driver_sql(
            "INSERT INTO users (name, email) "
            "SELECT 'm' || n, 'm' || n || '@example.org' FROM generate_series(1, %s) AS n RETURNING id",
            (members,),
        ).scalars()
        everybody = list(ids)
    start = time.perf_counter()
    count = load(engine, account_id, everybody, entries // ENTRIES_PER_SUBSCRIPTION)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    print(f"pool of {members:,} members, {count:,} entries; loaded in {time.perf_counter() - start:.1f} s")
    posting = seconds(lambda: post_range(engine, account_id, POOL_TICKETS, DEALS_PER_ROUND, 1))
    print(f"{'post_deal + COMMIT in it':26} {DEALS_PER_ROUND / posting:8.0f} /s")
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        someone = connection.exec_driver_sql("SELECT max(user_id) FROM ledger_lots").scalar_one()
        bare = [seconds(lambda: read_bare(connection, account_id, someone)) for _ in range(ROUNDS)]
        one = [seconds(lambda: statement_now(connection, account_id, someone).statement) for _ in range(ROUNDS)]
        print(f"{'its rows, bare SELECTs':26} {1000 * median(bare):8.1f} ms")
        ratio = median(a / b for a, b in zip(one, bare, strict=True))
        print(f"{'one statement':26} {1000 * median(one):8.1f} ms  {ratio:5.2f} x the time of the bare SELECTs")
    start = time.perf_counter()
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        statements = all_statements(connection, account_id)
    folded, all_s = sum(1 for _ in statements), time.perf_counter() - start
    print(f"{'every statement, no days':26} {all_s:8.1f} s   {folded / all_s:.0f} /s")
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        raw_s = seconds(lambda: read_everything(connection, account_id))
        print(f"{'every entry, bare SELECT':26} {raw_s:8.1f} s   {count / raw_s:,.0f} entries/s")
        found = []
        verify_s = seconds(lambda: found.extend(verify_chain(connection, account_id)))
        rate = f"{count / verify_s:,.0f} entries/s, {verify_s / raw_s:.2f} x the bare SELECT"
        print(f"{'verify the chain':26} {verify_s:8.1f} s   {rate}, sound: {found[0].sound}")


def read_bare(connection: Connection, account_id: int, member: int) -> None:
    """Fetch what a statement is made of, and do nothing with it: everybody's units, the days, the member's lines."""
    for query in (HELD, CLOSES, MOVEMENTS):
        connection.exec_driver_sql(query, {"account": account_id, "member": member}).all()


def read_everything(connection: Connection, account_id: int) -> None:
    """Fetch every entry, some thousand at a time."""
    options = {"stream_results": True, "max_row_buffer": FETCH_ROWS}
    rows = connection.exec_driver_sql(ALL_ENTRIES, {"account": account_id, "after": 0}, execution_options=options)
    while rows.fetchmany(FETCH_ROWS):
        pass


def main() -> None:
    """Run both, at the scale asked for."""
    members = int(sys.argv[1]) if len(sys.argv) > 1 else MEMBERS
    entries = int(sys.argv[2]) if len(sys.argv) > 2 else ENTRIES
    with server() as engine:
        bench_postings(engine)
        bench_pool(engine, members, entries)


if __name__ == "__main__":
    main()
