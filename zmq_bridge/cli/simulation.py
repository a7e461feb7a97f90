"""What a simulation is asked to do, as options of a command and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

AnyCommand = TypeVar("AnyCommand", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What is simulated."""

    replay: tuple[Path, ...] = ()  # tick files, merged by time; empty: generated ticks
    speed: float | None = 1.0  # times real time; None: as fast as it can be taken
    symbols: tuple[str, ...] = ()  # generated: which ones, empty for all; replayed: the files' symbols, empty: detect
    seed: int = 1
    netting: bool = False  # one position a symbol; otherwise a hedging account

    def words(self) -> list[str]:
        """The options that say the same."""
        words = ["--speed", "max" if self.speed is None else str(self.speed), "--seed", str(self.seed)]
        for path in self.replay:
            words += ["--replay", str(path.absolute())]
        if self.netting:
            words.append("--netting")
        return words + (["--symbols", ",".join(self.symbols)] if self.symbols else [])


class Speed(click.ParamType[float | None]):
    """A number above 0, or `max`."""

    name = "N|max"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        """Parse; None stands for max."""
        if value is None or str(value).lower() == "max":
            return None
        try:
            number = float(value)
        except ValueError:
            number = 0.0
        if not 0 < number <= 1_000_000:
            self.fail(f"expected a number above 0 or max, found {value!r}", param, ctx)
        return number


def _symbols(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (value or "").split(",") if name.strip())


def simulation_options(command: AnyCommand) -> AnyCommand:
    """Add the options of every command that simulates."""
    path = click.Path(exists=True, dir_okay=False, path_type=Path)
    for option in (
        click.option("--netting", is_flag=True, help="A netting account: one position a symbol; default: hedging."),
        click.option("--seed", type=int, default=1, show_default=True, help="Same seed, same generated ticks."),
        click.option(
            "--symbols", callback=_symbols, metavar="A,B,...",
            help="Generated: only these symbols. With --replay: the files' symbols, where their names don't tell.",
        ),
        click.option("--speed", type=Speed(), default="1", show_default=True, help="Times real time, or max."),
        click.option(
            "--replay", type=path, multiple=True,
            help="Replay a tick file (TrueFX, HistData, Dukascopy, MT5 export) once; several are merged by time. "
            "Stopped before its end, it goes on where it stood; played again, its times are later by whole weeks.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command
