"""Limits that people set, and which of them are in force."""

from __future__ import annotations

from web.shapes.kinds import Shape, free, many, moment, text, whole


class LimitsVersion(Shape):
    """Limits that somebody set, for a scope."""

    version = whole()
    account = whole("login; null: for all", none=True)
    source = text(none=True)
    symbol = text(none=True)
    strategy = whole(none=True)
    limits = free("name to value; what is absent keeps its default")
    actor = text()
    created_at = moment()
    ended_at = moment(none=True)


class LimitsInForce(Shape):
    """The limits of an account, and where they come from."""

    account = whole("login")
    limits = free(none=True)
    problem = text(none=True)
    rows = many(LimitsVersion)
    defaults = free()


BUSY = "login of an account that is busy, or not come to: a decision under way there may still go by the limits before"


class LimitsSet(Shape):
    """New limits are in force."""

    version = whole()
    waiting = many(whole(BUSY))


class LimitsEnded(Shape):
    """Limits of a scope are no longer in force."""

    ended = free("the limits that ended")
    waiting = many(whole(BUSY))
