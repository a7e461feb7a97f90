"""Notifications over HTTP: who hears of what is an admin's to say, and no answer ever holds an address."""

from __future__ import annotations

from zmq_bridge.storage.notifications.events import Event
from zmq_bridge.storage.notifications.tell import notify

URL = "json://user:pa55word-7c1f@127.0.0.1:9/token-4711"
DESTINATIONS, RULES = "/api/notifications/destinations", "/api/notifications/rules"


def test_an_admin_says_where_messages_go_and_the_address_is_never_seen_again(app, caller, world):
    admin = caller("admin")
    made = admin.post(DESTINATIONS, {"name": "phone", "url": URL, "quiet_from": "22:00", "quiet_to": "07:00"})
    assert made.status_code == 201
    assert (made.json["name"], made.json["quiet_from"]) == ("phone", "22:00")
    rule = admin.post(RULES, {"destination": "phone", "event": "fill", "account": 123456, "digest_minutes": 60})
    assert rule.status_code == 201
    listed = admin.get(DESTINATIONS).text + admin.get(RULES).text + made.text + rule.text
    stored = str(world.rows("SELECT d, a FROM notification_destinations d, audit_log a"))
    for secret in ("pa55word-7c1f", "token-4711"):
        assert secret not in listed
        assert secret not in stored
    assert admin.client.delete(
        f"{RULES}/{rule.json['id']}", headers={"X-API-Key": admin.key}
    ).status_code == 200  # fmt: skip
    assert admin.get(RULES).json == {"rules": []}


def test_a_test_message_is_queued_for_its_destination(app, caller, world):
    admin = caller("admin")
    admin.post(DESTINATIONS, {"name": "hook", "variable": "NOTIFY_URL_HOOK"})
    sent = admin.post(f"{DESTINATIONS}/hook/test")
    assert sent.status_code == 202
    (delivery,) = admin.get(f"/api/notifications/{sent.json['notification']}/deliveries").json["deliveries"]
    assert (delivery["destination"], delivery["status"]) == ("hook", "pending")
    assert admin.post(f"{DESTINATIONS}/other/test").status_code == 404


def test_what_does_not_fit_is_refused_in_words(app, caller, world):
    admin = caller("admin")
    for body, words in [
        ({"name": "a b", "url": URL}, "name"),
        ({"name": "a", "url": "nonsense"}, "apprise"),
        ({"name": "a"}, "address"),
        ({"name": "a", "url": URL, "variable": "NOTIFY_URL_A"}, "not both"),
        ({"name": "a", "variable": "DATABASE_URL"}, "variable"),
        ({"name": "a", "url": URL, "quiet_from": "22:00"}, "together"),
        ({"name": "a", "url": URL, "quiet_from": "22:00", "quiet_to": "07:00", "quiet_zone": "Mars"}, "Mars"),
    ]:
        reply = admin.post(DESTINATIONS, body)
        assert reply.status_code == 400, body
        assert words in reply.text
        assert "pa55word" not in reply.text
    assert admin.post(RULES, {"destination": "nobody"}).status_code == 400
    assert admin.post(RULES, {"destination": "nobody", "event": "weather"}).status_code == 400


def test_a_reader_sees_the_news_of_its_accounts_and_nothing_of_destinations(app, caller, world):
    other = world.add_account(777)
    with world.engine.begin() as connection:
        notify(connection, Event.FILL, title="ours", account_id=world.account_id)
        notify(connection, Event.FILL, title="theirs", account_id=other)
        notify(connection, Event.API_ERROR, title="nobody's")
    titles = [each["title"] for each in caller("read").get("/api/notifications", event="fill").json["notifications"]]
    assert titles == ["theirs", "ours"]
    mine = caller("read", accounts=[777]).get("/api/notifications").json["notifications"]
    assert [each["title"] for each in mine] == ["theirs"]
    assert caller("read").get(DESTINATIONS).status_code == 403
    assert caller("admin", accounts=[777]).post(DESTINATIONS, {"name": "x", "url": URL}).status_code == 403
