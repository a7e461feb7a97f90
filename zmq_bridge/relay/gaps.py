"""What a tick stream's numbers tell: what is new, what came twice, what is missing. Pure: no clock, no I/O.

A stream is judged against its cursor, the last number that is safe in Postgres, never against memory. So whatever lost
the ticks between (a full pipe, our own full queue, a killed recorder), the same jump shows it, and the same gap
repairs it.

The rules, in order:

    number at or below the cursor        duplicate: dropped, counted
    next number                          accepted
    higher number                        gap [cursor.time_msc, first.time_msc], then accepted
    newer session                        gap [cursor.time_msc, first.time_msc]: the market moved while nobody looked
    older session, newer one just heard  superseded: dropped, counted
    older session, newer one silent      taken as a newer session (a terminal's clock was set back)
    a beat names a higher number         gap up to the beat: the tail was lost and nothing followed
    a beat names an impossible number    refused, counted: what nobody can have sent says nothing of what was lost
    no cursor, number above 1            gap reaching FIRST_SIGHT_LOOKBACK_MS back
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from zmq_bridge.storage.ticks.copy import TickRun
from zmq_bridge.storage.ticks.cursors import TickCursor

FIRST_SIGHT_LOOKBACK_MS = 24 * 3_600_000
"""How far before the first tick ever seen of a stream its lost beginning is looked for."""

TAIL_SLACK_MS = 15_000
"""Added to a beat's time: a terminal's clock may run behind the server's ticks."""

TICKS_PER_MS_MAX = 1_000
"""No stream is faster; a beat that names more than that since the cursor moved is made up."""

BEAT_GRACE_MS = 60_000
"""Added to that time: a recorder that stood still moved its cursor late."""

SUPERSEDED_MS = 5_000
"""An older session is refused while a newer one was heard within this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """What a heartbeat says about a stream."""

    session: int

    seq: int
    """The last number sent; 0 = none yet."""

    time_msc: int
    """Server clock of the beat."""

    received_ms: int
    """Our clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GapFound:
    """A stretch that must be asked back."""

    session: int
    from_msc: int
    to_msc: int

    lost: int | None
    """Ticks known to be missing; None = unknown."""

    reason: str

    seq_last: int | None = None
    """Number of the last of them; None where `lost` is."""


@dataclass(slots=True, kw_only=True)
class StreamPlan:
    """What to do with the news of one stream."""

    cursor: TickCursor | None
    """Where the stream stands afterwards; None = never heard of."""

    accepted: list[TickRun] = field(default_factory=list)
    """New by their numbers and by their times: to be appended."""

    overlapping: list[TickRun] = field(default_factory=list)
    """New by their numbers, but of a time that a backfill or an earlier session may have stored already."""

    gaps: list[GapFound] = field(default_factory=list)
    duplicates: int = 0
    superseded: int = 0
    absurd: int = 0
    """Beats that name a number which nobody can have sent."""


News = TickRun | Announced


def plan_stream(cursor: TickCursor | None, news: Sequence[News]) -> StreamPlan:
    """Decide about the news of one stream, in the order they came."""
    plan = StreamPlan(cursor=cursor)
    for item in news:
        if isinstance(item, TickRun):
            _take_run(plan, item)
        elif item.seq > 0:
            _take_beat(plan, item)
    return plan


def _take_run(plan: StreamPlan, run: TickRun) -> None:
    cursor = plan.cursor
    if cursor is None:
        _note(plan, _first_sight(run.session, run.seq - 1, run.ticks[0].time_msc))
    elif run.session == cursor.session:
        fresh = _fresh_part(cursor, run)
        plan.duplicates += len(run.ticks) - (0 if fresh is None else len(fresh.ticks))
        if fresh is None:
            return
        run = fresh
        _note(plan, _jump(cursor, run))
    elif _superseded(cursor, run):
        plan.superseded += len(run.ticks)
        return
    else:
        _note(plan, _new_session(cursor, run))
    _accept(plan, run)


def _accept(plan: StreamPlan, run: TickRun) -> None:
    filled_msc = 0 if plan.cursor is None else plan.cursor.filled_msc
    if plan.cursor is not None and plan.cursor.session != run.session:
        filled_msc = max(filled_msc, plan.cursor.time_msc)
    if any(tick.time_msc <= filled_msc for tick in run.ticks):
        _join(plan.overlapping, run)
    else:
        plan.accepted.append(run)
    plan.cursor = TickCursor(
        session=run.session,
        seq=run.seq_last,
        time_msc=run.ticks[-1].time_msc,
        received_ms=run.received_ms,
        filled_msc=filled_msc,
    )


def _join(runs: list[TickRun], run: TickRun) -> None:
    """Append, as part of the last run where it follows on: each run of these costs a query."""
    if runs and runs[-1].session == run.session and runs[-1].seq_last + 1 == run.seq:
        runs[-1] = replace(runs[-1], ticks=[*runs[-1].ticks, *run.ticks])
    else:
        runs.append(run)


def _take_beat(plan: StreamPlan, beat: Announced) -> None:
    cursor = plan.cursor
    if _is_absurd(cursor, beat):
        plan.absurd += 1
    elif cursor is None:
        gap = _first_sight(beat.session, beat.seq, beat.time_msc + TAIL_SLACK_MS)
        plan.cursor = TickCursor(
            session=beat.session, seq=beat.seq, time_msc=gap.from_msc if gap else 0, received_ms=beat.received_ms
        )
        _note(plan, gap)
    elif beat.session == cursor.session and beat.seq > cursor.seq:
        _take_tail(plan, cursor, beat, lost=beat.seq - cursor.seq, reason="ticks lost at the end of the stream")
    elif beat.session != cursor.session and not _superseded(cursor, beat):
        _take_tail(plan, cursor, beat, lost=None, reason="a new session whose first ticks were lost")


def _take_tail(plan: StreamPlan, cursor: TickCursor, beat: Announced, *, lost: int | None, reason: str) -> None:
    to_msc = max(cursor.time_msc, beat.time_msc) + TAIL_SLACK_MS
    gap = GapFound(
        session=beat.session, from_msc=cursor.time_msc, to_msc=to_msc, lost=lost, reason=reason,
        seq_last=None if lost is None else beat.seq,
    )  # fmt: skip
    _note(plan, gap)
    plan.cursor = replace(cursor, session=beat.session, seq=beat.seq, received_ms=beat.received_ms)


def _fresh_part(cursor: TickCursor, run: TickRun) -> TickRun | None:
    seen = cursor.seq - run.seq + 1
    if seen <= 0:
        return run
    return replace(run, seq=run.seq + seen, ticks=run.ticks[seen:]) if seen < len(run.ticks) else None


def _jump(cursor: TickCursor, run: TickRun) -> GapFound | None:
    lost = run.seq - cursor.seq - 1
    if lost == 0:
        return None
    first_msc = run.ticks[0].time_msc
    return GapFound(
        session=run.session,
        from_msc=min(cursor.time_msc, first_msc),
        to_msc=max(cursor.time_msc, first_msc),
        lost=lost,
        reason="ticks lost within the stream",
        seq_last=run.seq - 1,
    )


def _new_session(cursor: TickCursor, run: TickRun) -> GapFound | None:
    first_msc = run.ticks[0].time_msc
    if first_msc < cursor.time_msc:  # a replay, or the broker's clock was set back: the past is not missing
        return _first_sight(run.session, run.seq - 1, first_msc)
    return GapFound(
        session=run.session,
        from_msc=cursor.time_msc,
        to_msc=first_msc,
        lost=None,
        reason="the terminal started anew",
    )


def _first_sight(session: int, lost: int, to_msc: int) -> GapFound | None:
    if lost == 0:
        return None
    return GapFound(
        session=session,
        from_msc=max(0, to_msc - FIRST_SIGHT_LOOKBACK_MS),
        to_msc=to_msc,
        lost=lost,
        reason="the stream had begun before it was first recorded",
        seq_last=lost,
    )


def _is_absurd(cursor: TickCursor | None, beat: Announced) -> bool:
    """Say whether so many ticks can't have been sent: since the cursor moved, or since the session began."""
    same = cursor is not None and cursor.session == beat.session
    counted, since_ms = (cursor.seq, cursor.received_ms) if cursor is not None and same else (0, beat.session)
    return beat.seq - counted > (max(0, beat.received_ms - since_ms) + BEAT_GRACE_MS) * TICKS_PER_MS_MAX


def _superseded(cursor: TickCursor, item: News) -> bool:
    return item.session < cursor.session and item.received_ms - cursor.received_ms < SUPERSEDED_MS


def _note(plan: StreamPlan, gap: GapFound | None) -> None:
    if gap is not None:
        plan.gaps.append(gap)
