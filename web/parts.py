"""What a request handler reaches, made once per process and lazily: database, live state, keys, gate.

One object on the application, so that a handler says `parts().live` and a test can see what it depends on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Flask, current_app
from sqlalchemy import Engine

from zmq_bridge.admission.gate import Gate
from zmq_bridge.admission.inspection import Inspector
from zmq_bridge.admission.news import NewsFile, no_news
from zmq_bridge.live.connection import open_redis
from zmq_bridge.live.rates import Budget, Rates
from zmq_bridge.live.reader import LiveReader
from zmq_bridge.live.writer import LiveWriter
from zmq_bridge.settings import Settings
from zmq_bridge.storage.credentials import Vault
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.keyring import Keyring
from zmq_bridge.storage.sessions import SessionBook

EXTENSION = "zmq_bridge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """How often a key may ask."""

    requests: Budget
    signals: Budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts that requests share; all of them are safe from several threads."""

    engine: Engine
    live: LiveReader
    writer: LiveWriter
    keyring: Keyring
    sessions: SessionBook
    vault: Vault
    rates: Rates
    budgets: Budgets
    gate: Gate
    inspector: Inspector


def install(app: Flask, settings: Settings) -> None:
    """Put the parts on the application. Connects to nothing."""
    engine = create_engine(
        settings.database_url, application_name="zmq-bridge web", pool_size=settings.web_threads, pool_overflow=0
    )
    gate_engine = create_engine(
        settings.database_url, application_name="zmq-bridge gate", pool_size=settings.web_threads, pool_overflow=0,
        pre_ping=False,
    )  # fmt: skip
    redis = open_redis(settings.redis_url)
    live = LiveReader(redis)
    keyring, news = Keyring(engine), no_news if settings.news_file is None else NewsFile(settings.news_file)
    app.extensions[EXTENSION] = Parts(
        engine=engine,
        live=live,
        writer=LiveWriter(redis),
        keyring=keyring,
        sessions=SessionBook(engine, keyring),
        vault=Vault(settings.credentials_keys),
        rates=Rates(redis, processes=settings.web_workers),
        budgets=_budgets(settings),
        gate=Gate(gate_engine, live, news=news),
        inspector=Inspector(engine, live, news=news),
    )


def _budgets(settings: Settings) -> Budgets:
    return Budgets(
        requests=Budget(name="requests", quota=settings.requests_per_minute),
        signals=Budget(name="signals", quota=settings.signals_per_minute),
    )


def parts() -> Parts:
    """The parts of the current application."""
    found = current_app.extensions[EXTENSION]
    assert isinstance(found, Parts)
    return found


def utc_now() -> datetime:
    """The only clock of the web."""
    return datetime.now(UTC)


def now_ms() -> int:
    """The same clock as Unix milliseconds, to judge the age of live state."""
    return int(utc_now().timestamp() * 1000)
