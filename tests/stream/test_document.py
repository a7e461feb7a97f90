"""docs/stream.md and docs/notifications.md say what the programs do: every word and every number of the protocol."""

import json
import re
from pathlib import Path

import pytest

from web.stream import updates, words
from zmq_bridge.notify.planning import ATTEMPTS_MAX, BACKOFF_S
from zmq_bridge.storage.notifications.events import Event

DOCS = Path(__file__).parents[2] / "docs"
STREAM, NOTIFICATIONS = (DOCS / "stream.md").read_text(), (DOCS / "notifications.md").read_text()


def test_every_word_of_the_protocol_is_explained():
    for word in (*words.Type, *words.Topic, words.AUTHENTICATE, words.RESUME, *words.CLOSE_OF):
        assert f"`{word}" in STREAM or f"_{word}`" in STREAM, word
    for code in words.Close:
        assert f"| {code.value} |" in STREAM


@pytest.mark.parametrize(
    "said",
    [
        f"{words.REQUEST_BYTES_MAX // 1024} KiB",
        f"more than {words.REQUESTS_PER_S:g} messages a second, {words.REQUESTS_BURST:g} at once",
        f"{words.CLIENTS_MAX:,} clients",
        f"{words.UNKNOWN_CLIENTS_MAX} that have not authenticated",
        f"more than {words.SENT_MAX} messages ago",
        f"More than {words.PENDING_MAX:,} things",
        f"comment every {words.SIGN_OF_LIFE_S:g} s",
        f"within {words.SIGN_OF_LIFE_S:g} s of a ping",
    ],
)
def test_every_number_of_the_document_is_the_programs(said):
    assert said in " ".join(STREAM.split())
    assert (words.PRICES_EVERY_S, words.SEND_WITHIN_S, words.AUTHENTICATE_WITHIN_S) == (0.1, 10.0, 10.0)
    assert words.RESUME_WITHIN_S == 60.0


def test_a_share_says_whose_and_of_what_in_fields_that_are_explained():
    [item] = updates.share(1, "Demo-1", 2, {}).items
    [row] = [line for line in STREAM.splitlines() if line.startswith("| `SHARE_UPDATE`")]
    assert [name for name in json.loads(item.text) if f"`{name}`" not in row] == []


def test_every_event_is_in_the_table_with_its_severity():
    told: dict[str, str] = {}
    for names, severities in re.findall(r"^\| (`[a-z_`, ]+) \| ([a-z, ]+) \|", NOTIFICATIONS, re.MULTILINE):
        events, severity = re.findall(r"`(\w+)`", names), severities.split(", ")
        told |= dict(zip(events, severity if len(severity) > 1 else severity * len(events), strict=True))
    assert told == {event.value: event.severity.value for event in Event if event is not Event.TEST}


def test_the_pauses_are_those_of_the_document():
    assert BACKOFF_S == (5, 15, 60, 300, 900, 1800, 3600)
    assert "5 s, 15 s, 1 min, 5 min, 15 min, 30 min and then every hour, twenty times" in NOTIFICATIONS
    assert ATTEMPTS_MAX == 20
