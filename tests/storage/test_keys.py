"""API keys: only a hash is stored, scopes hold, and a revoked key is refused within the promised time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError, IntegrityError

from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.keyring import KEY_CHARS_MAX, KeyCode, KeyRefused, Keyring, _prefix
from zmq_bridge.storage.keys import (
    ApiKey,
    KeyRequestError,
    Scope,
    create_key,
    hash_key,
    list_keys,
    revoke_key,
    rotate_key,
)

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Clock:
    """Monotonic seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def make(engine, **more):
    with engine.begin() as connection:
        return create_key(connection, **({"name": "bot", "scopes": ["signal"], "now": NOW, "actor": "ann"} | more))


def audit(engine) -> list[tuple[str, str, str]]:
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT actor, action, subject FROM audit_log ORDER BY id")
        return [tuple(row) for row in rows]


def test_a_new_key_is_let_in_with_what_was_asked_for(engine):
    new = make(engine, scopes=["signal", "read"], accounts=[7, 5], symbols=["EURUSD.z"])
    key = Keyring(engine).verify(new.text, NOW)
    assert isinstance(key, ApiKey)
    assert (key.id, key.name) == (new.key.id, "bot")
    assert (key.accounts, key.symbols) == (frozenset({5, 7}), frozenset({"EURUSD.z"}))
    assert [scope for scope in Scope if key.allows(scope)] == [Scope.SIGNAL, Scope.READ]


def test_the_database_holds_no_secret(engine):
    new = make(engine)
    with engine.connect() as connection:
        everything = str(connection.exec_driver_sql("SELECT k, a FROM api_keys k, audit_log a").all())
    secret = new.text.split("_", 2)[2]
    assert len(secret) >= 43  # 256 bits in base 64
    assert secret not in everything
    assert secret not in repr(new)
    assert new.key.hash == hash_key(new.text)


def test_admin_includes_every_scope(engine):
    key = make(engine, scopes=["admin"]).key
    assert all(key.allows(scope) for scope in Scope)


@pytest.mark.parametrize(
    "wrong", ["", "zb", "zb_", "zb_abc", "zb__x", "x" * 1000, "zb_\x00_s", "zb_é_s", "zb_abc_" + "x" * KEY_CHARS_MAX]
)
def test_what_is_no_key_is_refused(engine, wrong):
    make(engine)
    answer = Keyring(engine).verify(wrong, NOW)
    assert isinstance(answer, KeyRefused)
    assert answer.code is (KeyCode.KEY_UNKNOWN if wrong else KeyCode.KEY_MISSING)


def test_the_right_prefix_with_a_wrong_secret_is_refused(engine):
    text = make(engine).text
    flipped = text[:-2] + ("A" if text[-2] != "A" else "B") + text[-1]
    assert Keyring(engine).verify(flipped, NOW).code is KeyCode.KEY_UNKNOWN
    assert Keyring(engine).verify(text + "x", NOW).code is KeyCode.KEY_UNKNOWN


@given(st.text())
def test_any_text_has_a_prefix_or_none(text):
    assert "\x00" not in _prefix(text)


def test_a_revoked_key_is_refused_within_the_promised_time_and_not_for_ever_trusted(engine):
    new, clock = make(engine), Clock()
    ring = Keyring(engine, trust_s=2.0, clock=clock)
    assert isinstance(ring.verify(new.text, NOW), ApiKey)
    with engine.begin() as connection:
        assert revoke_key(connection, new.key.id, now=NOW, actor="ann") is not None
        assert revoke_key(connection, new.key.id, now=NOW, actor="ann") is None
    clock.now = 1.9
    assert isinstance(ring.verify(new.text, NOW), ApiKey)  # trusted for two seconds, as stated
    clock.now = 2.0
    assert ring.verify(new.text, NOW).code is KeyCode.KEY_REVOKED


def test_forgetting_refuses_a_revoked_key_at_once(engine):
    new, ring = make(engine), Keyring(engine)
    ring.verify(new.text, NOW)
    with engine.begin() as connection:
        revoke_key(connection, new.key.id, now=NOW, actor="ann")
    ring.forget()
    assert ring.verify(new.text, NOW).code is KeyCode.KEY_REVOKED


def test_a_key_ends_when_it_expires(engine):
    new = make(engine, expires_at=NOW + timedelta(hours=1))
    ring = Keyring(engine)
    assert isinstance(ring.verify(new.text, NOW + timedelta(minutes=59)), ApiKey)
    assert ring.verify(new.text, NOW + timedelta(hours=1)).code is KeyCode.KEY_EXPIRED


def test_rotation_gives_the_same_rights_and_ends_the_old_key_after_the_overlap(engine):
    old = make(engine, scopes=["read", "trade"], accounts=[5])
    with engine.begin() as connection:
        new = rotate_key(connection, old.key.id, now=NOW, actor="ann", overlap=timedelta(minutes=5))
    assert (new.key.scopes, new.key.accounts, new.key.rotated_from) == (old.key.scopes, {5}, old.key.id)
    ring = Keyring(engine)
    assert isinstance(ring.verify(old.text, NOW + timedelta(minutes=4)), ApiKey)
    assert ring.verify(old.text, NOW + timedelta(minutes=5)).code is KeyCode.KEY_EXPIRED
    assert isinstance(ring.verify(new.text, NOW + timedelta(minutes=5)), ApiKey)


def test_a_revoked_key_is_not_rotated_back_to_life(engine):
    old = make(engine)
    with engine.begin() as connection:
        revoke_key(connection, old.key.id, now=NOW, actor="ann")
        assert rotate_key(connection, old.key.id, now=NOW, actor="ann") is None
        assert [key.id for key in list_keys(connection)] == [old.key.id]


def test_every_change_of_a_key_is_audited(engine):
    key_id = make(engine).key.id
    with engine.begin() as connection:
        new_id = rotate_key(connection, key_id, now=NOW, actor="bob").key.id
        revoke_key(connection, new_id, now=NOW, actor="cid")
    assert audit(engine) == [
        ("ann", "key.create", f"api_key:{key_id}"),
        ("bob", "key.rotate", f"api_key:{key_id}"),
        ("cid", "key.revoke", f"api_key:{new_id}"),
    ]


def test_the_last_use_is_noted_to_the_minute_and_only_for_the_right_secret(engine):
    new, ring = make(engine), Keyring(engine)

    def last_used():
        with engine.connect() as connection:
            return list_keys(connection)[0].last_used_at

    ring.verify(new.text[:-1], NOW)
    assert last_used() is None
    ring.verify(new.text, NOW)
    ring.verify(new.text, NOW + timedelta(seconds=59))
    assert last_used() == NOW
    ring.verify(new.text, NOW + timedelta(seconds=60))
    assert last_used() == NOW + timedelta(seconds=60)


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": []},
        {"scopes": ["root"]},
        {"name": " "},
        {"name": "x" * 101},
        {"scopes": ["member"]},
        {"user_id": 1},
        {"scopes": ["member", "read"], "user_id": 1},
        {"scopes": ["member", "admin"], "user_id": 1},
    ],
)
def test_a_key_without_sense_is_refused(engine, wrong):
    with pytest.raises(KeyRequestError, match="found"):
        make(engine, **wrong)


def test_a_members_key_needs_a_member_who_exists(engine):
    with pytest.raises(IntegrityError):
        make(engine, scopes=["member"], user_id=42)


def test_without_the_database_nobody_is_let_in(engine, database):
    text = make(engine).text
    unreachable = create_engine(database.replace("/test_", "/gone_"))
    with pytest.raises(DBAPIError):
        Keyring(unreachable).verify(text, NOW)
    unreachable.dispose()
