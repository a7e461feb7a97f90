"""Members' own shares: read for whoever asks, and again and again for who subscribed: they move with prices, of which
Postgres says nothing.

Law: one thread reads, so that what was read later is told later; the event loop never waits for it, and no order does:
a look takes no lock. Figures of a member that can't be read keep no other member's back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from ledger.statement import MemberStatement
from web.member_figures import shown_figures, shown_request
from web.stream import updates
from web.stream.hub import Hub
from web.stream.requests import BadRequest
from web.stream.updates import Update
from web.stream.words import Code, Topic, Type
from zmq_bridge.storage.accounts import Account, list_accounts
from zmq_bridge.storage.engine import read_at_one_moment
from zmq_bridge.storage.filters import Filter
from zmq_bridge.storage.ledger.request_list import page_requests
from zmq_bridge.storage.ledger.statements import statements_of

log = logging.getLogger(__name__)

SHARES_EVERY_S = 2.0
REQUESTS_TOLD = 20  # the newest; the rest are at /api/requests
UNREADABLE = (ArithmeticError, ValueError)  # what the ledger raises of figures from which no share follows
AWAY = "The database does not answer: the share that was sent may be old. It is sent anew when the database is back."


class Shares:
    """Keeps the hub's knowledge of shares young, of those that somebody asked for."""

    def __init__(self, hub: Hub, engine: Engine) -> None:
        self._hub, self._engine = hub, engine
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="stream-shares")
        self._is_away = False

    async def run(self) -> None:
        """Look again until cancelled."""
        while True:
            await asyncio.sleep(SHARES_EVERY_S)
            if members := self._hub.members_asking():
                await self._look(members)

    async def read_for(self, user_id: int) -> None:
        """Let the hub know a member's share of now.

        Raises:
            BadRequest: the database does not answer.
        """
        try:
            await self._read({user_id})
        except SQLAlchemyError as error:
            log.warning("stream: a share not read: %s", str(error).splitlines()[0])
            raise BadRequest(Code.DATABASE_UNAVAILABLE, "The database does not answer; ask again.") from None

    def close(self) -> None:
        """Let the thread go."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _look(self, members: Collection[int]) -> None:
        try:
            await self._read(members)
            self._is_away = False
        except SQLAlchemyError as error:
            if not self._is_away:
                log.warning("stream: shares not read: %s", str(error).splitlines()[0])
                self._hub.say_to_all(Topic.SHARE, Type.ERROR, {"code": Code.DATABASE_UNAVAILABLE, "message": AWAY})
                self._hub.forget(Type.SHARE_UPDATE)
            self._is_away = True

    async def _read(self, members: Collection[int]) -> None:
        found = await asyncio.get_running_loop().run_in_executor(self._thread, share_news, self._engine, members)
        self._hub.publish(found)


def share_news(engine: Engine, members: Collection[int]) -> list[Update]:
    """How the shares of these members stand, in the pool of every account. Blocks."""
    with engine.connect() as connection:
        # Else books that move would be held still by their lock, and its account's orders wait for all of this.
        read_at_one_moment(connection)
        wanted = sorted(members)
        return [share for each in list_accounts(connection) for share in _shares(connection, each, wanted)]


def _shares(connection: Connection, account: Account, members: Sequence[int]) -> Iterator[Update]:
    """The shares in one pool: of all at once, or of one member after the other where those of one can't be read."""
    try:
        statements = statements_of(connection, account.id, members)
        yield from [_share(connection, account, statement) for statement in statements]
    except UNREADABLE as error:
        if len(members) > 1:
            for member in members:
                yield from _shares(connection, account, [member])
        else:
            whose = f"account {account.login} at {account.server}, member {members[0]}"
            log.warning("stream: a share can't be read: %s: %s: %s", whose, type(error).__name__, error)


def _share(connection: Connection, account: Account, statement: MemberStatement) -> Update:
    record = _record(connection, account, statement)
    return updates.share(account.login, account.server, statement.member, record)


def _record(connection: Connection, account: Account, statement: MemberStatement) -> dict[str, Any]:
    """A share as the REST side's statement and requests have it."""
    wanted = Filter(account_ids=[account.id], limit=REQUESTS_TOLD)
    requests = page_requests(connection, wanted, user_id=statement.member)[:REQUESTS_TOLD]
    return {
        "currency": account.currency,
        **shown_figures(statement, account.currency_digits),
        "requests": [shown_request(request, account) for request in requests],
    }
