"""Settings: every problem at once, no secret repeated, nothing written by reading."""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from zmq_bridge.settings import Settings, SettingsError, load_settings, settings_environment, with_secrets

PRODUCTION = {
    "DATABASE_URL": "postgresql://me:hunter2secret@db.example.org/bridge",
    "REDIS_URL": "redis://cache.example.org:6379/0",
    "ZMQ_BRIDGE_SECRET_KEY": "k" * 32,
}


def _load(variables: Mapping[str, str], var_dir: Path) -> Settings:
    return load_settings({"ZMQ_BRIDGE_VAR_DIR": str(var_dir), **variables}, env_file=str(var_dir / "no.env"))


def _problems(variables: Mapping[str, str], var_dir: Path) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        _load(variables, var_dir)
    return {problem.variable: str(problem) for problem in caught.value.problems}


def test_nothing_set_means_embedded_servers(tmp_path: Path) -> None:
    settings = _load({}, tmp_path)
    assert settings.embedded_postgres
    assert settings.embedded_redis
    assert settings.database_url.startswith("postgresql://zmq_bridge@/zmq_bridge?host=")
    assert settings.redis_url == "redis://127.0.0.1:6380/0"


def test_urls_switch_each_embedded_server_off(tmp_path: Path) -> None:
    assert not _load(PRODUCTION, tmp_path).embedded
    only_redis = _load({"REDIS_URL": PRODUCTION["REDIS_URL"]}, tmp_path)
    assert (only_redis.embedded_postgres, only_redis.embedded_redis) == (True, False)


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    found = _problems(
        {
            "DATABASE_URL": "mysql://db",
            "REDIS_URL": "redis",
            "ZMQ_BRIDGE_FEED_PORT": "5556",
            "ZMQ_BRIDGE_WEB_PORT": "70000",
            "ZMQ_BRIDGE_LOG_LEVEL": "LOUD",
            "ZMQ_BRIDGE_BIND_HOST": "0.0.0.0",
            "ZMQ_BRIDGE_PEERS_FILE": str(tmp_path / "missing.toml"),
            "ZMQ_BRIDGE_WEB_PROT": "8000",
        },
        tmp_path,
    )
    assert set(found) == {
        "DATABASE_URL",
        "REDIS_URL",
        "ZMQ_BRIDGE_SECRET_KEY",
        "ZMQ_BRIDGE_SUBSCRIBE_PORT",
        "ZMQ_BRIDGE_WEB_PORT",
        "ZMQ_BRIDGE_LOG_LEVEL",
        "ZMQ_BRIDGE_BIND_HOST",
        "ZMQ_BRIDGE_PEERS_FILE",
        "ZMQ_BRIDGE_WEB_PROT",
    }
    assert "expected a port number from 1 to 65535, found '70000'" in found["ZMQ_BRIDGE_WEB_PORT"]
    assert "did you mean ZMQ_BRIDGE_WEB_PORT" in found["ZMQ_BRIDGE_WEB_PROT"]


def test_production_has_no_default_secret(tmp_path: Path) -> None:
    assert "ZMQ_BRIDGE_SECRET_KEY" in _problems({"DATABASE_URL": PRODUCTION["DATABASE_URL"]}, tmp_path)


def test_a_short_secret_is_refused_and_not_repeated(tmp_path: Path) -> None:
    found = _problems({**PRODUCTION, "ZMQ_BRIDGE_SECRET_KEY": "tiny-secret"}, tmp_path)
    assert "11 characters (not shown)" in found["ZMQ_BRIDGE_SECRET_KEY"]


def test_secrets_show_up_neither_in_repr_nor_in_problems(tmp_path: Path) -> None:
    assert "hunter2secret" not in repr(_load(PRODUCTION, tmp_path))
    wrong = {**PRODUCTION, "DATABASE_URL": "oracle://me:hunter2secret@db/x"}
    assert "hunter2secret" not in str(_problems(wrong, tmp_path))


def test_an_open_bind_needs_an_allow_list(tmp_path: Path) -> None:
    peers = tmp_path / "peers.toml"
    peers.write_text("")
    assert "ZMQ_BRIDGE_BIND_HOST" in _problems({"ZMQ_BRIDGE_BIND_HOST": "192.0.2.1"}, tmp_path)
    opened = _load({"ZMQ_BRIDGE_BIND_HOST": "192.0.2.1", "ZMQ_BRIDGE_PEERS_FILE": str(peers)}, tmp_path)
    assert opened.endpoint(opened.feed_port) == "tcp://192.0.2.1:5555"


@pytest.mark.parametrize("name", ["127.0.0.1", "127.8.8.8", "localhost", "::1"])
def test_loopback_needs_no_allow_list(name: str, tmp_path: Path) -> None:
    assert _load({"ZMQ_BRIDGE_BIND_HOST": name}, tmp_path).bind_host == name


def test_the_environment_wins_over_the_env_file(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text('# a comment\nZMQ_BRIDGE_WEB_PORT=8001\nZMQ_BRIDGE_LOG_LEVEL="debug"\n')
    settings = load_settings({"ZMQ_BRIDGE_WEB_PORT": "8002"}, env_file=str(env_file))
    assert (settings.web_port, settings.log_level) == (8002, "DEBUG")


def test_reading_settings_writes_nothing(tmp_path: Path) -> None:
    _load({}, tmp_path / "var")
    assert not (tmp_path / "var").exists()


def test_embedded_mode_keeps_one_private_secret(tmp_path: Path) -> None:
    made = with_secrets(_load({}, tmp_path / "var"))
    assert len(made.secret_key) >= 32
    assert stat.S_IMODE((tmp_path / "var" / "secret_key").stat().st_mode) == 0o600
    assert with_secrets(_load({}, tmp_path / "var")).secret_key == made.secret_key
    assert _load({}, tmp_path / "var").secret_key == made.secret_key


def test_a_given_secret_is_not_stored(tmp_path: Path) -> None:
    with_secrets(_load({"ZMQ_BRIDGE_SECRET_KEY": "s" * 40}, tmp_path / "var"))
    assert not (tmp_path / "var").exists()


def test_a_child_process_reads_the_same_settings(tmp_path: Path) -> None:
    ours = with_secrets(_load({"ZMQ_BRIDGE_FEED_PORT": "15555", "ZMQ_BRIDGE_WEB_THREADS": "4"}, tmp_path))
    theirs = load_settings(settings_environment(ours), env_file=os.devnull)
    differing = {name for name in Settings.__slots__ if getattr(ours, name) != getattr(theirs, name)}
    assert differing == {"embedded_postgres", "embedded_redis"}


def test_the_example_file_names_every_variable_and_no_other() -> None:
    told = settings_environment(load_settings({}, env_file=os.devnull))
    used = {name for name in told if name.startswith("ZMQ_BRIDGE_") or name in ("DATABASE_URL", "REDIS_URL")}
    explained = set(re.findall(r"^# ([A-Z_]+)=", Path(".env.example").read_text(), re.MULTILINE))
    assert explained == used


def test_the_example_file_can_be_uncommented_as_it_stands(tmp_path: Path) -> None:
    lines = Path(".env.example").read_text().splitlines()
    env_file = tmp_path / ".env"
    env_file.write_text("\n".join(re.sub(r"^# (?=[A-Z_]+=)", "", line) for line in lines))
    with pytest.raises(SettingsError) as caught:
        load_settings({}, env_file=str(env_file))
    wants_a_choice = {"ZMQ_BRIDGE_SECRET_KEY", "ZMQ_BRIDGE_PEERS_FILE"}
    assert {problem.variable for problem in caught.value.problems} == wants_a_choice
