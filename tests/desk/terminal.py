"""A terminal for tests, by hand: plain pyzmq and the wire's messages. It does only what a test tells it to."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import zmq

from tests.support import wait_until
from zmq_bridge.protocol.commands import Command
from zmq_bridge.protocol.dialogue import ErrorReply, Hello, Program, Pull, Welcome, Work
from zmq_bridge.protocol.messages import TerminalReply, TerminalRequest, decode_terminal_reply, encode, encode_frame
from zmq_bridge.protocol.published import Books, CommandResult, Event, EventData, Role, Snapshot
from zmq_bridge.protocol.values import Account, Deal, Order, Position, Spec

CONTEXT: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
LOGIN = 123456
SERVER = "Demo-1"
SESSION = 1_700_000_000_000
START_MSC = 1_700_000_000_000
ZERO = Decimal(0)
PATIENCE_MS = 60_000

EURUSD = Spec(
    symbol="EURUSD", digits=5, point=Decimal("0.00001"), tick_size=Decimal("0.00001"), tick_value=Decimal(1),
    contract_size=Decimal(100000), volume_min=Decimal("0.01"), volume_max=Decimal(100), volume_step=Decimal("0.01"),
    calc_mode="forex", currency_base="EUR", currency_profit="USD", currency_margin="EUR", filling_mode=3,
    execution_mode="market", trade_mode="full", sessions=tuple((day, 0, 86400) for day in range(7)),
)  # fmt: skip


def account(login: int = LOGIN, **changes: Any) -> Account:
    """Ten thousand, nothing open."""
    said: dict[str, Any] = {
        "login": login, "server": SERVER, "currency": "USD", "currency_digits": 2, "leverage": 100,
        "margin_mode": "hedging", "balance": Decimal(10000), "equity": Decimal(10000), "credit": ZERO, "profit": ZERO,
        "margin": ZERO, "margin_free": Decimal(10000), "trade_allowed": True, "trade_expert": True,
    }  # fmt: skip
    return Account(**{**said, **changes})


def position(ticket: int, **changes: Any) -> Position:
    """An open buy."""
    said: dict[str, Any] = {
        "ticket": ticket, "symbol": "EURUSD", "side": "buy", "volume": Decimal("0.1"), "price_open": Decimal("1.1"),
        "price_current": Decimal("1.1001"), "sl": Decimal("1.09"), "profit": Decimal(1), "time_msc": START_MSC,
    }  # fmt: skip
    return Position(**{**said, **changes})


def resting_order(ticket: int, **changes: Any) -> Order:
    """A buy limit."""
    said: dict[str, Any] = {
        "ticket": ticket, "symbol": "EURUSD", "order_type": "buy_limit", "state": "placed",
        "volume_initial": Decimal("0.1"), "volume_current": Decimal("0.1"), "price_open": Decimal("1.09"),
        "time_setup_msc": START_MSC,
    }  # fmt: skip
    return Order(**{**said, **changes})


def deal(ticket: int, **changes: Any) -> Deal:
    """A buy that opened a position."""
    said: dict[str, Any] = {
        "ticket": ticket, "order": ticket + 1000, "position": ticket + 1000, "symbol": "EURUSD", "type": "buy",
        "entry": "in", "volume": Decimal("0.1"), "price": Decimal("1.1"), "profit": ZERO,
        "commission": Decimal("-0.70"), "swap": ZERO, "fee": ZERO, "time_msc": START_MSC + ticket,
    }  # fmt: skip
    return Deal(**{**said, **changes})


def deposit(ticket: int, amount: str = "10000") -> Deal:
    """Money that the broker credited."""
    return deal(
        ticket, order=0, position=0, symbol="", type="balance", volume=ZERO, price=ZERO, profit=Decimal(amount),
        commission=ZERO,
    )  # fmt: skip


class Refused(Exception):
    """The desk answered with an error."""

    def __init__(self, reply: ErrorReply) -> None:
        super().__init__(f"{reply.code}: {reply.message} (expected {reply.expected}, found {reply.found})")
        self.reply = reply


class Terminal:
    """One connection, one session."""

    def __init__(
        self, endpoint: str, *, login: int = LOGIN, session: int = SESSION, role: Role = "both",
        correlate: bool = False, username: str = "", password: str = "",
    ) -> None:  # fmt: skip
        self.login, self.session, self.role = login, session, role
        self.event_seq = 0
        self.snapshot_seq = 0
        self.endpoint = endpoint
        self.socket = CONTEXT.socket(zmq.REQ)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.REQ_RELAXED, 1)
        self.socket.setsockopt(zmq.SNDTIMEO, 2000)  # a peer that was refused has no pipe to send into
        if correlate:
            self.socket.setsockopt(zmq.REQ_CORRELATE, 1)
        if username:
            self.socket.setsockopt_string(zmq.PLAIN_USERNAME, username)
            self.socket.setsockopt_string(zmq.PLAIN_PASSWORD, password)
        self.socket.connect(endpoint)

    def close(self) -> None:
        """Go without a word."""
        self.socket.close()

    def send(self, request: TerminalRequest) -> None:
        """Send a request, giving up one under way."""
        try:
            self.socket.send(encode(request))
        except zmq.Again:
            raise TimeoutError("nobody takes the request") from None

    def receive(self, timeout_ms: int = PATIENCE_MS) -> TerminalReply:
        """Wait for the reply."""
        if not self.socket.poll(timeout_ms):
            raise TimeoutError(f"no reply within {timeout_ms} ms")
        reply = decode_terminal_reply(self.socket.recv())
        if isinstance(reply, ErrorReply):
            raise Refused(reply)
        return reply

    def receive_work(self) -> Work:
        """Wait for the answer to a pull."""
        reply = self.receive()
        assert isinstance(reply, Work)
        return reply

    def ask(self, request: TerminalRequest, timeout_ms: int = PATIENCE_MS) -> TerminalReply:
        """Send and wait."""
        self.send(request)
        return self.receive(timeout_ms)

    def books(self, *, balance: str = "0", positions: Sequence[Position] = (), orders: Sequence[Order] = ()) -> Books:
        """The account as a hello tells it."""
        return Books(
            event_seq=self.event_seq, seq=self.snapshot_seq, time_msc=START_MSC, account=self.account(balance),
            positions=tuple(positions), orders=tuple(orders),
        )  # fmt: skip

    def account(self, balance: str) -> Account:
        """The account with a balance, nothing floating."""
        amount = Decimal(balance)
        return account(self.login, balance=amount, equity=amount, margin_free=amount)

    def hello_message(self, **changes: Any) -> Hello:
        """What this terminal says first."""
        said: dict[str, Any] = {
            "login": self.login, "session": self.session, "versions": (1,), "server": SERVER, "role": self.role,
            "program": Program(name="scripted", version="1"), "clock_ms": START_MSC, "server_offset_s": 7200,
            "snapshot": None if self.role == "feed" else self.books(), "symbols": (EURUSD,),
        }  # fmt: skip
        return Hello(**{**said, **changes})

    def hello(self, **changes: Any) -> Welcome:
        """Open the session, trying again while the books are slow."""
        reply = wait_until(lambda: self._greet(self.hello_message(**changes)), PATIENCE_MS / 1000)
        assert isinstance(reply, Welcome)
        return reply

    def _greet(self, hello: Hello) -> TerminalReply | None:
        try:
            return self.ask(hello)
        except Refused as refused:
            if refused.reply.code != "UNAVAILABLE":
                raise
            return None

    def event(self, data: EventData) -> Event:
        """Number something that happened."""
        self.event_seq += 1
        return Event(login=self.login, session=self.session, seq=self.event_seq, data=data)

    def result(self, command: Command, status: str = "done", **changes: Any) -> Event:
        """An event that tells what became of a command."""
        said: dict[str, Any] = {"command_id": command.command_id, "status": status, "retcode": 10009}
        return self.event(CommandResult(**{**said, **changes}))

    def news(
        self, *, balance: str = "0", positions: Sequence[Position] = (), orders: Sequence[Order] = ()
    ) -> Books:
        """The account as the next pull tells it."""
        self.snapshot_seq += 1
        return self.books(balance=balance, positions=positions, orders=orders)

    def pull(self, *events: Event, wait_ms: int = 0, snapshot: Books | None = None) -> Work:
        """Ask for work."""
        self.send(self.pull_message(*events, wait_ms=wait_ms, snapshot=snapshot))
        return self.receive_work()

    def pull_message(self, *events: Event, wait_ms: int = 0, snapshot: Books | None = None) -> Pull:
        """The request alone."""
        return Pull(login=self.login, session=self.session, wait_ms=wait_ms, events=events, snapshot=snapshot)

    def pull_command(self, kind: str = "place_order") -> Command:
        """Pull until a command of the kind comes, leaving others."""
        return wait_until(lambda: self._pull_for(kind), PATIENCE_MS / 1000, f"no {kind} came")

    def _pull_for(self, kind: str) -> Command | None:
        return next((each for each in self.pull(wait_ms=1000).commands if each.kind == kind), None)

    def deliver(self, *events: Event) -> None:
        """Bring events until each is acknowledged."""
        left = {event.key: event for event in events}

        def is_done() -> bool:
            for ack in self.pull(*left.values(), wait_ms=1000).acks:
                left.pop(ack, None)
            return not left

        wait_until(is_done, PATIENCE_MS / 1000, "an event was never acknowledged")

    def snapshot(
        self, *, balance: str = "0", positions: Sequence[Position] = (), orders: Sequence[Order] = ()
    ) -> Snapshot:
        """The next snapshot to publish."""
        self.snapshot_seq += 1
        books = self.books(balance=balance, positions=positions, orders=orders)
        return Snapshot(
            login=self.login, session=self.session, seq=self.snapshot_seq, event_seq=books.event_seq,
            time_msc=books.time_msc, account=books.account, positions=books.positions, orders=books.orders,
        )  # fmt: skip


class Publisher:
    """Stands where the proxy's XPUB stands."""

    def __init__(self, endpoint: str) -> None:
        self.socket = CONTEXT.socket(zmq.XPUB)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.bind(endpoint)

    def wait_for_subscriber(self, topics: int = 3) -> None:
        """Wait until the desk has subscribed to everything it wants."""
        for _ in range(topics):
            if not self.socket.poll(PATIENCE_MS):
                raise TimeoutError("nobody subscribed")
            self.socket.recv()

    def publish(self, message: Event | Snapshot) -> None:
        """Send to whoever listens."""
        self.socket.send(encode_frame(message))

    def close(self) -> None:
        """Go."""
        self.socket.close()
