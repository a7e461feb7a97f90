"""The same key is the same request: one command, the first answer, however often and from wherever it is sent."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from tests.admission.world import LOGIN
from zmq_bridge.admission.answers import Accepted, Code, Denied
from zmq_bridge.admission.requests import CloseAll
from zmq_bridge.admission.source import Source

WRITERS = 8


def at_once(count, action) -> list:
    """Call `action(i)` in many threads at the same moment."""
    barrier = Barrier(count)

    def go(index: int):
        barrier.wait(10)
        return action(index)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(go, range(count)))


def test_a_repeated_signal_gets_the_first_answer(world):
    first = world.buy(idempotency_key="k")
    again = world.buy(idempotency_key="k")
    assert (first.duplicate, again.duplicate) == (False, True)
    assert (again.signal_id, again.decision_id, again.command_ids) == (
        first.signal_id, first.decision_id, first.command_ids,
    )  # fmt: skip
    assert world.count("commands") == world.count("signals") == world.count("risk_decisions") == 1


def test_a_repeated_denial_is_the_same_denial_even_when_it_would_be_allowed_now(world):
    first = world.send(idempotency_key="k")  # no quotes yet
    again = world.buy(idempotency_key="k")
    assert isinstance(first, Denied)
    assert isinstance(again, Denied)
    assert (again.code, again.context, again.decision_id, again.duplicate) == (
        first.code, first.context, first.decision_id, True,
    )  # fmt: skip
    assert world.count("commands") == 0


def test_an_old_approval_is_repeated_even_when_it_would_be_denied_now(world):
    first = world.buy(idempotency_key="k")
    world.hold()
    assert world.buy(idempotency_key="k").command_id == first.command_id


def test_a_key_that_means_something_else_now_is_refused(world):
    first = world.buy(idempotency_key="k")
    other = world.buy(idempotency_key="k", volume="0.2", tp="1.09")
    assert isinstance(other, Denied)
    assert (other.code, other.context) == (Code.IDEMPOTENCY_KEY_REUSED, {"changed": ["tp", "volume"]})
    assert other.signal_id == first.signal_id
    assert world.count("commands") == world.count("signals") == 1


def test_the_same_request_written_differently_is_the_same(world):
    world.buy(idempotency_key="k", volume="0.10")
    assert world.buy(idempotency_key="k", volume=0.1).duplicate


def test_keys_of_two_sources_are_two_keys(world):
    world.buy(idempotency_key="k", volume="0.01")
    assert not world.buy(Source(id="key-2"), idempotency_key="k", volume="0.01").duplicate
    assert world.count("commands") == 2


def test_signals_without_a_key_are_never_the_same(world):
    assert world.buy(volume="0.01").signal_id != world.buy(volume="0.01").signal_id
    assert world.count("commands") == 2


def test_eight_at_once_with_one_key_make_one_command(world):
    world.freshen()
    answers = at_once(WRITERS, lambda _: world.send(idempotency_key="k"))
    assert {type(answer) for answer in answers} == {Accepted}
    assert len({answer.command_id for answer in answers}) == 1
    assert sorted(answer.duplicate for answer in answers) == [False] + [True] * (WRITERS - 1)
    assert world.count("commands") == world.count("reservations") == 1


def test_one_key_used_at_once_for_many_accounts_is_admitted_for_one(world):
    logins = [LOGIN, *range(2001, 2008)]
    for login in logins[1:]:
        world.add_account(login)
    for login in logins:
        world.freshen(login)
    answers = at_once(WRITERS, lambda index: world.send(idempotency_key="k", account=logins[index]))
    accepted = [answer for answer in answers if isinstance(answer, Accepted)]
    assert len(accepted) == 1
    assert {answer.code for answer in answers if answer not in accepted} == {Code.IDEMPOTENCY_KEY_REUSED}
    assert world.count("commands") == world.count("signals") == world.count("risk_decisions") == 1


def test_a_refusal_without_an_account_is_repeated_too(world):
    first, again = (world.buy(account=999, idempotency_key="k") for _ in range(2))
    assert (first.decision_id, again.duplicate) == (again.decision_id, True)


def test_a_direct_request_is_sent_once_for_its_key(world):
    answers = at_once(WRITERS, lambda _: world.gate.request(CloseAll(), world.source, idempotency_key="k"))
    assert len({answer.command_id for answer in answers}) == 1
    assert world.count("commands") == 1
    other = world.gate.request(CloseAll(cancel_pending=True), world.source, idempotency_key="k")
    assert other.code == Code.IDEMPOTENCY_KEY_REUSED


def test_a_signals_key_and_a_requests_key_do_not_meet(world):
    world.buy(idempotency_key="k")
    assert isinstance(world.gate.request(CloseAll(), world.source, idempotency_key="k"), Accepted)
    assert world.count("commands") == 2
