"""What terminals that poll over HTTP are answered."""

from __future__ import annotations

from web.shapes.kinds import Shape, free, many, text, whole, word


class PollBooked(Shape):
    """The books of a polling terminal are stored."""

    status = word("booked")
    session = whole()
    now_ms = whole("our clock, Unix UTC")
    trading_state = text("what the account may do")
    deals_from_msc = whole("deals are wanted from here on, server's clock", none=True)


class PollCommands(Shape):
    """Commands that a polling terminal has claimed."""

    session = whole()
    trading_state = text("what the account may do")
    commands = many(free("a command as docs/wire.md describes it"))
    now_ms = whole("our clock, Unix UTC")
    lease_ms = whole("so long they are this terminal's")


class PollAcknowledged(Shape):
    """What was booked of a polling terminal's events."""

    session = whole()
    now_ms = whole("our clock, Unix UTC")
    acks = many(many(whole()))
