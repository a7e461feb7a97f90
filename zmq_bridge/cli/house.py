"""The demo's first member: whoever paid the simulated account's opening deposit.

Money that nobody claims belongs to nobody, and no one could buy into a pool that made a profit before it had a member.
So `up` makes the member `House` and its request, once, while there is no other member; the ledger does the rest.
"""

from __future__ import annotations

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from zmq_bridge.settings import Settings
from zmq_bridge.storage.accounts import list_accounts
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.ledger.matching import suspense
from zmq_bridge.storage.ledger.requests import request_subscription
from zmq_bridge.storage.users import create_user, list_users

OPENING_COMMENT = "Initial deposit"  # of the simulated broker's first deal
NAME, EMAIL = "House", "house@example.org"
ACTOR = "cli:up"


class House:
    """A chore of the supervisor: claims the opening deposit when it is there, then rests."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._is_done = False

    def __call__(self) -> None:
        """Look whether it is time; called again and again."""
        if self._is_done:
            return
        engine = create_engine(self._settings.database_url, application_name="zmq-bridge up", pool_size=1)
        try:
            with engine.begin() as connection:
                self._is_done = bool(list_users(connection, limit=1)) or _claim(connection)
        except SQLAlchemyError:
            return  # the database is away; the supervisor says so, and this is tried again
        finally:
            engine.dispose()


def _claim(connection: Connection) -> bool:
    """Claim the deposit. False: it has not arrived yet."""
    for account in list_accounts(connection):
        opening = [item for item in suspense(connection, account.id) if item.comment == OPENING_COMMENT]
        user = create_user(connection, name=NAME, email=EMAIL, actor=ACTOR) if opening else None
        if user is not None:
            amount = opening[0].amount
            request_subscription(connection, account.id, user.id, amount, source=ACTOR, reference=OPENING_COMMENT)
            return True
    return False
