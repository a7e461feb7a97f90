"""The loop: ask the rules about what is new, take what is due, send it, note what became of it.

Law: every step is a transaction of its own, and nothing is held while a service is asked. Killed between sending and
noting, the message is sent again after the lease: at least once, with the same number.
"""

from __future__ import annotations

import logging
import os
import select
import signal
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from types import FrameType

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from zmq_bridge.notify import courier
from zmq_bridge.notify.planning import is_given_up, pause_after, plan
from zmq_bridge.storage import notices
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.notices import NoticesLost
from zmq_bridge.storage.notifications import deliveries
from zmq_bridge.storage.notifications.deliveries import ROUTE_MAX, SWEEP_MAX, Delivery
from zmq_bridge.storage.notifications.destinations import Destination, list_destinations
from zmq_bridge.storage.notifications.rules import list_rules
from zmq_bridge.storage.notifications.sealing import Seal, SealBroken
from zmq_bridge.storage.notifications.tell import NOTIFICATIONS_CHANNEL

log = logging.getLogger(__name__)

CLAIM_MAX = 20
"""Messages taken in one go; of a digest as many pieces of news at most."""
LEASE = timedelta(seconds=120)
"""So long a message is one sender's; longer than a service may take."""
THREADS = 4
"""Destinations served at once: a slow one delays only itself and its neighbours in one go."""
LOOK_EVERY_S = 20.0
AGAIN_S = 2.0
"""Between tries while Postgres is away."""

SWEEP_EVERY = timedelta(hours=1)
"""How often old news is looked for."""

Send = Callable[[str, Sequence[deliveries.News]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderSettings:
    """What the sender needs to know."""

    database_url: str = field(repr=False)
    secret_key: str = field(repr=False)  # opens sealed addresses
    variables: Mapping[str, str] = field(repr=False)  # NOTIFY_URL_...: addresses in the environment
    keep: timedelta = timedelta(days=90)  # news older than that is removed


class Sender:
    """Works the outbox off. `step` is one round; `run` goes on until told to stop."""

    def __init__(self, engine: Engine, settings: SenderSettings, *, send: Send = courier.send) -> None:
        """`send` is what stands for the world outside; a test puts itself between."""
        self._engine, self._settings, self._send = engine, settings, send
        self._seal = Seal(settings.secret_key)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="notify")
        self._swept_at: datetime | None = None

    def step(self, now: datetime) -> int:
        """Route what is new and send what is due; return how many messages were taken in hand."""
        while self._route(now) == ROUTE_MAX:
            pass
        with self._engine.begin() as connection:
            taken = deliveries.claim(connection, now=now, leased_until=now + LEASE, limit=CLAIM_MAX)
            places = {place.id: place for place in list_destinations(connection)}
        parcels: defaultdict[int, list[list[Delivery]]] = defaultdict(list)
        for parcel in _parcels(taken):
            parcels[parcel[0].destination_id].append(parcel)
        rounds = [self._pool.submit(self._deliver, places[place], theirs) for place, theirs in parcels.items()]
        for each in rounds:
            each.result()
        return len(taken)

    def tidy(self, now: datetime) -> int:
        """Remove what is older than is kept, once an hour; return how many pieces of news went."""
        if self._swept_at is not None and now - self._swept_at < SWEEP_EVERY:
            return 0
        self._swept_at, removed = now, 0
        while True:
            with self._engine.begin() as connection:
                gone = deliveries.sweep(connection, now - self._settings.keep)
            removed += gone
            if gone < SWEEP_MAX:
                return removed

    def run(self, stop: int) -> None:
        """Work until something can be read from the descriptor `stop`."""
        while not _readable(stop, 0.0):
            try:
                with notices.listening(self._engine, [NOTIFICATIONS_CHANNEL]) as connection:
                    self._listen(connection, stop)
            except (SQLAlchemyError, NoticesLost) as error:
                log.warning("notify: the database is away: %s", str(error).splitlines()[0])
                if _readable(stop, AGAIN_S):
                    break
        self._pool.shutdown(wait=True)

    def _listen(self, connection: Connection, stop: int) -> None:
        while True:
            while self.step(datetime.now(UTC)):
                if _readable(stop, 0.0):
                    return
            self.tidy(datetime.now(UTC))
            due_at = deliveries.next_due(connection)
            wait_s = LOOK_EVERY_S if due_at is None else (due_at - datetime.now(UTC)).total_seconds()
            if not notices.take(connection) and notices.wait(connection, stop, min(LOOK_EVERY_S, max(0.05, wait_s))):
                return

    def _route(self, now: datetime) -> int:
        with self._engine.begin() as connection:
            news = deliveries.unrouted(connection)
            if not news:
                return 0
            rules = list_rules(connection)
            places = {place.id: place for place in list_destinations(connection)}
            for each in news:
                for planned in plan(each, rules, places, now):
                    deliveries.queue(
                        connection, each.id, planned.destination_id, due_at=planned.due_at, digest=planned.digest
                    )
            deliveries.mark_routed(connection, [each.id for each in news], now)
        return len(news)

    def _deliver(self, place: Destination, parcels: Sequence[Sequence[Delivery]]) -> None:
        """Send everything for one destination, one message after the other; after one failed, the rest waits too."""
        failure: str | None = None
        for parcel in parcels:
            if failure is None:
                failure = self._try(place, parcel)
            self._note(place, parcel, failure)

    def _try(self, place: Destination, parcel: Sequence[Delivery]) -> str | None:
        try:
            self._send(self._address(place), [delivery.news for delivery in parcel])
        except (courier.NotTaken, SealBroken) as error:
            return str(error)
        except Exception as error:  # noqa: BLE001  # a defect must not stop the others; its text may hold the address
            log.error("notify: sending to %s failed: %s", place.name, type(error).__name__)
            return type(error).__name__
        return None

    def _address(self, place: Destination) -> str:
        if place.sealed is not None:
            return self._seal.open(place.sealed)
        found = self._settings.variables.get(place.variable or "")
        if not found:
            raise courier.NotTaken(f"expected the address in {place.variable}, which is not set where the sender runs")
        return found

    def _note(self, place: Destination, parcel: Sequence[Delivery], failure: str | None) -> None:
        now = datetime.now(UTC)
        with self._engine.begin() as connection:
            if failure is None:
                deliveries.mark_sent(connection, [delivery.id for delivery in parcel], now)
                return
            for delivery in parcel:
                deliveries.mark_failed(
                    connection, [delivery.id], error=failure, again_at=now + pause_after(delivery.attempts),
                    given_up=is_given_up(delivery.attempts),
                )  # fmt: skip
        log.warning("notify: %s did not take %d message(s): %s", place.name, len(parcel), failure)


def run_sender(settings: SenderSettings) -> None:
    """Send until SIGTERM or SIGINT. Must run in the main thread."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _only_wake)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    engine = create_engine(settings.database_url, application_name="zmq-bridge notify", pool_size=THREADS + 2,
                           pool_overflow=0)  # fmt: skip
    log.info("notify: sends what people are to be told")
    Sender(engine, settings).run(read_end)
    engine.dispose()
    log.info("notify: stopped")


def _parcels(taken: Sequence[Delivery]) -> list[list[Delivery]]:
    """Messages as they go out: a digest's pieces of one destination together, the others one by one."""
    found: list[list[Delivery]] = []
    for _, theirs in groupby(taken, key=lambda delivery: delivery.destination_id):
        every = list(theirs)
        gathered = [delivery for delivery in every if delivery.digest]
        found += [[delivery] for delivery in every if not delivery.digest]
        found += [gathered] if gathered else []
    return found


def _readable(descriptor: int, wait_s: float) -> bool:
    return bool(select.select([descriptor], [], [], wait_s)[0])


def _only_wake(number: int, frame: FrameType | None) -> None:
    """The wake-up descriptor does the rest."""
