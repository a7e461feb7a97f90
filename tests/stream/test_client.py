"""A client's session as a state machine: whatever happens, numbers have no hole and the newest news of a key wins."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from web.stream.client import Client
from web.stream.requests import BadRequest, parse_request
from web.stream.updates import Item, Unreadable, Update, account, happening, positions, prices
from web.stream.words import Topic, Type

KEYS = st.sampled_from("abcdefgh")
PENDING_MAX, SENT_MAX = 5, 8


def price(key: str, value: int) -> Update:
    item = Item(symbol=key, text=json.dumps({"symbol": key, "bid": value}))
    return Update(
        type=Type.PRICE_UPDATE, topics=(Topic.PRICES,), login=1, symbol=key, key=key, head="", list_name="prices",
        items=(item,), is_state=True,
    )  # fmt: skip


class Session(RuleBasedStateMachine):
    """A client that is offered news, takes it, loses its connection and comes back, against a simple model."""

    def __init__(self) -> None:
        super().__init__()
        self.client = Client("s", pending_max=PENDING_MAX, sent_max=SENT_MAX)
        self.newest: dict[str, int] = {}
        self.waiting: dict[str, None] = {}  # keys in order of their news
        self.dropped: dict[str, None] = {}
        self.seen_seq = 0  # of the newest message that arrived
        self.seen: dict[str, int] = {}
        self.value = 0

    @rule(key=KEYS)
    def news(self, key: str) -> None:
        self.value += 1
        update = price(key, self.value)
        self.client.offer(update, update.items)
        self.newest[key] = self.value
        self.waiting.pop(key, None)
        self.waiting[key] = None
        if len(self.waiting) > PENDING_MAX:
            oldest = next(iter(self.waiting))
            del self.waiting[oldest]
            self.dropped[oldest] = None

    @rule()
    def answer(self) -> None:
        self.client.say(Type.ERROR, {"code": "X"})

    @rule(arriving=st.integers(0, 10))
    def taken(self, arriving: int) -> None:
        """The connection takes everything; only some of it arrives, then it is lost unless all did."""
        messages = self.client.take()
        for message in messages[:arriving]:
            self.arrive(json.loads(message.text()))
        for key in self.waiting:
            self.dropped.pop(key, None)
        self.waiting.clear()
        if arriving < len(messages):
            self.come_back()

    def come_back(self) -> None:
        if not self.client.rewind(self.seen_seq):
            assert self.seen_seq < self.client.seq - SENT_MAX  # only what is too long ago is not kept
            self.client.forget_pending()
            self.seen_seq = self.client.seq  # RESYNC: the present is told anew
            self.seen = dict(self.newest)
            self.dropped.clear()
            self.waiting.clear()
            return
        greeting, *again = [json.loads(message.text()) for message in self.client.take()]
        assert (greeting["type"], greeting["seq"], greeting["resumed"]) == ("CONNECTED", self.seen_seq, True)
        for message in again:
            self.arrive(message)

    def arrive(self, message: dict) -> None:
        assert message["seq"] == self.seen_seq + 1
        self.seen_seq = message["seq"]
        for each in message.get("prices", ()):
            self.seen[each["symbol"]] = each["bid"]

    @rule(seq=st.integers(-5, 100))
    def a_number_that_was_never_sent_is_not_resumed(self, seq: int) -> None:
        if seq > self.client.seq or seq < 0:
            assert self.client.since(seq) is None

    @invariant()
    def nothing_newer_is_hidden(self) -> None:
        """What neither waits nor was dropped with a GAP has arrived in its newest state."""
        for key, value in self.newest.items():
            if key not in self.waiting and key not in self.dropped:
                assert self.seen.get(key) == value

    @invariant()
    def memory_is_bounded(self) -> None:
        assert len(self.client._pending) <= PENDING_MAX
        assert len(self.client._sent) <= SENT_MAX


TestSession = Session.TestCase
TestSession.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def is_answered(text: str) -> bool:
    """Whether a text is a request, or is refused in words."""
    try:
        return parse_request(text) is not None
    except BadRequest as error:
        return "found" in error.message or "Expected" in error.message


def test_what_was_dropped_is_announced():
    client = Client("s", pending_max=2)
    for key in "abcd":
        client.offer(price(key, 1), price(key, 1).items)
    gap, news = (json.loads(message.text()) for message in client.take())
    assert gap == {"type": "GAP", "seq": 1, "of": "stream", "dropped": 2}
    assert [each["symbol"] for each in news["prices"]] == ["c", "d"]


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(
    st.sampled_from(["action", "symbols", "account", "seq", "session", "api_key", "request_id", "x"]), inner
) | st.lists(inner), max_leaves=8).map(json.dumps))  # fmt: skip
def test_any_text_is_a_request_or_says_why_not(text):
    assert is_answered(text)


@given(st.sampled_from(["SUBSCRIBE_PRICES", "RESUME", "AUTHENTICATE", "REQUEST_SIGNALS"]), st.data())
def test_any_value_of_any_field_is_taken_or_refused(action, data):
    value = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text() | st.integers())
    fields = data.draw(st.dictionaries(st.sampled_from(
        ["symbols", "account", "count", "session", "seq", "api_key", "request_id"]), value))  # fmt: skip
    assert is_answered(json.dumps({"action": action} | fields))


@given(st.binary() | st.dictionaries(st.text(), st.text() | st.floats() | st.dictionaries(
    st.sampled_from(["bid", "ask", "time_msc", "received_ms"]), st.integers() | st.text() | st.floats())
).map(lambda found: json.dumps(found).encode()))  # fmt: skip
def test_a_payload_that_nobody_wrote_is_unreadable_and_nothing_else(payload):
    for read in (lambda: prices(1, payload, {}), lambda: positions(1, payload, 2),
                 lambda: account(1, payload, 2), lambda: happening(payload)):  # fmt: skip
        try:
            read()
        except Unreadable:
            pass
