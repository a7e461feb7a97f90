"""What a person sees: lines as things happen, and panels. Output to a pipe is plain text, a line at a time."""

from __future__ import annotations

from rich.console import Console, RenderableType

PIPE_COLUMNS = 1_000

console = Console(highlight=False, soft_wrap=True)


def show(tables: RenderableType) -> None:
    """Print tables: within the window's width for a person, a row on a line for a program."""
    wide = console if console.is_terminal else Console(highlight=False, width=PIPE_COLUMNS)
    wide.print(tables, soft_wrap=False)


def report_line(text: str) -> None:
    """One thing that a person should know."""
    console.print(text, markup=False)


def counted(number: int, one: str, many: str = "") -> str:
    """Say how many there are of something; `many` where its plural has no plain s."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def step(text: str) -> None:
    """One step of setting up, done."""
    console.print(f"[green]✓[/green] {text}")
