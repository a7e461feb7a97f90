"""The bridge's own figures in words: what `bridge:stats` counts since each process began, as people read it.

`status` and the System page show these, in this order and by these names. What is not listed is of use to those who
look for a fault: it stays in Redis by its own name, and is shown only where it tells of a loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

LOSSES = ("refused", "dropped", "failures", "malformed", "absurd", "unstorable", "unknown_login", "failed")
"""Parts of names whose figures must not grow: something was dropped, refused or tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure and what it is called."""

    name: str  # `process.name`, as Redis has it
    title: str
    unit: str = "count"  # or ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One figure as it is now."""

    figure: Figure
    value: str  # as it is stored
    is_loss: bool  # something went wrong


FIGURES = (
    Figure(name="recorder.ticks", title="Ticks received"),
    Figure(name="recorder.postgres_ticks", title="Ticks stored"),
    Figure(name="recorder.postgres_lag_ms", title="Until stored in Postgres", unit="ms"),
    Figure(name="recorder.redis_lag_ms", title="Until shown in Redis", unit="ms"),
    Figure(name="recorder.postgres_queue", title="Waiting for Postgres"),
    Figure(name="recorder.postgres_refused", title="Put off, to be backfilled"),
    Figure(name="recorder.gaps", title="Gaps seen, open or filled"),
    Figure(name="recorder.duplicates", title="Duplicates dropped"),
    Figure(name="recorder.malformed", title="Not understood"),
    Figure(name="desk.commands_handed_out", title="Commands handed out"),
    Figure(name="desk.events_committed", title="Events booked"),
    Figure(name="desk.request_requests", title="Requests of terminals"),
)
_LISTED = {figure.name for figure in FIGURES}


def told(found: Mapping[str, str]) -> Iterator[Told]:
    """The figures that are there, in order; behind them each that nobody listed and that tells of a loss."""
    for figure in FIGURES:
        if figure.name in found:
            yield Told(figure=figure, value=found[figure.name], is_loss=_is_loss(figure.name, found[figure.name]))
    for name in sorted(found.keys() - _LISTED):
        if _is_loss(name, found[name]):
            process, _, rest = name.partition(".")
            figure = Figure(name=name, title=f"{process.capitalize()}: {rest.replace('_', ' ')}")
            yield Told(figure=figure, value=found[name], is_loss=True)


def _is_loss(name: str, value: str) -> bool:
    return value != "0" and any(word in name for word in LOSSES)
