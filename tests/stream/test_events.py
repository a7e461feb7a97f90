"""Server-Sent Events: the same news for those who can't have a WebSocket."""

from __future__ import annotations

import http.client
import json
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.stream.running import PAGE_PORT
from tests.stream.world import LOGIN
from tests.support import wait_until
from zmq_bridge.storage.keys import revoke_key
from zmq_bridge.storage.sessions import start_session


class Events:
    """A reader of one stream."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.response = response
        self.last_id = ""

    def hear(self) -> dict[str, Any]:
        """The next event's data; comments are skipped."""
        fields: dict[str, str] = {}
        while True:
            line = self.response.readline().decode().rstrip("\n")
            if not line and "data" in fields:
                self.last_id = fields.get("id", self.last_id)
                data: dict[str, Any] = json.loads(fields["data"])
                assert fields["event"] == data["type"]
                return data
            name, _, value = line.partition(": ")
            if name:
                fields[name] = value


@contextmanager
def listening(stream, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", stream.port, timeout=60)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    try:
        yield response
    finally:
        connection.close()


def test_events_begin_with_the_present_and_go_on(stream, world, new_key):
    headers = {"X-API-Key": new_key("read").text}
    with listening(stream, f"/events?prices=EURUSD&positions&account={LOGIN}", **headers) as response:
        assert response.getheader("Content-Type").startswith("text/event-stream")
        events = Events(response)
        kinds = [events.hear()["type"] for _ in range(5)]
        assert kinds == ["CONNECTED", "PRICE_UPDATE", "POSITION_UPDATE", "ACCOUNT_UPDATE", "RISK_UPDATE"]
        world.quote("EURUSD", 1.5, 1.5)
        assert events.hear()["prices"][0]["bid"] == "1.50000"
    wait_until(lambda: stream.health()["clients"] == 0)


def test_a_browser_that_comes_back_goes_on_where_it_was(stream, world, new_key):
    headers = {"Authorization": f"Bearer {new_key('read').text}"}
    path = f"/events?prices=EURUSD&account={LOGIN}"
    with listening(stream, path, **headers) as response:
        events = Events(response)
        events.hear()
        events.hear()
    wait_until(lambda: stream.health()["clients"] == 0)
    world.quote("EURUSD", 1.6, 1.6)
    with listening(stream, path, **headers, **{"Last-Event-ID": events.last_id}) as response:
        again = Events(response)
        assert again.hear()["resumed"] is True
        assert again.hear()["prices"][0]["bid"] == "1.60000"
    with listening(stream, path, **headers, **{"Last-Event-ID": "gone:7"}) as response:
        lost = Events(response)
        assert [lost.hear()["type"] for _ in range(3)] == ["CONNECTED", "RESYNC", "PRICE_UPDATE"]


@pytest.mark.parametrize(
    ("path", "code", "status"),
    [
        ("/events", "INVALID_FIELD", 400),
        ("/events?price=EURUSD", "INVALID_FIELD", 400),
        ("/events?prices=", "INVALID_FIELD", 400),
        ("/events?prices=EURUSD&account=x", "INVALID_FIELD", 400),
        ("/events?prices=EURUSD&api_key=zb_a_b", "INVALID_FIELD", 400),
    ],
)
def test_a_query_that_does_not_fit_is_refused(stream, new_key, path, code, status):
    with listening(stream, path, **{"X-API-Key": new_key("read").text}) as response:
        assert response.status == status
        assert json.load(response)["code"] == code


def test_without_a_key_there_is_nothing(stream):
    for headers in ({}, {"X-API-Key": "zb_x_y"}, {"Cookie": "zb_session=nothing"}):
        with listening(stream, "/events?positions", **headers) as response:
            assert response.status == 401
            assert json.load(response)["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(("origin", "status"), [(f"http://127.0.0.1:{PAGE_PORT}", 200), ("http://evil.example", 403)])
def test_a_page_of_ours_may_read_it_with_its_session_and_no_other(stream, new_key, engine, origin, status):
    with engine.begin() as connection:
        token, _ = start_session(connection, new_key("read").key, datetime.now(UTC))
    with listening(stream, "/events?positions", Cookie=f"zb_session={token}", Origin=origin) as response:
        assert response.status == status
        assert response.getheader("Access-Control-Allow-Origin") == (origin if status == 200 else None)


def test_a_revoked_key_ends_the_stream_with_the_reason(stream, new_key, engine):
    new = new_key("read")
    with listening(stream, f"/events?prices=EURUSD&account={LOGIN}", **{"X-API-Key": new.text}) as response:
        events = Events(response)
        events.hear()
        events.hear()
        with engine.begin() as connection:
            revoke_key(connection, new.key.id, now=datetime.now(UTC), actor="ann")
        assert events.hear()["code"] == "KEY_ENDED"
        assert response.readline() == b""


def test_what_may_not_be_subscribed_to_is_said_in_the_stream(stream, new_key):
    with listening(stream, "/events?positions", **{"X-API-Key": new_key("signal").text}) as response:
        events = Events(response)
        assert [events.hear().get("code") for _ in range(2)] == [None, "SCOPE_MISSING"]
