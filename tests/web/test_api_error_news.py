"""An error of our own is told to people once in a while, and the client never waits for it."""

import pytest

from web.auth import open_to_all


@pytest.mark.own_app
def test_an_error_of_our_own_is_told_once_and_names_the_incident(app, caller, world):
    @app.get("/broken")
    @open_to_all
    def broken():
        raise ZeroDivisionError("secret detail")

    for _ in range(2):
        reply = caller().get("/broken")
        assert reply.status_code == 500
    ((title, body),) = world.rows("SELECT title, body FROM notifications WHERE event = 'api_error'")
    assert "ZeroDivisionError at GET /broken" in title
    assert "Incident" in body
    assert "secret detail" not in title + body
