"""The desk: sessions with terminals, commands out, fills in, strategies' requests. The composition of its process.

    main thread        ROUTER 5557 + SUB of the proxy + reports of the workers    never waits for anything else
    desk-books         terminals, events, snapshots, ledger                       Postgres
    desk-claims        ownership, LISTEN commands, claims, sweeps                 Postgres
    desk-backfill      LISTEN gaps, the terminal's history                        Postgres
    desk-live          accounts, positions, signs of life, events                 Redis
    desk-signals       LISTEN signals, for the stream of them                     Postgres, Redis
    desk-upkeep        partitions ahead, correlations                             Postgres
    desk-probes        the terminals' own figures against ours                    Postgres, Redis
    desk-watch         terminals that fell silent with something at risk          Postgres, Redis
    strategy workers   ROUTER 5558: submit and query                              Postgres, Redis

Workers get bounded mailboxes and answer into one; a mailbox that is full refuses, and what was refused is not
acknowledged. Stopping (SIGTERM, SIGINT) books what was received, answers every waiting pull, and gives the accounts up.
"""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import zmq
from sqlalchemy import Engine

from zmq_bridge.admission.gate import Gate
from zmq_bridge.admission.news import NewsFile, no_news
from zmq_bridge.booking.watch import WatchThread
from zmq_bridge.live.connection import open_redis
from zmq_bridge.live.reader import LiveReader
from zmq_bridge.live.writer import LiveWriter, Scalar
from zmq_bridge.relay.backfill import BackfillThread
from zmq_bridge.relay.beginnings import open_subscription, wake_on_signals
from zmq_bridge.relay.books import BooksThread
from zmq_bridge.relay.claims_thread import ClaimsThread
from zmq_bridge.relay.desk_loop import DeskLoop
from zmq_bridge.relay.live_thread import LiveThread
from zmq_bridge.relay.mailbox import Mailbox
from zmq_bridge.relay.messages import Report
from zmq_bridge.relay.presence import Workers
from zmq_bridge.relay.probes import ProbesThread
from zmq_bridge.relay.signal_news import SignalNewsThread
from zmq_bridge.relay.strategy_desk import StrategyDesk, is_kill
from zmq_bridge.relay.thread_end import ThreadEnds
from zmq_bridge.relay.upkeep import UpkeepThread
from zmq_bridge.sockets.strategy_server import StrategyServer, open_strategy_socket
from zmq_bridge.sockets.terminal_server import open_terminal_socket, steady_ms, unix_ms
from zmq_bridge.sockets.zap import AllowList, ZapHandler
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.keyring import Keyring

log = logging.getLogger(__name__)

TOPICS = (b"event.", b"account.", b"beat.")
NEWS_MESSAGES_MAX = 50_000
"""Published messages waiting for the desk; what is lost above it comes again with a pull."""
NEWS_MAX = 256
"""Published messages taken in one go."""
REPORTS_MAX = 8192
ADOPT_S = 1.0
"""How long a hello waits for the ownership of its account."""
STATS_EVERY_MS = 2_000
CONNECTIONS_MAX = 11
"""Postgres connections: books, backfill, upkeep, probes and watch one each, strategies one for each query under way.
The gate keeps its own beside them, one for each worker of the strategies at most."""
KILL_STATEMENT_MS = 2_000
"""A kill that had to wait so long is answered UNAVAILABLE, in time to be said again."""
KILL_CONNECTIONS = 2
STATEMENT_TIMEOUT_MS = 10_000
"""A statement of the desk that takes longer failed: better to be told again than to stand still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskSettings:
    """What the desk binds and connects to."""

    terminal_endpoint: str
    """ROUTER for terminals."""

    strategy_endpoint: str
    """ROUTER for strategies and tools."""

    subscribe_endpoint: str
    """The proxy's XPUB, to hear events and snapshots at once."""

    database_url: str = field(repr=False)

    redis_url: str = field(repr=False)

    news_file: Path | None = None
    """Blackouts around news, docs/risk.md; None: nothing is closed for news."""

    allowed: AllowList = field(default_factory=AllowList)
    """Who may connect, and which accounts each may speak for."""


def run_desk(settings: DeskSettings, ready: Callable[[str, str], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT. Must run in the main thread of its own process.

    Postgres, Redis and the proxy may come later than this, and go and come back; nothing here fails because of it.

    Args:
        settings: Endpoints and URLs.
        ready: Called once with the two endpoints as bound.

    Raises:
        SocketError: An endpoint can't be bound.
        ThreadEnded: A thread ended by an error nobody foresaw; the process must be started anew.
    """
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with ExitStack() as stack:
        if settings.allowed.authenticated:
            stack.enter_context(ZapHandler(context, settings.allowed))
        stack.callback(context.term)  # ends the handler too, so before it is waited for
        with ExitStack() as sockets:
            desk = _Desk(context, settings, sockets)
            desk.start()
            gc.collect()
            gc.freeze()  # what stays for good: a pass over it would stop every thread, an order's too, for 60 ms
            if ready is not None:
                ready(desk.terminal_endpoint, desk.strategy_endpoint)
            try:
                desk.serve_until_told()
            finally:
                desk.finish()


class _Desk:
    """The parts, and how they start and end."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], settings: DeskSettings, sockets: ExitStack
    ) -> None:
        """Bind and connect; every socket opened is closed by `sockets`, even if the next one fails."""
        self._socket, self.terminal_endpoint = open_terminal_socket(
            context, settings.terminal_endpoint, settings.allowed
        )
        sockets.callback(self._socket.close)
        self._news = open_subscription(
            context, settings.subscribe_endpoint, TOPICS, messages_max=NEWS_MESSAGES_MAX, allowed=settings.allowed
        )
        sockets.callback(self._news.close, linger=0)
        self._reports: Mailbox[Report] = Mailbox(items_max=REPORTS_MAX)
        self._engine = _engine(settings, "desk", CONNECTIONS_MAX)
        self._claims_engine = _engine(settings, "desk claims", 1)
        self._kill_engine = _engine(settings, "desk kill", KILL_CONNECTIONS, statement_ms=KILL_STATEMENT_MS)
        self._redis = open_redis(settings.redis_url)
        news = no_news if settings.news_file is None else NewsFile(settings.news_file)
        self._gate = Gate(self._engine, LiveReader(self._redis), news=news)
        self._probes = ProbesThread(self._engine, LiveReader(self._redis))
        self._workers = self._make_workers()
        self._upkeep = UpkeepThread(self._engine)
        self._watch = WatchThread(self._engine, LiveReader(self._redis))
        self._signals = SignalNewsThread(self._engine, self._workers.live, self._workers.claims.owns)
        self._loop = DeskLoop(self._socket, settings.allowed, self._workers)
        self._strategies, self.strategy_endpoint = self._make_strategy_server(context, settings, sockets)
        self._stats_due_ms = steady_ms()
        self._woken, self._wake = os.pipe()
        self._thread_ends = ThreadEnds(self._wake)

    def start(self) -> None:
        wake_on_signals(self._wake)
        self._thread_ends.watch()
        for thread in (self._workers.live, self._workers.books, self._workers.claims, self._workers.backfill):
            thread.start()
        self._upkeep.start()
        self._probes.start()
        self._watch.start()
        self._signals.start()
        self._strategies.start()
        log.info("desk serves terminals on %s, strategies on %s", self.terminal_endpoint, self.strategy_endpoint)

    def serve_until_told(self) -> None:
        poller = zmq.Poller()
        for source in (self._socket, self._news, self._reports, self._woken):
            poller.register(source, zmq.POLLIN)
        while True:
            ready = dict(poller.poll(self._timeout_ms()))
            if self._woken in ready:
                return
            if self._socket in ready:
                self._loop.server.serve()
            if self._news in ready:
                self._hear_news()
            for report in self._reports.drain():
                self._loop.on_report(report)
            self._loop.on_time()
            self._show_stats()

    def finish(self) -> None:
        """Book what was received, answer who waits, give the accounts up."""
        self._strategies.stop()
        self._upkeep.stop()
        self._probes.stop()
        self._watch.stop()
        self._loop.server.serve()
        self._workers.claims.stop()
        self._workers.backfill.stop()
        self._signals.stop()
        self._workers.books.stop()
        for report in self._reports.drain():
            self._loop.on_report(report)
        self._loop.answer_all()
        self._workers.live.stop()
        self._gate.close()
        self._engine.dispose()
        self._claims_engine.dispose()
        self._kill_engine.dispose()
        self._redis.close()
        log.info("desk stopped: %s", dict(self._loop.counts))
        self._thread_ends.check()

    def _make_workers(self) -> Workers:
        claims = ClaimsThread(self._claims_engine, self._reports.put)
        return Workers(
            claims=claims,
            books=BooksThread(
                self._engine, self._reports.put, lambda account_id: claims.adopt(account_id, ADOPT_S),
                on_specs=self._probes.wake,
            ),
            backfill=BackfillThread(self._engine, self._reports.put),
            live=LiveThread(LiveWriter(self._redis)),
        )

    def _make_strategy_server(
        self, context: zmq.Context[zmq.Socket[bytes]], settings: DeskSettings, sockets: ExitStack
    ) -> tuple[StrategyServer, str]:
        socket, endpoint = open_strategy_socket(context, settings.strategy_endpoint, settings.allowed)
        sockets.callback(socket.close)
        desk = StrategyDesk(
            self._engine, LiveReader(self._redis), self._gate, Keyring(self._engine), stops=self._kill_engine
        )
        server = StrategyServer(context, socket, desk.answer, is_urgent=is_kill)
        sockets.callback(server.close)
        return server, endpoint

    def _hear_news(self) -> None:
        for _ in range(NEWS_MAX):
            try:
                self._loop.on_news(self._news.recv(zmq.NOBLOCK))
            except zmq.Again:
                return

    def _timeout_ms(self) -> int | None:
        due_ms = self._loop.next_due_ms()
        return None if due_ms is None else max(0, due_ms - steady_ms())

    def _show_stats(self) -> None:
        now_ms = steady_ms()
        if now_ms < self._stats_due_ms:
            return
        self._stats_due_ms = now_ms + STATS_EVERY_MS
        figures: dict[str, Scalar] = {**self._loop.counts, **self._workers.live.counts}
        figures |= {f"request_{name}": count for name, count in self._loop.server.counts.items()}
        figures |= {f"strategy_{name}": count for name, count in self._strategies.counts.items()}
        figures |= {"sessions": len(self._loop.sessions), "updated_ms": unix_ms()}
        self._workers.live.stats(figures)


def _engine(
    settings: DeskSettings, name: str, connections: int, *, statement_ms: int = STATEMENT_TIMEOUT_MS
) -> Engine:
    return create_engine(
        settings.database_url,
        application_name=f"zmq-bridge {name}",
        pool_size=connections,
        pool_overflow=0,
        statement_timeout_ms=statement_ms,
    )
