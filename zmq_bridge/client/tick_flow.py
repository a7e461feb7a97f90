"""From frames to ticks: exact symbols, sequence numbers, gaps, staleness, conflation. No socket and no clock in here.

Frames go in with the moment before which they cannot have arrived; ticks and gap notices come out in the order of the
wire. Heartbeats show that a quiet stream is alive, and name the last number sent, so that a lost last tick shows too.
What cannot be decoded is counted and dropped: one bad publisher does not stop a strategy.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from zmq_bridge.client.errors import ClientMisuse, StaleData
from zmq_bridge.client.values import GapNotice, LiveTick
from zmq_bridge.protocol.codec import NUL, split_frame
from zmq_bridge.protocol.errors import ProtocolViolation
from zmq_bridge.protocol.limits import BEAT_MS
from zmq_bridge.protocol.messages import Beat, Gap, decode_frame
from zmq_bridge.protocol.streams import Duplicate, Missed, StreamTracker
from zmq_bridge.protocol.ticks import Tick, unpack_ticks
from zmq_bridge.protocol.topics import GAP, TICK, Topic, parse_topic, symbol_prefix, tick_topic

MAX_AGE_S_MIN: Final = 2 * BEAT_MS / 1000
"""Below two heartbeats nothing can be told about a quiet stream."""

OnGap = Callable[[GapNotice], None]
OnStale = Literal["raise", "flag"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowOptions:
    """What a strategy asked for."""

    symbols: tuple[str, ...] = ()  # exact spelling; none = every symbol
    login: int = 0  # 0 = every account
    conflate: bool = False  # only the latest tick of each stream
    max_age_s: float | None = None  # None = any age
    stale: OnStale = "raise"
    on_gap: OnGap | None = None

    def __post_init__(self) -> None:
        if self.max_age_s is not None and not self.max_age_s >= MAX_AGE_S_MIN:
            raise ClientMisuse(
                f"expected max_age_s of at least {MAX_AGE_S_MIN} (two heartbeats), found {self.max_age_s}"
            )
        if self.stale not in ("raise", "flag"):
            raise ClientMisuse(f"expected stale to be raise or flag, found {self.stale!r}")


@dataclass(slots=True, eq=False)
class _Stream:
    """One symbol at one account."""

    symbol: str
    login: int
    tracker: StreamTracker
    last: tuple[int, int, Tick] | None = None  # session, seq, tick handed out or waiting last
    told_silent_since_s: float | None = None  # of the silence that was flagged last


_Waiting = tuple[_Stream, int, int, Tick, float]  # stream, session, seq, tick, not here before


class TickFlow:
    """The state of one subscription.

    Args:
        now_s: a monotonic clock, as everywhere below.
    """

    def __init__(self, options: FlowOptions, now_s: float) -> None:
        self.options = options
        self.malformed = 0  # frames that could not be decoded
        self.lost = 0  # ticks known to be missing
        self._wanted = frozenset(options.symbols)
        self._by_topic: dict[bytes, _Stream] = {}
        self._ready: deque[_Waiting | GapNotice] = deque()
        self._latest: dict[_Stream, _Waiting] = {}  # when conflating
        self._begun_s = now_s
        self._heard_s: dict[int, float] = {}  # by login: tick or heartbeat

    def prefixes(self) -> list[bytes]:
        """Give what to subscribe to. Prefixes match too much; `take` compares exactly."""
        if not self._wanted:
            return [b"tick.", b"gap.", b"beat."]
        if self.options.login:
            ticks = [tick_topic(symbol, self.options.login).encode() for symbol in self._wanted]
        else:
            ticks = [symbol_prefix(TICK, symbol) for symbol in self._wanted]
        return [*ticks, *(symbol_prefix(GAP, symbol) for symbol in self._wanted), b"beat."]

    def take(self, frame: bytes, earliest_s: float, now_s: float) -> None:
        """Take in one frame.

        Args:
            earliest_s: it was not here before that moment.
        """
        try:
            end = frame.find(NUL)
            stream = self._by_topic.get(frame[:end])
            if stream is not None:  # nearly always: ticks of a stream that is known
                self._take_ticks(stream, frame[end + 1 :], earliest_s, now_s)
            else:
                self._take_other(frame, earliest_s, now_s)
        except ProtocolViolation:
            self.malformed += 1

    @property
    def waiting(self) -> int:
        """Say how many ticks and notices wait to be handed out."""
        return len(self._ready) + len(self._latest)

    def next(self, now_s: float) -> LiveTick | None:
        """Hand out the next tick, telling of gaps at their place in the stream; None = nothing waits.

        Raises:
            StaleData: with stale="raise", instead of handing out old data.
        """
        while self._ready:
            item = self._ready.popleft()
            if not isinstance(item, GapNotice):
                return self._hand_out(item, now_s)
            if self.options.on_gap is not None:
                self.options.on_gap(item)
        if self._latest:
            return self._hand_out(self._latest.pop(next(iter(self._latest))), now_s)
        return None

    def check_silence(self, now_s: float) -> LiveTick | None:
        """Look for streams that fell silent; to be called when nothing waits.

        Returns:
            With stale="flag": the last tick of a stream that fell silent, flagged, once per silence.

        Raises:
            StaleData: with stale="raise": a wanted symbol without any fresh stream.
        """
        if self.options.max_age_s is None:
            return None
        silent = [stream for stream in self._by_topic.values() if not self._is_fresh(stream, now_s)]
        if self.options.stale == "flag":
            return self._flag(silent)
        fresh = {stream.symbol for stream in self._by_topic.values() if stream not in silent}
        for symbol in sorted(self._wanted or {stream.symbol for stream in silent} or {""} - fresh):
            if symbol not in fresh:
                self._raise_if_silent(symbol, now_s)
        return None

    def silence_in_s(self, now_s: float) -> float | None:
        """Say in how many seconds `check_silence` may have something; None = never."""
        if self.options.max_age_s is None:
            return None
        moments = [self._heard_s.get(stream.login, self._begun_s) for stream in self._by_topic.values()]
        due_s = [moment + self.options.max_age_s - now_s for moment in [*moments, self._begun_s]]
        return min((seconds for seconds in due_s if seconds > 0), default=self.options.max_age_s / 2)

    def _is_wanted(self, topic: Topic) -> bool:
        return (not self._wanted or topic.symbol in self._wanted) and self.options.login in (0, topic.login)

    def _take_ticks(self, stream: _Stream, payload: bytes, earliest_s: float, now_s: float) -> None:
        session, seq, ticks = unpack_ticks(payload)
        observed = stream.tracker.observe(session, seq, len(ticks))
        if observed is not None:
            seq, ticks = self._take_note(stream, observed, seq, ticks)
            if not ticks:
                return
        self._heard_s[stream.login] = now_s
        stream.last = (session, seq + len(ticks) - 1, ticks[-1])
        if self.options.conflate:
            self._latest[stream] = (stream, *stream.last, earliest_s)
            return
        for tick in ticks:
            self._ready.append((stream, session, seq, tick, earliest_s))
            seq += 1

    def _take_note(
        self, stream: _Stream, observed: Missed | Duplicate, seq: int, ticks: list[Tick]
    ) -> tuple[int, list[Tick]]:
        """Announce what is missing before these ticks; leave out what is not new."""
        if isinstance(observed, Missed):
            self._miss(stream, observed, ticks[0].time_msc)
            return seq, ticks
        return seq + observed.skip, ticks[observed.skip :]

    def _take_other(self, frame: bytes, earliest_s: float, now_s: float) -> None:
        name, payload = split_frame(frame)
        topic = parse_topic(name)
        if topic.kind != TICK:
            self._take_message(frame, now_s)
        elif self._is_wanted(topic):
            stream = _Stream(topic.symbol, topic.login, StreamTracker())
            self._take_ticks(stream, payload, earliest_s, now_s)
            self._by_topic[name.encode()] = stream

    def _take_message(self, frame: bytes, now_s: float) -> None:
        _, message = decode_frame(frame)
        if isinstance(message, Beat) and message.role in ("both", "feed"):
            self._heard_s[message.login] = now_s
            for name, last_seq in message.streams.items():
                stream = self._by_topic.get(name.encode())
                missed = None if stream is None else stream.tracker.observe_beat(message.session, last_seq)
                if stream is not None and missed is not None:
                    self._miss(stream, missed, 0)
        elif isinstance(message, Gap) and self._is_wanted(Topic(GAP, message.symbol, message.login)):
            self._ready.append(
                GapNotice(
                    message.symbol,
                    message.login,
                    "bridge",
                    message.lost,
                    message.state,
                    message.from_msc,
                    message.to_msc,
                    message.found,
                )
            )

    def _miss(self, stream: _Stream, missed: Missed, to_msc: int) -> None:
        self.lost += missed.lost
        from_msc = 0 if stream.last is None else stream.last[2].time_msc
        self._ready.append(GapNotice(stream.symbol, stream.login, missed.reason, missed.lost, "open", from_msc, to_msc))

    def _hand_out(self, waiting: _Waiting, now_s: float) -> LiveTick:
        stream, session, seq, tick, earliest_s = waiting
        queued_s, max_age_s = now_s - earliest_s, self.options.max_age_s
        is_stale = max_age_s is not None and queued_s > max_age_s
        if is_stale and self.options.stale == "raise" and max_age_s is not None:
            raise StaleData(stream.symbol, queued_s, max_age_s, "ticks may have waited here")
        return LiveTick(stream.symbol, stream.login, *tick, session, seq, queued_s, is_stale)

    def _is_fresh(self, stream: _Stream, now_s: float) -> bool:
        max_age_s = self.options.max_age_s
        return max_age_s is None or now_s - self._heard_s.get(stream.login, self._begun_s) <= max_age_s

    def _flag(self, silent: Iterable[_Stream]) -> LiveTick | None:
        for stream in silent:
            since_s = self._heard_s.get(stream.login, self._begun_s)
            if stream.told_silent_since_s != since_s and stream.last is not None:
                stream.told_silent_since_s = since_s
                session, seq, tick = stream.last
                return LiveTick(stream.symbol, stream.login, *tick, session, seq, 0.0, True)
        return None

    def _raise_if_silent(self, symbol: str, now_s: float) -> None:
        logins = [stream.login for stream in self._by_topic.values() if symbol in ("", stream.symbol)]
        heard_s = max((self._heard_s.get(login, self._begun_s) for login in logins), default=self._begun_s)
        age_s, max_age_s = now_s - heard_s, self.options.max_age_s
        if max_age_s is not None and age_s > max_age_s:
            why = "no tick and no heartbeat" if logins else "no tick since the subscription"
            raise StaleData(symbol, age_s, max_age_s, why)
