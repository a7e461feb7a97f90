"""What happens in the broker's process: the broker, the feed that moves it, and the ticks kept over a restart."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.simulator.broker import Broker, FactJournal
from zmq_bridge.simulator.errors import JournalError
from zmq_bridge.simulator.server.feed import Feed
from zmq_bridge.simulator.server.settings import BrokerSettings, GenerateFeed, ReplayFeed
from zmq_bridge.simulator.server.sources import (
    DEFAULT_STREAMS,
    ReplayFile,
    generated,
    list_symbols,
    open_files,
    replay,
    replay_shift_ms,
)
from zmq_bridge.simulator.server.tick_store import TickStore
from zmq_bridge.simulator.server.unfinished import Unfinished, what_is_left

log = logging.getLogger(__name__)


class World:
    """One broker and at most one feed at a time."""

    def __init__(
        self,
        settings: BrokerSettings,
        *,
        may_go_on: Callable[[], bool],
        on_ticks: Callable[[], None],
        on_symbol: Callable[[str], None],
        on_broken: Callable[[], None],
    ) -> None:
        """Read the books back; nothing moves yet.

        Args:
            may_go_on: whether a feed that waits for its subscribers may continue.
            on_ticks: called when ticks have come; on_symbol: when a symbol was listed.
            on_broken: called when the books cannot be written: memory is ahead of the disk, the process must end.
        """
        self._settings = settings
        self.server_offset_s = settings.server_offset_s  # the server's clock minus UTC; `clock` moves it
        self._may_go_on = may_go_on
        self._on_ticks = on_ticks
        self._on_symbol = on_symbol
        self._on_broken = on_broken
        path = settings.journal_path
        self._journal = FactJournal(path) if path else None
        self._ticks = TickStore(path.with_suffix(".ticks")) if path else None
        self._unfinished = Unfinished(path.with_suffix(".replay") if path else None)
        kept = self._ticks.read() if self._ticks else {}
        self.broker = Broker(settings.account, clock_msc=self._first_clock(kept), journal=self._journal)
        self.broker.core.market.restore(kept)
        if self._ticks:
            self._ticks.seen(self.broker.core.market.history)
        self.feed: Feed | None = None
        self._running: asyncio.Task[None] | None = None
        self._is_paused = settings.is_paused

    def start(self) -> None:
        """Start the feed that the settings name."""
        match self._settings.feed:
            case ReplayFeed(files=files, speed=speed):
                self._go_on(files, speed)
            case GenerateFeed(seed=seed, speed=speed):
                self.start_generator(seed, speed, None)

    def close(self) -> None:
        """Stop the feed, give the files up."""
        if self._running:
            self._running.cancel()
        if self._ticks:
            self._ticks.close()
        if self._journal:
            self._journal.close()

    def start_replay(self, files: Sequence[ReplayFile], speed: float | None) -> int:
        """Replace the feed by a replay; returns by how many ms its times are moved."""
        opened = open_files(files)
        self.list([file.symbol for file in opened])
        shift_ms = replay_shift_ms(opened, self._lived_msc())
        names = ", ".join(file.path.name for file in opened)
        self._start_feed(replay(opened, shift_ms), name=f"replay {names}", speed=speed, waits=True)
        self._unfinished.begin(files, shift_ms)
        return shift_ms

    def start_generator(self, seed: int, speed: float | None, start_msc: int | None) -> None:
        """Replace the feed by generated ticks, from now on the server's clock, but never before its last tick."""
        given = self._settings.feed
        streams = given.streams if isinstance(given, GenerateFeed) else DEFAULT_STREAMS
        self.list([stream.symbol for stream in streams])
        start = max(self._wall_msc() if start_msc is None else start_msc, self._lived_msc())
        source = generated(self.broker, seed, streams, start)
        self._unfinished.end()
        self._start_feed(source, name=f"generator {seed}", speed=speed, waits=speed is None)

    def pause(self) -> None:
        """Stop the ticks."""
        self._is_paused = True
        if self.feed:
            self.feed.pause()

    def resume(self) -> None:
        """Let the ticks go on."""
        self._is_paused = False
        if self.feed:
            self.feed.resume()

    def nudge(self) -> None:
        """A subscriber came, went or caught up: a waiting feed looks again."""
        if self.feed and self.feed.state == "waiting":
            self.feed.nudge()

    def list(self, symbols: Sequence[str]) -> None:
        """List the symbols that the broker doesn't have yet."""
        for symbol in list_symbols(self.broker, symbols):
            self._on_symbol(symbol)

    @property
    def waits(self) -> bool:
        """Whether the present feed waits for its subscribers."""
        return self.feed is not None and self.feed.waits

    def status(self) -> dict[str, Any]:
        """Describe the world for people and tests."""
        feed, books = self.feed, self.broker.core.books
        return {
            "now_msc": self.broker.core.now_msc,
            "feed": feed and {"name": feed.name, "state": feed.state, "ticks": feed.count, "error": feed.error},
            "faults": self.broker.faults.left,
            "deals": len(books.deals),
            "positions": len(books.positions),
            "orders": len(books.orders),
        }

    def _go_on(self, files: Sequence[ReplayFile], speed: float | None) -> None:
        """Replay what is left of the files that an earlier life was cut off in; else all of them."""
        shift_ms = self._unfinished.shift_ms(files)
        if shift_ms is None:
            self.start_replay(files, speed)
            return
        opened = open_files(files)
        self.list([file.symbol for file in opened])
        rest = what_is_left(replay(opened, shift_ms), self.broker.core.market.history)
        names = ", ".join(file.path.name for file in opened)
        self._start_feed(rest, name=f"rest of the replay {names}", speed=speed, waits=True)

    def _start_feed(self, source: Iterator[tuple[str, Tick]], *, name: str, speed: float | None, waits: bool) -> None:
        if self._running:
            self._running.cancel()
        self.feed = Feed(
            self.broker,
            source,
            name=name,
            speed=speed,
            waits=waits,
            may_go_on=self._may_go_on,
            after_slice=self.ticks_came,
        )
        if not self._is_paused:
            self.feed.resume()
        self._running = asyncio.get_running_loop().create_task(self._watched(self.feed))

    def ticks_came(self) -> None:
        """Keep what is new, then tell of it."""
        if self._ticks:
            self._ticks.append(self.broker.core.market.history)  # before anybody else has them
        self._on_ticks()

    async def _watched(self, feed: Feed) -> None:
        try:
            await feed.run()
            if feed.state == "finished":
                self._unfinished.end()
        except JournalError:
            log.exception("the books cannot be written; stopping")
            self._on_broken()

    def _lived_msc(self) -> int:
        """The time of the latest tick that this broker ever had; 0 before the first."""
        return max((tick.time_msc for tick in self.broker.core.market.last.values()), default=0)

    def _first_clock(self, kept: Mapping[str, Sequence[Tick]]) -> int:
        """Where the server's clock stands before any tick: at the last quote, the replay's start, or now."""
        if kept:
            return max(ticks[-1].time_msc for ticks in kept.values())
        if isinstance(self._settings.feed, ReplayFeed):
            return min(file.first_time_msc() for file in open_files(self._settings.feed.files))
        return self._wall_msc()

    def _wall_msc(self) -> int:
        return time.time_ns() // 1_000_000 + self.server_offset_s * 1000
