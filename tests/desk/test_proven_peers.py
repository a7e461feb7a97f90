"""Where peers prove who they are: what a request says counts, what is published is only a hint."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
import redis
import zmq

from tests.desk.terminal import LOGIN, PATIENCE_MS, START_MSC, Refused, Terminal, account, deposit, position
from tests.desk.world import Books, DeskProcess, desk_settings
from tests.support import wait_until
from zmq_bridge.protocol.messages import encode_frame
from zmq_bridge.protocol.published import Beat, Event
from zmq_bridge.relay.present import FOLLOW_S, KEEP_S
from zmq_bridge.sockets.zap import AllowList, Door, Mechanism, Peer, ZapHandler, guard

PASSWORD = "a password of the test"
OTHER = LOGIN + 1
GUARDED = AllowList(
    mechanism=Mechanism.PLAIN,
    peers=tuple(
        Peer(
            name=name, password_sha256=hashlib.sha256(PASSWORD.encode()).hexdigest(), logins=frozenset({login}),
            doors=frozenset({Door.TERMINAL}),
        )
        for name, login in (("vm-1", LOGIN), ("vm-2", OTHER))
    ),
    secret_key="x" * 40,
)  # fmt: skip


@pytest.fixture
def guarded(database: str, redis_url: str) -> Iterator[DeskProcess]:
    """A desk whose peers must prove who they are."""
    process = DeskProcess(settings=desk_settings(database, redis_url, GUARDED))
    process.start()
    yield process
    assert process.stop() == 0


@pytest.fixture
def terminal(guarded: DeskProcess) -> Iterator[Terminal]:
    """A terminal with the right password, not welcomed yet."""
    made = proven(guarded.endpoint)
    yield made
    made.close()


def proven(endpoint: str, login: int = LOGIN) -> Terminal:
    """A terminal that has the password of the first peer."""
    return Terminal(endpoint, login=login, username="vm-1", password=PASSWORD)


@contextmanager
def guarded_publisher(endpoint: str) -> Iterator[zmq.Socket[bytes]]:
    """A guarded XPUB in the proxy's place, with the desk subscribed."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with ZapHandler(context, GUARDED):
        socket = context.socket(zmq.XPUB)
        socket.setsockopt(zmq.LINGER, 0)
        guard(socket, Door.SUBSCRIBE, GUARDED)
        socket.bind(endpoint)
        try:
            for _ in range(3):
                assert socket.poll(PATIENCE_MS), "nobody subscribed"
                socket.recv()
            yield socket
        finally:
            socket.close()
            context.term()


def test_a_proven_peer_may_speak_for_its_own_logins_only(guarded: DeskProcess, terminal: Terminal) -> None:
    others, stranger = proven(guarded.endpoint, OTHER), Terminal(guarded.endpoint)
    try:
        with pytest.raises(Refused, match="WRONG_LOGIN"):
            others.hello()
        assert terminal.hello().login == LOGIN
        with pytest.raises(TimeoutError):
            stranger.ask(stranger.hello_message(), timeout_ms=700)
    finally:
        others.close()
        stranger.close()


def test_books_of_another_login_in_a_pull_are_refused(terminal: Terminal) -> None:
    terminal.hello()
    other = terminal.news()
    forged = type(other)(event_seq=0, seq=1, time_msc=other.time_msc, account=account(OTHER))
    with pytest.raises(Refused, match=r"WRONG_LOGIN.*snapshot\.account\.login"):
        terminal.pull(snapshot=forged)


def test_a_published_event_is_only_a_hint(guarded: DeskProcess, terminal: Terminal, books: Books) -> None:
    with guarded_publisher(guarded.settings.subscribe_endpoint) as publisher:
        terminal.hello()
        forged = Event(login=LOGIN, session=terminal.session, seq=1, data=deposit(99, "1000000"))
        _assert_ends_a_held_pull(terminal, publisher, encode_frame(forged))
        terminal.deliver(terminal.event(deposit(1)))
        assert books.rows("SELECT ticket FROM deals") == [(1,)]


def test_a_snapshot_that_another_terminal_publishes_for_a_login_changes_nothing(
    guarded: DeskProcess, terminal: Terminal, books: Books, redis_url: str
) -> None:
    with guarded_publisher(guarded.settings.subscribe_endpoint) as publisher:
        terminal.hello()
        terminal.deliver(terminal.event(deposit(1)))
        forger = proven(guarded.endpoint)  # speaks well of an account that it has no right to
        forger.snapshot_seq, forger.event_seq = 1000, 1000
        forged = encode_frame(forger.snapshot(balance="1000000", positions=[position(77)]))
        forger.close()
        _assert_ends_a_held_pull(terminal, publisher, forged)
        own = terminal.news(balance="10000")
        terminal.pull(snapshot=own)
        wait_until(lambda: books.value("SELECT balance FROM account_snapshots ORDER BY id DESC LIMIT 1") == 10000)
        assert books.rows("SELECT ticket FROM positions") == []
        assert books.value("SELECT max(balance) FROM account_snapshots") == 10000
        with redis.Redis.from_url(redis_url, decode_responses=True) as live:
            wait_until(lambda: live.hget(f"account:{LOGIN}", "balance") == "10000")
            assert not live.hgetall(f"positions:{LOGIN}")


def test_heartbeats_that_another_terminal_publishes_keep_nobody_alive(
    guarded: DeskProcess, terminal: Terminal, books: Books
) -> None:
    with guarded_publisher(guarded.settings.subscribe_endpoint) as publisher:
        terminal.hello()
        wait_until(lambda: books.value("SELECT state FROM terminals") == "connected")
        beat = Beat(login=LOGIN, session=terminal.session, seq=1, role="both", time_msc=START_MSC, streams={})

        def is_given_up() -> bool:
            publisher.send(encode_frame(beat))
            return bool(books.value("SELECT state FROM terminals") == "disconnected")

        wait_until(is_given_up)


def test_what_one_pull_brings_is_committed_together(terminal: Terminal, books: Books) -> None:
    terminal.hello()
    terminal.deliver(terminal.event(deposit(1)))
    command_id = books.place_order()
    command = terminal.pull_command()
    assert command.command_id == command_id
    result = terminal.result(command, position=77, volume=Decimal("0.1"))
    terminal.pull(result, snapshot=terminal.news(balance="10000", positions=[position(77)]), wait_ms=1000)
    moments = books.rows(  # each is the beginning of the transaction that wrote it
        "SELECT (SELECT received_at FROM terminal_events WHERE kind = 'command_result'),"
        " (SELECT updated_at FROM positions WHERE ticket = 77), (SELECT ended_at FROM reservations)"
    )[0]
    assert moments[0] is not None
    assert set(moments) == {moments[0]}


def test_books_that_stay_the_same_are_noted_at_once_and_looked_through_now_and_then(
    terminal: Terminal, books: Books
) -> None:
    terminal.hello()
    terminal.deliver(terminal.event(deposit(1)))
    seen = "SELECT received_at FROM account_snapshots ORDER BY id DESC LIMIT 1"
    agreed = "SELECT agreed_at FROM ledger_reconciliations"

    def bring() -> None:
        terminal.pull(snapshot=terminal.news(balance="10000"), wait_ms=100)

    def value(query: str) -> float:
        bring()
        found = books.value(query)
        return 0.0 if found is None else float(found.timestamp())

    wait_until(lambda: value(agreed))
    first_seen, first_agreed = value(seen), value(agreed)
    wait_until(lambda: value(seen) - first_seen >= KEEP_S)
    second_agreed = wait_until(lambda: (now := value(agreed)) > first_agreed and now)
    assert second_agreed - first_agreed >= FOLLOW_S


def _assert_ends_a_held_pull(terminal: Terminal, publisher: zmq.Socket[bytes], hint: bytes) -> None:
    """Of several pulls, as an answer to a hint may be late on a busy machine: without hints each is held to its end."""
    wait_until(lambda: _held_s(terminal, publisher, hint) < 0.9, message="every pull was held to its end")


def _held_s(terminal: Terminal, publisher: zmq.Socket[bytes], hint: bytes) -> float:
    while terminal.pull().commands:
        pass
    terminal.send(terminal.pull_message(wait_ms=1000))
    asked_s = time.monotonic()
    publisher.send(hint)
    while not terminal.socket.poll(50):  # it may have come before the pull did
        publisher.send(hint)
    terminal.receive_work()
    return time.monotonic() - asked_s
