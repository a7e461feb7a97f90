"""What `status` and `doctor` read."""

from zmq_bridge.storage.accounts import ensure_account
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.locks import Lock, disown, own
from zmq_bridge.storage.trading.overview import accounts_standing, schema_standing, server_standing


def test_a_migrated_database_has_the_expected_schema(database: str) -> None:
    engine = create_engine(database)
    with engine.connect() as connection:
        assert schema_standing(connection).current
        assert server_standing(connection).connections_max > 0
    engine.dispose()


def test_an_empty_database_has_no_schema(empty_database: str) -> None:
    engine = create_engine(empty_database)
    with engine.connect() as connection:
        found = schema_standing(connection)
    engine.dispose()
    assert found.found is None
    assert not found.current


def test_an_account_is_served_while_a_desk_owns_it(database: str) -> None:
    engine = create_engine(database)
    with engine.begin() as connection:
        account = ensure_account(
            connection, login=7, server="Demo", currency="USD", currency_digits=2, margin_mode="hedging", leverage=100
        )
    with engine.connect() as reader, engine.connect() as desk:
        assert [found.served for found in accounts_standing(reader)] == [False]
        assert own(desk, Lock.OWNER, account.id)
        assert [found.served for found in accounts_standing(reader)] == [True]
        assert disown(desk, Lock.OWNER, account.id)
        assert [found.served for found in accounts_standing(reader)] == [False]
    engine.dispose()
