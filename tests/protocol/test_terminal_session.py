"""The terminal's session table: greeting, long polls, time-outs, backoff, refusals, wrong replies."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol import samples
from zmq_bridge.protocol.errors import ErrorCode, ProtocolMisuse, ProtocolViolation
from zmq_bridge.protocol.limits import BACKOFF_FIRST_MS, BACKOFF_MAX_MS, LIVENESS_MS, REPLY_GRACE_MS, WAIT_MS_MAX
from zmq_bridge.protocol.messages import Bye, ErrorReply, Farewell, History, Received, Symbols
from zmq_bridge.protocol.terminal_session import TRANSITIONS, Input, Reply, State, TerminalSession, Wanted

SESSION = samples.SESSION
BYE = Bye(login=samples.LOGIN, session=SESSION)
SYMBOLS = Symbols(login=samples.LOGIN, session=SESSION, symbols=())
HISTORY = History(
    login=samples.LOGIN, session=SESSION, command_id=samples.COMMAND_ID, symbol="E", from_msc=0, to_msc=1, skip=0,
    ticks=(), complete=True, oldest_msc=0,
)  # fmt: skip
RECEIVED = Received(session=SESSION, now_ms=samples.NOW_MS)
FAREWELL = Farewell(session=SESSION, now_ms=samples.NOW_MS)


def _refusal(code: str) -> ErrorReply:
    return ErrorReply(session=SESSION, now_ms=samples.NOW_MS, code=code, message="no")


def _ready(now_ms: int = 0) -> TerminalSession:
    session = TerminalSession(SESSION)
    session.sent(samples.hello, now_ms)
    assert session.received(samples.welcome, now_ms)
    return session


def test_a_session_greets_then_asks_then_waits() -> None:
    session = TerminalSession(SESSION)
    assert session.wants(0) is Wanted.HELLO
    session.sent(samples.hello, 0)
    assert session.wants(1) is Wanted.NOTHING
    assert session.received(samples.welcome, 2)
    assert session.wants(2) is Wanted.REQUEST
    session.sent(samples.pull, 2)
    assert session.wants(3) is Wanted.NOTHING
    assert session.received(samples.work, 4)
    assert session.wants(4) is Wanted.REQUEST


@pytest.mark.parametrize("request_", [SYMBOLS, HISTORY], ids=lambda each: each.type)
def test_history_and_symbols_are_answered_received(request_: Symbols | History) -> None:
    session = _ready()
    session.sent(request_, 0)
    assert session.received(RECEIVED, 1)
    assert session.state is State.READY


def test_a_farewell_ends_the_session_for_good() -> None:
    session = _ready()
    session.sent(BYE, 0)
    assert session.received(FAREWELL, 1)
    assert session.state is State.STOPPED
    assert session.wants(10**9) is Wanted.NOTHING
    assert session.wait_ms(5) is None


def test_a_pull_is_given_up_only_after_its_own_wait_and_a_grace() -> None:
    session = _ready()
    session.sent(replace(samples.pull, wait_ms=400), 1000)
    assert session.wait_ms(1000) == 400 + REPLY_GRACE_MS
    assert session.wants(1000 + 400 + REPLY_GRACE_MS - 1) is Wanted.NOTHING
    session.wants(1000 + 400 + REPLY_GRACE_MS)
    assert session.state is State.DISCONNECTED


def test_a_wait_above_what_the_bridge_holds_is_counted_as_what_it_holds() -> None:
    session = _ready()
    session.sent(replace(samples.pull, wait_ms=60_000), 0)
    assert session.wait_ms(0) == samples.welcome.wait_ms_max + REPLY_GRACE_MS


def test_a_silent_bridge_is_noticed_within_the_liveness() -> None:
    assert WAIT_MS_MAX + REPLY_GRACE_MS < LIVENESS_MS
    session = _ready(0)
    assert session.is_connected(LIVENESS_MS - 1)
    assert not session.is_connected(LIVENESS_MS)


def _pauses(session: TerminalSession, count: int) -> list[int]:
    """Let `count` hellos time out; give the pause before each next one."""
    pauses, now_ms = [], 0
    for _ in range(count):
        session.sent(samples.hello, now_ms)
        now_ms += REPLY_GRACE_MS
        session.wants(now_ms)
        pauses.append(session.wait_ms(now_ms) or 0)
        now_ms += pauses[-1]
        assert session.wants(now_ms - 1) is Wanted.NOTHING
        assert session.wants(now_ms) is Wanted.HELLO
    return pauses


def test_the_backoff_doubles_up_to_a_bound() -> None:
    pauses = _pauses(TerminalSession(SESSION), 10)
    assert BACKOFF_FIRST_MS * 0.75 <= pauses[0] <= BACKOFF_FIRST_MS * 1.25
    assert all(later == pytest.approx(2 * earlier, abs=2) for earlier, later in pairwise(pauses[:6]))
    assert all(pause <= BACKOFF_MAX_MS * 1.25 for pause in pauses)
    assert pauses[-1] == pauses[-2] >= BACKOFF_MAX_MS * 0.75


def test_a_welcome_alone_does_not_reset_the_backoff_but_an_answer_does() -> None:
    session = TerminalSession(SESSION)
    _pauses(session, 5)
    session.sent(samples.hello, 10**6)
    session.received(samples.welcome, 10**6)
    session.sent(samples.pull, 10**6)
    session.received(_refusal("UNKNOWN_SESSION"), 10**6)
    assert (session.wait_ms(10**6) or 0) > 1000  # a bridge that welcomes and forgets is not hammered
    session.sent(samples.hello, 10**7)
    session.received(samples.welcome, 10**7)
    session.sent(samples.pull, 10**7)
    session.received(samples.work, 10**7)
    session.sent(samples.pull, 10**7)
    session.received(_refusal("UNKNOWN_SESSION"), 10**7)
    assert (session.wait_ms(10**7) or 0) <= BACKOFF_FIRST_MS * 1.25


def test_terminals_that_lose_the_bridge_together_do_not_come_back_together() -> None:
    pauses = set()
    for number in range(SESSION, SESSION + 512):
        session = TerminalSession(number)
        session.sent(replace(samples.hello, session=number), 0)
        session.wants(REPLY_GRACE_MS)
        pauses.add(session.wait_ms(REPLY_GRACE_MS))
    assert len(pauses) > BACKOFF_FIRST_MS * 0.4


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RATE_LIMITED", "OWNED_ELSEWHERE", "MALFORMED", "NEVER_HEARD_OF"])
def test_a_refusal_that_may_pass_keeps_the_session_and_waits(code: str) -> None:
    session = _ready()
    session.sent(samples.pull, 0)
    assert not session.received(_refusal(code), 1)
    assert session.state is State.READY
    assert session.wants(1) is Wanted.NOTHING
    assert session.wants(1 + 2 * BACKOFF_FIRST_MS) is Wanted.REQUEST
    assert session.last_error == _refusal(code)


@pytest.mark.parametrize("code", ["UNAVAILABLE", "WRONG_LOGIN", "UNSUPPORTED_VERSION", "UNKNOWN_SESSION"])
def test_a_refused_hello_is_tried_again_later(code: str) -> None:
    session = TerminalSession(SESSION)
    session.sent(samples.hello, 0)
    assert not session.received(_refusal(code), 1)
    assert session.wants(1) is Wanted.NOTHING
    assert session.wants(1 + 2 * BACKOFF_FIRST_MS) is Wanted.HELLO


def test_a_bridge_that_forgot_the_session_is_greeted_again() -> None:
    session = _ready()
    session.sent(samples.pull, 0)
    session.received(_refusal("UNKNOWN_SESSION"), 1)
    assert session.state is State.DISCONNECTED
    assert session.wants(1 + 2 * BACKOFF_FIRST_MS) is Wanted.HELLO


def test_a_terminal_whose_servers_clock_was_moved_greets_anew_between_two_requests() -> None:
    session = _ready()
    session.sent(replace(samples.hello, server_offset_s=samples.hello.server_offset_s + 3600), 5)
    assert session.wants(6) is Wanted.NOTHING
    assert session.received(samples.welcome, 7)
    assert session.wants(7) is Wanted.REQUEST
    session.sent(samples.pull, 8)
    with pytest.raises(ProtocolMisuse, match="HELLO_SENT cannot happen in state AWAITING"):
        session.sent(samples.hello, 9)


@pytest.mark.parametrize("greeted", [True, False])
def test_a_superseded_terminal_stops_for_good(greeted: bool) -> None:
    session = _ready() if greeted else TerminalSession(SESSION)
    session.sent(samples.pull if greeted else samples.hello, 0)
    session.received(_refusal("SUPERSEDED"), 1)
    assert session.state is State.STOPPED
    assert session.wants(10**9) is Wanted.NOTHING


@pytest.mark.parametrize("reply", [samples.welcome, RECEIVED, FAREWELL, replace(samples.work, session=5)])
def test_a_reply_that_does_not_belong_to_the_request_is_a_violation_and_greets_anew(reply: Reply) -> None:
    session = _ready()
    session.sent(samples.pull, 0)
    with pytest.raises(ProtocolViolation, match="expected work of session"):
        session.received(reply, 1)
    assert session.state is State.DISCONNECTED
    assert isinstance(session.last_error, ProtocolViolation)


def test_a_reply_that_cannot_be_decoded_greets_anew() -> None:
    session = _ready()
    session.sent(samples.pull, 0)
    session.garbled(ProtocolViolation(ErrorCode.MALFORMED, "noise"), 1)
    assert session.state is State.DISCONNECTED
    session.garbled(ProtocolViolation(ErrorCode.MALFORMED, "more noise"), 2)
    assert session.state is State.DISCONNECTED


def test_a_reply_after_its_time_is_not_acted_on() -> None:
    session = _ready()
    session.sent(samples.pull, 0)
    session.wants(10**6)
    assert not session.received(samples.work, 10**6)
    assert session.state is State.DISCONNECTED


def test_replies_teach_the_clock() -> None:
    session = TerminalSession(SESSION)
    assert session.clock.bridge_now_ms(0) is None
    session.sent(samples.hello, 100)
    session.received(samples.welcome, 110)
    assert session.clock.bridge_now_ms(110) == samples.NOW_MS + 10


def test_our_own_mistakes_are_misuse() -> None:
    with pytest.raises(ProtocolMisuse, match="REQUEST_SENT cannot happen in state DISCONNECTED"):
        TerminalSession(SESSION).sent(samples.pull, 0)
    with pytest.raises(ProtocolMisuse, match="expected a request of session"):
        TerminalSession(SESSION).sent(replace(samples.hello, session=1), 0)
    session = _ready()
    session.sent(samples.pull, 0)
    with pytest.raises(ProtocolMisuse, match="REQUEST_SENT cannot happen in state AWAITING"):
        session.sent(samples.pull, 1)


def test_the_table_leaves_no_way_out_of_stopped_and_leads_everywhere() -> None:
    assert not any(state is State.STOPPED for state, _ in TRANSITIONS)
    assert set(TRANSITIONS.values()) == set(State)
    assert {happened for _, happened in TRANSITIONS} == set(Input)


replies = st.sampled_from(
    [
        samples.welcome,
        samples.work,
        RECEIVED,
        FAREWELL,
        *(_refusal(code) for code in ErrorCode),
        replace(samples.work, session=9),
    ]
)


@given(st.lists(st.tuples(st.integers(0, 4000), st.one_of(st.none(), replies)), max_size=60))
def test_whatever_the_bridge_answers_the_session_never_breaks_and_never_hangs(
    history: list[tuple[int, Reply | None]],
) -> None:
    session, now_ms = TerminalSession(SESSION), 0
    for elapsed_ms, reply in history:
        now_ms += elapsed_ms
        wanted = session.wants(now_ms)
        if wanted is not Wanted.NOTHING:
            session.sent(samples.hello if wanted is Wanted.HELLO else samples.pull, now_ms)
        if reply is not None:
            try:
                session.received(reply, now_ms)
            except ProtocolViolation:
                pass
    wait_ms = session.wait_ms(now_ms)
    if wait_ms is None:
        assert session.state is State.STOPPED
    else:
        session.wants(now_ms + wait_ms)
        pause_ms = session.wait_ms(now_ms + wait_ms) or 0
        assert session.wants(now_ms + wait_ms + pause_ms) is not Wanted.NOTHING
