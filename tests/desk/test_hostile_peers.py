"""A peer's nonsense costs that peer a clear error, and nobody else anything."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zmq

from tests.desk.terminal import (
    CONTEXT,
    LOGIN,
    PATIENCE_MS,
    Refused,
    Terminal,
    account,
    deal,
    deposit,
    position,
    resting_order,
)
from tests.desk.world import Books, DeskProcess, desk_settings
from tests.support import wait_until
from zmq_bridge.protocol.codec import pack, unpack
from zmq_bridge.protocol.dialogue import Bye, ErrorReply, Work
from zmq_bridge.protocol.limits import FRAME_BYTES_MAX
from zmq_bridge.protocol.messages import TerminalRequest, decode_terminal_reply, encode
from zmq_bridge.relay.ownership import RELEASE_S
from zmq_bridge.sockets.rate import Rate, RateLimiter, Verdict
from zmq_bridge.storage.locks import Lock

Connect = Callable[..., Terminal]
DoorName = str


@pytest.fixture(params=["terminal", "strategy"])
def door(request: pytest.FixtureRequest, desk: DeskProcess) -> str:
    """Each of the two ROUTERs."""
    return {"terminal": desk.settings.terminal_endpoint, "strategy": desk.settings.strategy_endpoint}[request.param]


@pytest.fixture
def raw() -> Iterator[Callable[..., zmq.Socket[bytes]]]:
    """Plain sockets, closed at the end: `raw(endpoint, kind)`."""
    made: list[zmq.Socket[bytes]] = []

    def make(endpoint: str, kind: int = zmq.REQ) -> zmq.Socket[bytes]:
        made.append(CONTEXT.socket(kind))
        made[-1].setsockopt(zmq.LINGER, 0)
        made[-1].connect(endpoint)
        return made[-1]

    yield make
    for socket in made:
        socket.close()


def ask(socket: zmq.Socket[bytes], payload: bytes) -> ErrorReply:
    """Send bytes, expect an error."""
    socket.send(payload)
    assert socket.poll(PATIENCE_MS), "no reply"
    reply = decode_terminal_reply(socket.recv())
    assert isinstance(reply, ErrorReply)
    return reply


NONSENSE = [
    (b"", "MALFORMED"),
    (b"\xc1", "MALFORMED"),
    (pack([1, 2]), "MALFORMED"),
    (pack({"type": "pull"}), "MALFORMED"),
    (pack({"v": 1, "type": "weather"}), "UNKNOWN_TYPE"),
    (pack({"v": 9, "type": "pull"}), "UNSUPPORTED_VERSION"),
    (b"\x00" * (FRAME_BYTES_MAX + 1), "TOO_LARGE"),
]


def test_nonsense_is_answered_with_what_was_expected(door: str, raw: Callable[..., zmq.Socket[bytes]]) -> None:
    socket = raw(door)
    for payload, code in NONSENSE:
        reply = ask(socket, payload)
        assert (reply.code, bool(reply.message and reply.expected)) == (code, True), payload[:40]


def test_random_frames_are_answered_and_nobody_else_notices(
    desk: DeskProcess, connect: Connect, books: Books, raw: Callable[..., zmq.Socket[bytes]], door: str
) -> None:
    terminal = connect()
    terminal.hello()
    dealer = raw(door, zmq.DEALER)
    dice = random.Random(7)
    for _ in range(300):
        dealer.send_multipart([dice.randbytes(dice.randrange(40)) for _ in range(dice.randrange(1, 7))])
        assert dealer.poll(PATIENCE_MS), "no answer"
        assert isinstance(decode_terminal_reply(dealer.recv_multipart()[-1]), ErrorReply)
    command_id = books.place_order()
    assert terminal.pull_command().command_id == command_id


def test_a_huge_frame_cuts_its_sender_off_and_nobody_else(
    connect: Connect, books: Books, raw: Callable[..., zmq.Socket[bytes]], door: str
) -> None:
    terminal = connect()
    terminal.hello()
    dealer = raw(door, zmq.DEALER)
    monitor = dealer.get_monitor_socket()
    dealer.send_multipart([b"", b"\x00" * (8 * FRAME_BYTES_MAX)])
    wait_until(lambda: _disconnected(monitor))
    dealer.disable_monitor()
    command_id = books.place_order()
    assert terminal.pull_command().command_id == command_id


def test_a_flood_is_limited_and_others_are_served_meanwhile(
    desk: DeskProcess, connect: Connect, books: Books, raw: Callable[..., zmq.Socket[bytes]], door: str
) -> None:
    terminal = connect()
    terminal.hello()
    dealer = raw(door, zmq.DEALER)
    dealer.setsockopt(zmq.SNDTIMEO, 50)
    codes: set[str] = set()
    begun_s = time.monotonic()
    slowest_s = 0.0
    while "RATE_LIMITED" not in codes and time.monotonic() - begun_s < 60.0:
        for _ in range(500):
            try:
                dealer.send_multipart([b"", b"\xc1"], zmq.NOBLOCK)
            except zmq.Again:
                break
        asked_s = time.monotonic()
        assert isinstance(terminal.pull(), Work)
        slowest_s = max(slowest_s, time.monotonic() - asked_s)
        while dealer.poll(0):
            reply = decode_terminal_reply(dealer.recv_multipart()[-1])
            assert isinstance(reply, ErrorReply)
            codes.add(reply.code)
    assert "RATE_LIMITED" in codes
    assert slowest_s < 5.0


def test_a_reply_repeats_the_request_id_of_a_correlating_peer(
    desk: DeskProcess, connect: Connect, raw: Callable[..., zmq.Socket[bytes]], door: str
) -> None:
    correlating = connect(correlate=True)
    correlating.hello()
    assert isinstance(correlating.pull(), Work)
    dealer = raw(door, zmq.DEALER)
    dealer.send_multipart([b"\x01\x02\x03\x04", b"", b"\xc1"])
    assert dealer.poll(PATIENCE_MS)
    frames = dealer.recv_multipart()
    assert frames[:2] == [b"\x01\x02\x03\x04", b""]
    assert unpack(frames[2])["code"] == "MALFORMED"


def test_a_pull_without_a_hello_is_told_to_greet(connect: Connect) -> None:
    with pytest.raises(Refused, match="UNKNOWN_SESSION"):
        connect().pull()


def test_versions_without_one_in_common_are_refused(connect: Connect) -> None:
    with pytest.raises(Refused, match="UNSUPPORTED_VERSION"):
        connect().hello(versions=(7, 8))


def test_an_account_that_is_not_the_speakers_own_is_refused(connect: Connect) -> None:
    terminal = connect()
    other = terminal.books()
    changed = type(other)(event_seq=0, seq=0, time_msc=other.time_msc, account=account(LOGIN + 1))
    with pytest.raises(Refused, match="WRONG_LOGIN"):
        terminal.hello(snapshot=changed)


def changed(message: TerminalRequest, path: str, value: object) -> bytes:
    """A well-formed request with one value that its writer would refuse: `events.0.seq` is a path."""
    body: Any = unpack(encode(message))
    *parents, last = (int(step) if step.isdigit() else step for step in path.split("."))
    inner = body
    for step in parents:
        inner = inner[step]
    inner[last] = value
    return pack(body)


UNSTORABLE = [
    ("server", "De\0mo", "server", "without NUL"),
    ("program.name", "a\0", "program.name", "without NUL"),
    ("journal", "\0", "journal", "without NUL"),
    ("symbols.0.description", "\0", "symbols[0].description", "without NUL"),
    ("snapshot.account.company", "\0", "snapshot.account.company", "without NUL"),
    ("session", 2**63, "session", str(2**63 - 1)),
    ("journal_session", 2**63, "journal_session", str(2**63 - 1)),
    ("server_offset_s", 86_401, "server_offset_s", "86400"),
    ("clock_ms", 2**62, "clock_ms", "253402300799999"),
    ("program.build", 2**31, "program.build", str(2**31 - 1)),
    ("snapshot.event_seq", 2**63, "snapshot.event_seq", str(2**63 - 1)),
    ("snapshot.account.currency_digits", 40_000, "snapshot.account.currency_digits", "16"),
    ("symbols.0.digits", 40_000, "symbols[0].digits", "16"),
]


def test_a_hello_that_no_book_can_hold_is_told_which_field_it_is(connect: Connect) -> None:
    terminal = connect()
    for path, value, field, expected in UNSTORABLE:
        reply = ask(terminal.socket, changed(terminal.hello_message(), path, value))
        assert (reply.code, reply.message, bool(reply.found)) == ("MALFORMED", field, True)
        assert expected in reply.expected
    assert terminal.hello().login == LOGIN


@pytest.mark.parametrize("path", ["events.0.seq", "events.0.session"])
def test_an_event_with_a_number_that_nobody_can_keep_is_told_so_and_blocks_nothing(
    connect: Connect, books: Books, path: str
) -> None:
    terminal = connect()
    terminal.hello()
    reply = ask(terminal.socket, changed(terminal.pull_message(terminal.event(deposit(1))), path, 2**63))
    field = path.replace(".0.", "[0].")
    assert (reply.code, reply.message, reply.found) == ("MALFORMED", field, str(2**63))
    assert str(2**63 - 1) in reply.expected
    terminal.deliver(terminal.event(deposit(2)))
    assert books.value("SELECT array_agg(ticket) FROM deals") == [2]


def test_a_magic_number_that_mt5_shows_as_negative_is_kept_as_that(connect: Connect, books: Books) -> None:
    terminal = connect()
    of_others = {"magic": 2**64 - 1, "comment": "another Expert Advisor's"}
    books_of_others = terminal.books(positions=[position(5, **of_others)], orders=[resting_order(6, **of_others)])
    terminal.hello(snapshot=books_of_others)
    assert books.value("SELECT magic FROM positions") == -1
    assert books.value("SELECT magic FROM orders") == -1
    terminal.deliver(terminal.event(deal(7, **of_others)))
    assert books.value("SELECT magic FROM deals") == -1
    assert not books.rows("SELECT * FROM notifications WHERE event = 'event_not_booked'")


def test_a_second_server_of_the_same_login_is_refused_while_the_first_is_there(connect: Connect) -> None:
    terminal = connect()
    terminal.hello()
    other = connect(session=terminal.session + 1)
    books = other.books()
    elsewhere = type(books)(event_seq=0, seq=0, time_msc=books.time_msc, account=account(server="Other"))
    with pytest.raises(Refused, match="WRONG_LOGIN"):
        other.hello(server="Other", snapshot=elsewhere)
    assert isinstance(terminal.pull(), Work)


def test_events_of_another_login_are_refused(connect: Connect, books: Books) -> None:
    one, other = connect(login=111), connect(login=222)
    one.hello()
    with pytest.raises(Refused, match="WRONG_LOGIN"):
        one.ask(one.pull_message(other.event(deposit(1))))
    assert books.value("SELECT count(*) FROM terminal_events") == 0


def test_an_older_session_is_superseded_and_learns_it(connect: Connect) -> None:
    older, newer = connect(), connect(session=1_700_000_000_001)
    older.hello()
    older.send(older.pull_message(wait_ms=1000))
    newer.hello()
    with pytest.raises(Refused, match="SUPERSEDED"):
        older.receive()
    with pytest.raises(Refused, match="SUPERSEDED"):
        older.pull()
    with pytest.raises(Refused, match="SUPERSEDED"):
        older.hello()
    assert isinstance(newer.pull(), Work)


def test_an_older_session_is_refused_even_after_the_desk_restarted(desk: DeskProcess, connect: Connect) -> None:
    newer = connect(session=1_700_000_000_001)
    newer.hello()
    desk.kill()
    desk.start()
    with pytest.raises(Refused, match="SUPERSEDED"):
        connect().hello()


def test_feed_and_desk_live_side_by_side(connect: Connect, books: Books) -> None:
    trading, feeding = connect(role="desk"), connect(role="feed", session=1_700_000_000_001)
    trading.hello()
    feeding.hello()
    command_id = books.place_order()
    assert feeding.pull(wait_ms=300).commands == ()
    assert trading.pull_command().command_id == command_id


def test_a_second_desk_leaves_an_owned_account_alone_and_takes_it_over_when_the_first_dies(
    desk: DeskProcess, connect: Connect, books: Books, database: str, redis_url: str
) -> None:
    first = connect()
    first.hello()
    standby = DeskProcess(settings=desk_settings(database, redis_url))
    standby.start()
    elsewhere = Terminal(standby.endpoint, session=first.session + 1)
    try:
        with pytest.raises(Refused, match="OWNED_ELSEWHERE"):
            elsewhere.hello()
        desk.kill()
        wait_until(lambda: _greets(elsewhere))
        command_id = books.place_order()
        assert elsewhere.pull_command().command_id == command_id
    finally:
        elsewhere.close()
        standby.stop()


def test_a_terminal_that_said_bye_may_go_to_another_desk(
    desk: DeskProcess, connect: Connect, database: str, redis_url: str
) -> None:
    first = connect()
    first.hello()
    first.ask(Bye(login=first.login, session=first.session, reason="moving"))
    standby = DeskProcess(settings=desk_settings(database, redis_url))
    standby.start()
    elsewhere = Terminal(standby.endpoint, session=first.session + 1)
    try:
        wait_until(lambda: _greets(elsewhere), RELEASE_S - 2.0)
        assert isinstance(elsewhere.pull(), Work)
    finally:
        elsewhere.close()
        standby.stop()


def test_a_stopping_desk_answers_waiting_pulls_and_gives_its_accounts_up(
    desk: DeskProcess, connect: Connect, books: Books
) -> None:
    terminal = connect()
    terminal.hello()
    terminal.send(terminal.pull_message(wait_ms=1000))
    account_id = books.account_id()
    owner = f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = {int(Lock.OWNER)} AND objid = %s"
    assert books.value(owner, account_id) == 1
    assert desk.stop() == 0
    assert isinstance(terminal.receive(), Work)
    wait_until(lambda: books.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0)


def test_a_quiet_peer_regains_its_burst_and_a_noisy_one_is_warned_rarely() -> None:
    limiter = RateLimiter(Rate(per_s=10.0, burst=5.0, warnings_per_s=2.0))
    verdicts = [limiter.judge(b"noisy", 0.0) for _ in range(100)]
    assert verdicts.count(Verdict.SERVE) == 5
    assert verdicts.count(Verdict.WARN) == 1
    assert limiter.judge(b"other", 0.0) is Verdict.SERVE
    assert [limiter.judge(b"noisy", 1.0) for _ in range(5)] == [Verdict.SERVE] * 5


def test_the_memory_of_peers_is_bounded() -> None:
    limiter = RateLimiter(Rate(per_s=1.0, burst=1.0), peers_max=10)
    for number in range(1000):
        limiter.judge(str(number).encode(), 0.0)
    assert len(limiter) == 10


def _greets(terminal: Terminal) -> bool:
    try:
        terminal.hello()
    except Refused:
        return False
    return True


def _disconnected(monitor: zmq.Socket[bytes]) -> bool:
    from zmq.utils.monitor import recv_monitor_message

    return bool(monitor.poll(0)) and recv_monitor_message(monitor)["event"] == zmq.EVENT_DISCONNECTED
