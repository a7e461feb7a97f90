"""What a person sees: lines as things happen, and panels. Output to a pipe is plain text, a line at a time."""

from __future__ import annotations

from rich.console import Console

console = Console(highlight=False, soft_wrap=True)


def report_line(text: str) -> None:
    """One thing that a person should know."""
    console.print(text, markup=False)


def step(text: str) -> None:
    """One step of setting up, done."""
    console.print(f"[green]✓[/green] {text}")
