"""What the database itself refuses, whoever asks; and what verification sees when somebody got past it."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError, ProgrammingError

from ledger.fees import FeeTerms
from tests.ledger.conftest import Broker
from tests.ledger.stories import assert_sound, pays_in, takes_out, verified
from zmq_bridge.embedded import EmbeddedPostgres
from zmq_bridge.embedded.postgres import SUPERUSER
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.ledger.pool import Terms, keep_price, load_pool
from zmq_bridge.storage.ledger.posting import post_deal
from zmq_bridge.storage.ledger.prices import SNAPSHOT
from zmq_bridge.storage.ledger.terms import set_terms
from zmq_bridge.storage.migrations import migrate

BOOKS = ("ledger_transactions", "ledger_entries", "ledger_lot_changes", "ledger_terms", "ledger_prices")
APPLICATION = "zmq_bridge_app"


@pytest.fixture
def busy(broker: Broker, members: tuple[int, int, int]) -> Broker:
    """An account with some history."""
    ann, bob, manager = members
    fees = FeeTerms(management_rate=Decimal("0.01"), performance_rate=Decimal("0.10"), manager=manager)
    with broker.engine.begin() as connection:
        set_terms(connection, broker.account_id, Terms(fees=fees), actor="eve")
    pays_in(broker, ann, "1000.00")
    broker.does("sell", "50.00", entry="out", commission="-3.00")
    broker.agrees()
    pays_in(broker, bob, "500.00")
    takes_out(broker, ann, "100.00")
    return broker


@pytest.mark.parametrize("table", BOOKS)
@pytest.mark.parametrize(
    "change", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"], ids=["update", "delete", "truncate"]
)
def test_the_books_only_grow(busy, table, change):
    with pytest.raises(IntegrityError, match="APPEND_ONLY"), busy.engine.begin() as connection:
        connection.exec_driver_sql(change.format(table))
    assert_sound(busy)


def add_transaction(connection: Connection, account_id: int, *, prev_hash: str | None = None) -> int:
    """Write a transaction row by hand, chained as it should be."""
    head = "SELECT hash FROM ledger_heads WHERE account_id = %(account)s"
    values = {
        "account": account_id,
        "prev": prev_hash or connection.exec_driver_sql(head, {"account": account_id}).scalar(),
    }
    added = connection.exec_driver_sql(
        "INSERT INTO ledger_transactions (account_id, cause, kind, at, prev_hash, hash) "
        "VALUES (%(account)s, 'by hand', 'deal', now(), %(prev)s, repeat('f', 64)) RETURNING id",
        values,
    )
    return int(added.scalar_one())


def add_entry(connection: Connection, transaction_id: int, kind: str, amount: str) -> None:
    connection.exec_driver_sql(
        "INSERT INTO ledger_entries (transaction_id, ledger_account_id, currency, amount) "
        "SELECT %(transaction)s, id, currency, %(amount)s FROM ledger_accounts WHERE kind = %(kind)s",
        {"transaction": transaction_id, "kind": kind, "amount": amount},
    )


def test_an_unbalanced_transaction_is_refused_at_commit(busy):
    connection = busy.engine.connect()
    transaction_id = add_transaction(connection, busy.account_id)
    add_entry(connection, transaction_id, "broker", "5.00")
    add_entry(connection, transaction_id, "trading", "-4.99")
    with pytest.raises(IntegrityError, match=r"LEDGER_UNBALANCED.*found 0\.01"):
        connection.commit()
    connection.close()
    assert_sound(busy)


def test_a_balanced_one_is_accepted_so_the_check_above_can_fail(busy):
    with busy.engine.begin() as connection:
        transaction_id = add_transaction(connection, busy.account_id)
        add_entry(connection, transaction_id, "broker", "5.00")
        add_entry(connection, transaction_id, "trading", "-5.00")


def test_an_entry_added_to_an_old_transaction_is_refused(busy):
    connection = busy.engine.connect()
    first = connection.exec_driver_sql("SELECT min(transaction_id) FROM ledger_entries").scalar_one()
    add_entry(connection, first, "broker", "5.00")
    with pytest.raises(IntegrityError, match="LEDGER_UNBALANCED"):
        connection.commit()
    connection.close()


def test_an_entry_of_zero_is_refused(busy):
    with pytest.raises(IntegrityError, match="amount"), busy.engine.begin() as connection:
        add_entry(connection, add_transaction(connection, busy.account_id), "broker", "0.00")


def test_an_entry_in_another_currency_than_its_account_is_refused(busy):
    with pytest.raises(IntegrityError, match="foreign key"), busy.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO ledger_entries (transaction_id, ledger_account_id, currency, amount) "
            "SELECT %s, id, 'EUR', 1 FROM ledger_accounts WHERE kind = 'broker'",
            (add_transaction(connection, busy.account_id),),
        )


def test_a_transaction_that_forks_the_chain_is_refused(busy):
    with pytest.raises(IntegrityError, match="LEDGER_CHAIN"), busy.engine.begin() as connection:
        add_transaction(connection, busy.account_id, prev_hash="0" * 64)


def test_a_cause_happens_once(busy):
    with busy.engine.begin() as connection:
        add_transaction(connection, busy.account_id)
    with pytest.raises(IntegrityError, match="account_id_cause"), busy.engine.begin() as connection:
        add_transaction(connection, busy.account_id)


# somebody with the keys to the house


@pytest.fixture
def intruder(busy: Broker, postgres_server: EmbeddedPostgres) -> Iterator[Engine]:
    """A superuser's engine on the same database, every trigger off."""
    url = busy.engine.url.set(username=SUPERUSER)
    engine = create_engine(url.render_as_string(hide_password=False))
    yield engine
    engine.dispose()


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE ledger_entries SET amount = amount * 2 "
        "WHERE transaction_id = (SELECT min(transaction_id) FROM ledger_entries)",
        "UPDATE ledger_entries SET ledger_account_id = (SELECT id FROM ledger_accounts WHERE kind = 'trading') "
        "WHERE ledger_account_id = (SELECT id FROM ledger_accounts WHERE kind = 'suspense')",
        "UPDATE ledger_transactions SET at = at + interval '1 microsecond' WHERE cause = 'deal:2'",
        "UPDATE ledger_transactions SET cause = 'deal:22' WHERE cause = 'deal:2'",
        "UPDATE ledger_transactions SET detail = detail || '{\"amount\": \"1\"}' WHERE cause = 'deal:2'",
        "UPDATE ledger_transactions SET kind = 'release' WHERE cause = 'deal:2'",
        "UPDATE ledger_lot_changes SET cash = cash + 1 WHERE id = (SELECT min(id) FROM ledger_lot_changes)",
        "DELETE FROM ledger_entries WHERE transaction_id = (SELECT max(transaction_id) FROM ledger_entries)",
        "DELETE FROM ledger_lot_changes WHERE id = (SELECT max(id) FROM ledger_lot_changes)",
        "DELETE FROM ledger_entries; DELETE FROM ledger_lot_changes; DELETE FROM ledger_transactions",
        "UPDATE ledger_accounts SET balance = balance + 1 WHERE kind = 'broker'",
        "UPDATE ledger_lots SET units = units + 1",
        "UPDATE ledger_lots SET mark_nav = mark_nav * 2",
        "UPDATE ledger_heads SET transactions = transactions - 1",
        "UPDATE ledger_price_heads SET prices = prices - 1",
        "DELETE FROM ledger_price_heads",
        "UPDATE ledger_suspense SET settled_by = NULL",
        "DELETE FROM ledger_lots",
        "UPDATE ledger_lots SET opened = -opened",  # which one a redemption burns first
        "UPDATE ledger_suspense SET amount = CASE ticket WHEN 1 THEN 500 ELSE 1000 END WHERE amount > 0",
        "UPDATE ledger_suspense SET settled_by = 'deal:2' WHERE ticket = 1",
        "UPDATE ledger_suspense SET request = NULL WHERE amount < 0",
        "DELETE FROM ledger_suspense",
        "UPDATE redemptions SET settled_amount = settled_amount + 1",
        "UPDATE redemptions SET status = 'owed'",
        "UPDATE redemptions SET user_id = (SELECT max(user_id) FROM subscriptions)",
        "UPDATE subscriptions SET units = units + 1",
        "UPDATE subscriptions SET status = 'pending' WHERE amount = 1000",
    ],
)
def test_an_edit_behind_the_databases_back_is_found(busy, intruder, edit):
    with intruder.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql(edit)
    with busy.engine.connect() as connection:
        assert not verified(connection, busy.account_id).sound


SURROGATES = {"id"}  # numbers of rows: they say nothing, and the order they give is in the chain
OTHER = {
    "bigint": "{} + 1", "numeric": "coalesce({}, 0) + 0.00000001", "text": "coalesce({}, '') || 'x'",
    "jsonb": "{} || '{{\"more\": \"x\"}}'", "timestamp with time zone": "{} + interval '1 microsecond'",
    "date": "{} + 1",
}  # fmt: skip
NAMED = {"hash": "reverse({})", "prev_hash": "reverse({})", "period": "'year'"}  # columns that take only some values
COLUMNS = (
    "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s"
)


@pytest.mark.parametrize("table", BOOKS)
def test_an_edit_of_any_column_of_any_row_is_found(busy, intruder, table):
    """Every column of the first, a middle and the last row of the books, one at a time, by a superuser."""
    with busy.engine.connect() as connection:
        ids = connection.exec_driver_sql(f"SELECT id FROM {table} ORDER BY id").scalars().all()
        columns = {row.column_name: row.data_type for row in connection.exec_driver_sql(COLUMNS, (table,))}
    edits = 0
    for column, kind in columns.items():
        for row in {ids[0], ids[len(ids) // 2], ids[-1]}:
            if column in SURROGATES:
                continue
            change = NAMED.get(column) or OTHER[kind]
            with intruder.connect() as connection:
                connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
                edit = f"UPDATE {table} SET {column} = {change.format(column)} WHERE id = {row} RETURNING 1"
                reversed_genesis = column == "prev_hash" and row == ids[0]
                assert reversed_genesis or connection.exec_driver_sql(edit).scalar() == 1
                edits += 1
                assert reversed_genesis or not verified(connection, busy.account_id).sound, edit
                connection.rollback()
    assert edits >= len(columns) - len(SURROGATES)
    assert_sound(busy)


def test_a_transaction_taken_out_of_the_middle_is_found_by_its_broken_link(busy, intruder):
    with intruder.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql(
            "DELETE FROM ledger_entries USING ledger_transactions AS t WHERE transaction_id = t.id AND cause = 'deal:2'"
        )
        connection.exec_driver_sql("DELETE FROM ledger_transactions WHERE cause = 'deal:2'")
    with busy.engine.connect() as connection:
        problems = verified(connection, busy.account_id).problems
    assert "expected prev_hash" in problems[0]
    assert any("balance of broker" in problem for problem in problems)


def test_a_forged_row_that_is_no_transaction_is_found_and_not_stumbled_over(busy, intruder):
    with intruder.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql("UPDATE ledger_transactions SET kind = 'magic' WHERE cause = 'deal:2'")
    with busy.engine.connect() as connection:
        assert any("magic" in problem for problem in verified(connection, busy.account_id).problems)


@pytest.mark.parametrize("cut", [1, 2])
def test_newest_prices_that_no_dealing_asked_for_are_not_cut_off_unseen(busy, intruder, cut):
    with busy.engine.begin() as connection:
        for _ in range(2):
            keep_price(connection, load_pool(connection, busy.account_id), SNAPSHOT)
    before = assert_sound(busy)
    with intruder.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        newest = "SELECT id FROM ledger_prices ORDER BY id DESC LIMIT %s"
        connection.exec_driver_sql(f"DELETE FROM ledger_prices WHERE id IN ({newest})", (cut,))
    with busy.engine.connect() as connection:
        (problem,) = verified(connection, busy.account_id).problems
    assert f"prices: expected {before.prices}, the newest with hash {before.price_head}, found" in problem


def test_untouched_books_are_sound(busy):
    found = assert_sound(busy)
    assert (found.transactions, found.entries) == (11, 26)


# the application's role


@pytest.fixture
def application(postgres_server: EmbeddedPostgres, empty_database: str, postgres_url: str) -> Iterator[Engine]:
    """An engine of the application's role on a database that a superuser has migrated."""
    name = empty_database.partition("?")[0].rpartition("/")[2]
    admin_url = postgres_server.url(name, SUPERUSER)
    migrate(admin_url)
    engine = create_engine(admin_url)
    yield engine
    engine.dispose()


def test_the_applications_role_can_post_and_never_change(application, empty_database):
    with application.begin() as connection:
        connection.exec_driver_sql(f"SET LOCAL ROLE {APPLICATION}")
        account_id = connection.exec_driver_sql(
            "INSERT INTO accounts (login, server, currency, margin_mode, leverage) "
            "VALUES (1, 's', 'USD', 'hedging', 1) RETURNING id"
        ).scalar_one()
        broker = Broker(engine=application, account_id=account_id)
        post_deal(connection, account_id, broker.deal("sell", "5.00", entry="out"))
    for change in FORBIDDEN:
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
            as_application(application, change)


HIDING = (
    "CREATE TEMPORARY TABLE ledger_entries (transaction_id bigint, currency text, amount numeric)",
    "CREATE TEMPORARY TABLE ledger_accounts (id bigint, balance numeric)",
    "CREATE TEMPORARY TABLE ledger_heads (account_id bigint, hash text, transactions bigint)",
)


def test_tables_of_the_same_name_do_not_hide_the_books_from_their_guards(application, empty_database):
    with application.begin() as connection:
        connection.exec_driver_sql(f"SET LOCAL ROLE {APPLICATION}")
        account_id = connection.exec_driver_sql(
            "INSERT INTO accounts (login, server, currency, margin_mode, leverage) "
            "VALUES (1, 's', 'USD', 'hedging', 1) RETURNING id"
        ).scalar_one()
        broker = Broker(engine=application, account_id=account_id)
        post_deal(connection, account_id, broker.deal("sell", "5.00", entry="out"))
    connection = application.connect()
    connection.exec_driver_sql(f"SET ROLE {APPLICATION}")
    keys = connection.exec_driver_sql("SELECT kind, id FROM ledger_accounts").all()
    head = connection.exec_driver_sql("SELECT hash FROM ledger_heads").scalar_one()
    for statement in HIDING:
        connection.exec_driver_sql(statement)
    added = connection.exec_driver_sql(
        "INSERT INTO public.ledger_transactions (account_id, cause, kind, at, prev_hash, hash) "
        "VALUES (%s, 'by hand', 'deal', now(), %s, repeat('f', 64)) RETURNING id",
        (account_id, head),
    ).scalar_one()
    connection.exec_driver_sql(
        "INSERT INTO public.ledger_entries (transaction_id, ledger_account_id, currency, amount) "
        "VALUES (%s, %s, 'USD', 5)",
        (added, dict(keys)["broker"]),
    )
    with pytest.raises(IntegrityError, match="LEDGER_UNBALANCED"):
        connection.commit()
    connection.close()


FORBIDDEN = (
    *(f"UPDATE {table} SET id = id" for table in (*BOOKS, "audit_log")),
    *(f"DELETE FROM {table}" for table in (*BOOKS, "audit_log", "ledger_lots", "ledger_heads", "ledger_price_heads")),
    "UPDATE ledger_accounts SET balance = 0",
    "UPDATE ledger_heads SET hash = ''",
    "UPDATE ledger_price_heads SET prices = 0",
    "UPDATE ledger_suspense SET amount = 0",
    "INSERT INTO ledger_accounts (account_id, kind, currency, balance) VALUES (1, 'x', 'USD', 5)",
    "TRUNCATE ledger_entries",
    "DROP TRIGGER audit_log_stays ON audit_log",
    "CREATE TEMPORARY TABLE mine (ledger_account_id bigint, amount numeric); CREATE TRIGGER bent AFTER INSERT ON mine "
    "REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_add_balances(); "
    "INSERT INTO mine SELECT id, 1000 FROM ledger_accounts",
    *(f"DELETE FROM {table}" for table in ("subscriptions", "redemptions", "ledger_suspense", "ledger_breaks")),
)


def as_application(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SET LOCAL ROLE {APPLICATION}")
        connection.exec_driver_sql(statement)
