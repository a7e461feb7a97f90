"""Who looks at a page: their key, the accounts they may see, the one they chose, and what their menu holds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from flask import g, request

from web.api.accounts import visible_accounts
from web.auth import visitor
from web.parts import parts
from zmq_bridge.live.errors import LiveError
from zmq_bridge.storage.accounts import Account
from zmq_bridge.storage.keys import ApiKey, Scope
from zmq_bridge.storage.trading.views import symbol_digits


@dataclass(frozen=True)
class Viewer:
    """The person at the other end."""

    key: ApiKey

    @property
    def member_only(self) -> bool:
        """Whether this is a member who sees their own page and nothing else."""
        return not any(self.key.allows(scope) for scope in (Scope.READ, Scope.TRADE))

    @property
    def home(self) -> str:
        """Where this person begins."""
        return "me" if self.member_only else "overview"

    def may(self, *scopes: str) -> bool:
        """Whether the key has one of the scopes."""
        return any(self.key.allows(Scope(scope)) for scope in scopes)

    @cached_property
    def accounts(self) -> list[Account]:
        """What this person may see."""
        with parts().engine.connect() as connection:
            return visible_accounts(connection)

    @cached_property
    def account(self) -> Account | None:
        """The account that the page is about: the one asked for, else the first; None: there is none."""
        asked = request.args.get("account", "")
        chosen = [account for account in self.accounts if str(account.login) == asked]
        return next(iter(chosen or self.accounts), None)

    @property
    def login(self) -> int | None:
        """The login of that account."""
        return None if self.account is None else self.account.login

    @cached_property
    def digits(self) -> dict[str, int]:
        """How many decimals the prices of the account's symbols have."""
        if self.account is None:
            return {}
        with parts().engine.connect() as connection:
            return symbol_digits(connection, self.account.id)

    @cached_property
    def server_offset_s(self) -> int | None:
        """How far the trade server's clock is ahead of UTC; None while no terminal says so."""
        if self.login is None:
            return None
        try:
            life = parts().live.terminal(self.login)
        except LiveError:
            return None
        said = [role.fields.get("server_offset_s") for role in life.roles.values()] if life else []
        return next((int(text) for text in said if text), None)


def viewer() -> Viewer | None:
    """Who looks at this page; None: nobody that we know."""
    if "viewer" not in g:
        key = visitor()
        g.viewer = None if key is None else Viewer(key)
    found: Viewer | None = g.viewer
    return found
