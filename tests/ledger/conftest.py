"""A migrated database, an account with two members, and a broker whose word is taken."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from zmq_bridge.protocol.published import Snapshot
from zmq_bridge.protocol.values import Account, Deal, DealEntry, DealType
from zmq_bridge.storage.accounts import ensure_account
from zmq_bridge.storage.ledger.posting import AlreadyPosted, Posted, post_deal
from zmq_bridge.storage.ledger.reconcile import Agreed, Broken, Waiting, reconcile
from zmq_bridge.storage.trading.events import insert_event

LOGIN = 5001


@dataclass
class Broker:
    """An account at a broker: what it says, and what it has told the bridge."""

    engine: Engine
    account_id: int
    session: int = 1_000
    seq: int = 0
    snapshots: int = 0
    ticket: int = 0
    balance: Decimal = Decimal(0)
    credit: Decimal = Decimal(0)
    floating: Decimal = Decimal(0)
    books: dict[int, Deal] = field(default_factory=dict)

    def deal(
        self,
        kind: DealType,
        profit: str = "0",
        *,
        commission: str = "0",
        swap: str = "0",
        fee: str = "0",
        entry: DealEntry = "in",
        comment: str = "",
    ) -> Deal:
        """Book a deal at the broker."""
        self.ticket += 1
        made = Deal(
            ticket=self.ticket, order=0, position=0, symbol="", type=kind, entry=entry, volume=Decimal(0),
            price=Decimal(0), profit=Decimal(profit), commission=Decimal(commission), swap=Decimal(swap),
            fee=Decimal(fee), time_msc=1_000 * self.ticket, comment=comment,
        )  # fmt: skip
        amount = made.profit + made.commission + made.swap + made.fee
        if kind == "credit":
            self.credit += amount
        else:
            self.balance += amount
        self.books[made.ticket] = made
        return made

    def tell(self, deal: Deal, connection: Connection | None = None) -> Posted | AlreadyPosted:
        """Send a deal as the next event, and have it posted in one transaction."""
        if connection is None:
            with self.engine.begin() as own:
                return self.tell(deal, own)
        self.seq += 1
        insert_event(connection, self.account_id, self.session, self.seq, kind="deal", data={"ticket": deal.ticket})
        return post_deal(connection, self.account_id, deal)

    def does(self, kind: DealType, profit: str = "0", **words: str) -> Posted:
        """Book a deal and tell it at once."""
        told = self.tell(self.deal(kind, profit, **words))  # type: ignore[arg-type]  # entry is one of four words
        assert isinstance(told, Posted)
        return told

    def snapshot(self, *, event_seq: int | None = None, **changed: Decimal) -> Snapshot:
        """Say what the account looks like now."""
        self.snapshots += 1
        account = Account(
            login=LOGIN, server="Test", currency="USD", currency_digits=2, leverage=100, margin_mode="hedging",
            balance=self.balance, credit=self.credit, profit=self.floating,
            equity=self.balance + self.credit + self.floating, margin=Decimal(0), margin_free=Decimal(0),
            trade_allowed=True, trade_expert=True,
        )  # fmt: skip
        return Snapshot(
            login=LOGIN, session=self.session, seq=self.snapshots, time_msc=0,
            event_seq=self.seq if event_seq is None else event_seq, account=replace(account, **dict[str, Any](changed)),
        )  # fmt: skip

    def agrees(self, snapshot: Snapshot | None = None, *, at: datetime | None = None) -> Agreed | Waiting | Broken:
        """Have the ledger compared with a snapshot."""
        with self.engine.begin() as connection:
            return reconcile(
                connection, self.account_id, snapshot or self.snapshot(), received_at=at or datetime.now(UTC)
            )


@pytest.fixture
def account_id(engine: Engine) -> int:
    """An account in dollars."""
    with engine.begin() as connection:
        return ensure_account(
            connection, login=LOGIN, server="Test", currency="USD", currency_digits=2, margin_mode="hedging",
            leverage=100,
        ).id  # fmt: skip


@pytest.fixture
def members(engine: Engine) -> tuple[int, int, int]:
    """Ann, Bob, and Max who manages."""
    with engine.begin() as connection:
        rows = connection.exec_driver_sql(
            "INSERT INTO users (name, email) VALUES ('Ann', 'a@example.org'), ('Bob', 'b@example.org'), "
            "('Max', 'm@example.org') RETURNING id"
        )
        ann, bob, manager = rows.scalars().all()
        return ann, bob, manager


@pytest.fixture
def broker(engine: Engine, account_id: int) -> Broker:
    """The broker of that account, whose empty books agree with ours."""
    broker = Broker(engine=engine, account_id=account_id)
    assert isinstance(broker.agrees(), Agreed)
    return broker


@pytest.fixture
def server_now(broker: Broker) -> datetime:
    """The trade server's clock, in the middle of a month: a period ends only where a test lets one end."""
    now = datetime.now(UTC)
    server_now = now.replace(day=20, hour=12)
    with broker.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO terminals (account_id, role, session, server_offset_s) VALUES (%s, 'desk', 1, %s)",
            (broker.account_id, int((server_now - now).total_seconds())),
        )
    return server_now
