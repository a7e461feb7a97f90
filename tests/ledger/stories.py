"""What tests of the stored ledger do over and over, and how they look at the result."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import Connection

from ledger.book import Book
from ledger.fees import FeeTerms
from ledger.journal import Transaction
from tests.ledger.conftest import Broker
from zmq_bridge.storage.ledger.breaks import Break, open_breaks
from zmq_bridge.storage.ledger.history import transactions
from zmq_bridge.storage.ledger.pool import Terms, load_pool
from zmq_bridge.storage.ledger.request_list import Request, get_request
from zmq_bridge.storage.ledger.requests import request_redemption, request_subscription
from zmq_bridge.storage.ledger.shares import Shares, shares
from zmq_bridge.storage.ledger.terms import set_terms
from zmq_bridge.storage.ledger.verify import Verification, verify_chain


def asks_to_pay_in(broker: Broker, member: int, amount: str) -> Request:
    """Make a subscription request."""
    with broker.engine.begin() as connection:
        request = request_subscription(connection, broker.account_id, member, Decimal(amount))
    assert isinstance(request, Request)
    return request


def asks_to_take_out(broker: Broker, member: int, amount: str | None) -> Request:
    """Make a redemption request; no amount is a full exit."""
    with broker.engine.begin() as connection:
        cash = None if amount is None else Decimal(amount)
        request = request_redemption(connection, broker.account_id, member, cash)
    assert isinstance(request, Request)
    return request


def pays_in(broker: Broker, member: int, amount: str) -> Request:
    """Ask, then send the money with the reference."""
    request = asks_to_pay_in(broker, member, amount)
    broker.does("balance", amount, comment=f"deposit {request.reference}")
    return read(broker, request)


def takes_out(broker: Broker, member: int, amount: str) -> Request:
    """Ask, then withdraw the money with the reference."""
    request = asks_to_take_out(broker, member, amount)
    broker.does("balance", f"-{amount}", comment=request.reference)
    return read(broker, request)


def read(broker: Broker, request: Request) -> Request:
    """Read a request again."""
    with broker.engine.connect() as connection:
        found = get_request(connection, request.kind, request.id)
    assert found is not None
    return found


def shares_of(broker: Broker) -> Shares:
    """Return everybody's share."""
    with broker.engine.connect() as connection:
        return shares(connection, broker.account_id)


def values(broker: Broker) -> dict[int, Decimal]:
    """Return everybody's value by member."""
    return {share.user_id: share.value for share in shares_of(broker).members}


def breaks(broker: Broker) -> list[Break]:
    """Return the open breaks."""
    with broker.engine.connect() as connection:
        return open_breaks(connection, broker.account_id)


def trading_state(broker: Broker) -> str:
    """Return what the account may do."""
    with broker.engine.connect() as connection:
        query = "SELECT trading_state FROM trading_states WHERE account_id = %s"
        return str(connection.exec_driver_sql(query, (broker.account_id,)).scalar_one())


def verified(connection: Connection, account_id: int) -> Verification:
    """Verify one account's books."""
    (found,) = verify_chain(connection, account_id)
    return found


def assert_sound(broker: Broker) -> Verification:
    """Fail unless the books verify."""
    with broker.engine.connect() as connection:
        found = verified(connection, broker.account_id)
    assert found.problems == ()
    return found


def agree_on(
    broker: Broker, manager: int, *, management: str = "0", performance: str = "0", period: str = "month"
) -> None:
    """Agree on fees from now on; it must be possible."""
    fees = FeeTerms(management_rate=Decimal(management), performance_rate=Decimal(performance), manager=manager)
    with broker.engine.begin() as connection:
        assert set_terms(connection, broker.account_id, Terms(fees=fees, period=period), actor="eve") is None


def days_pass(broker: Broker, days: float) -> None:
    """Move the moments up to which fees are accrued and crystallised into the past."""
    with broker.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE ledger_reconciliations SET accrued_at = clock_timestamp() - %(past)s,"
            " crystallised_at = clock_timestamp() - %(past)s",
            {"past": timedelta(days=days)},
        )


def a_snapshot_is_fresh(broker: Broker) -> None:
    """Let units be dealt in, without the fee runs that an agreement brings."""
    with broker.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE ledger_reconciliations SET agreed_at = clock_timestamp()")


def accrued(broker: Broker) -> Decimal:
    """Return the management fee that is owed and not yet units."""
    with broker.engine.connect() as connection:
        return load_pool(connection, broker.account_id).accrued


def rebuilt(account_id: int, currency: str, digits: int, history: Iterable[Transaction]) -> Book:
    """Return the book that a history adds up to."""
    book = Book(account_id=account_id, currency=currency, digits=digits)
    for transaction in history:
        book.post(transaction)
    return book


def stored_book(broker: Broker) -> Book:
    """Return the book that the stored history in dollars adds up to."""
    with broker.engine.connect() as connection:
        history = (stored.transaction for stored in transactions(connection, broker.account_id))
        return rebuilt(broker.account_id, "USD", 2, history)
