"""docs/redis.md is what redis-cli shows: its sessions are replayed, with the real redis-cli too where there is one."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from tests.feed import redis_cli, redis_scene
from zmq_bridge.live import keys
from zmq_bridge.storage.commands.signal_news import NEWS

DOC = Path(__file__).parents[2] / "docs" / "redis.md"
PROMPT = "127.0.0.1:6380> "
ENTRY_ID = re.compile(r"\d{13}-\d+")


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """A server on which the document's moment was played."""
    client = redis.Redis.from_url(redis_url)
    redis_scene.play(client)
    client.persist(keys.terminal(redis_scene.LOGIN))  # it would be gone after 3 s, as it should
    yield client
    client.close()


def sessions() -> list[tuple[str, str]]:
    """Every command of the document with the reply that is printed under it."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", DOC.read_text(), re.DOTALL):
        for part in block.split(PROMPT)[1:]:
            command, _, reply = part.partition("\n")
            found.append((command, reply.rstrip("\n")))
    return found


def without_ids(text: str) -> str:
    """Entry ids are the moment of writing."""
    return ENTRY_ID.sub("<id>", text)


@pytest.mark.parametrize(("command", "reply"), sessions())
def test_a_documented_session_shows_what_the_bridge_writes(client, command, reply):
    assert without_ids(redis_cli.session(client, command)) == without_ids(reply)


def test_the_document_has_sessions_and_names_every_key():
    assert len(sessions()) >= 10
    text = DOC.read_text()
    for doc in keys.DOCS:
        assert f"`{doc.pattern}` | {doc.kind} |" in text, doc.pattern


@pytest.mark.parametrize("doc", keys.DOCS, ids=lambda doc: doc.pattern)
def test_the_command_that_the_cli_prints_for_a_key_shows_something(client, doc):
    assert redis_cli.session(client, doc.try_it) not in ("(nil)", "(empty array)")


def test_the_document_names_only_figures_that_exist(redis_url):
    from zmq_bridge.relay.feed_stats import FeedStats

    stats = FeedStats()
    stats.gaps["EURUSD.123456"] += 1
    known = {*stats.fields(), "postgres_queue", "postgres_queue_max", "redis_queue", "redis_queue_max", "updated_ms"}
    named = set(re.findall(r"`recorder\.([a-zA-Z_.0-9]+)`", DOC.read_text()))
    assert named <= known
    assert len(named) > 15


@pytest.mark.skipif(shutil.which("redis-cli") is None, reason="redis-cli is not installed here")
@pytest.mark.parametrize(("command", "reply"), sessions())
def test_the_real_redis_cli_prints_the_same(client, redis_url, command, reply):
    port = str(urlsplit(redis_url).port)
    words = ["redis-cli", "-p", port, "--no-raw"]
    done = subprocess.run(words, input=command, capture_output=True, text=True, timeout=60, check=True)
    assert without_ids(done.stdout.rstrip("\n")) == without_ids(reply)


def test_replies_are_printed_as_redis_cli_prints_them():
    assert redis_cli.show(None) == "(nil)"
    assert redis_cli.show(3) == "(integer) 3"
    assert redis_cli.show([]) == "(empty array)"
    assert redis_cli.show([b"a", [b"b", [b"c", b'"d\x00']]]) == (
        '1) "a"\n2) 1) "b"\n   2) 1) "c"\n      2) "\\"d\\x00"'
    )
    assert redis_cli.show([b"x"] * 10).splitlines()[0] == ' 1) "x"'


def test_the_documented_signal_has_the_fields_that_the_desk_tells():
    assert set(redis_scene.SIGNAL) <= set(re.findall(r"\w+", NEWS))
