"""A hello at the desk: taken in when this desk owns its account, refused with a code when it does not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.exc import DataError

from zmq_bridge.booking.entering import (
    Entered,
    NotWelcome,
    account_of,
    check_session,
    check_speaks_of_itself,
    enter,
)
from zmq_bridge.protocol.dialogue import Hello
from zmq_bridge.protocol.errors import ErrorCode
from zmq_bridge.relay.messages import Refused, Registered

REASON_CHARS_MAX = 300

Adopt = Callable[[int], bool]
"""Take the ownership of an account."""


def register(engine: Engine, hello: Hello, adopt: Adopt, *, now: datetime) -> Registered | Refused:
    """Book a hello.

    Args:
        now: when it came in.

    Raises:
        SQLAlchemyError: the database is away; answer UNAVAILABLE.
    """
    try:
        check_speaks_of_itself(hello)
        with engine.begin() as connection:
            account = account_of(connection, hello)
            check_session(connection, account.id, hello)
        if not adopt(account.id):
            raise NotWelcome(ErrorCode.OWNED_ELSEWHERE, "another desk serves this account", found=str(hello.login))
        with engine.begin() as connection:
            entered = enter(connection, account.id, hello, now)
        return Registered(hello=hello, **{name: getattr(entered, name) for name in Entered.__slots__})
    except NotWelcome as refusal:
        return Refused(
            hello=hello, code=refusal.code, message=refusal.message, expected=refusal.expected, found=refusal.found
        )
    except (DataError, ValueError) as error:
        reason = " ".join(str(error).split())[:REASON_CHARS_MAX]
        return Refused(hello=hello, code=ErrorCode.MALFORMED, message=f"the books cannot hold this: {reason}")
