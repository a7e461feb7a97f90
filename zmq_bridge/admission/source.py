"""Who sends, and what they may touch."""

from __future__ import annotations

from dataclasses import dataclass

from zmq_bridge.storage.keys import ApiKey, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The sender of a request."""

    id: str  # id of the API key, or `cli:<user>`, `system`; rates, overrides and idempotency keys are per source
    accounts: frozenset[int] | None = None  # logins; None: all
    symbols: frozenset[str] | None = None  # None: all
    may_lift: bool = False  # may let an account do more than somebody or something else allows it
    name: str = ""  # for people: what the audit log calls the sender

    @property
    def actor(self) -> str:
        """Who did it, for the audit log."""
        return f"{self.name} ({self.id})" if self.name else self.id

    @classmethod
    def of_key(cls, key: ApiKey) -> Source:
        """The holder of an API key."""
        return cls(
            id=key.id, accounts=key.accounts, symbols=key.symbols, name=key.name, may_lift=key.allows(Scope.ADMIN)
        )
