"""What a terminal signs in with at the broker: sealed before it is stored, opened only for who asked the vault.

The keys come from the environment, newest first: the first one seals, all of them open, so a key is changed by putting
a new one in front, sealing everything again (`reseal`), and taking the old one away. Nothing here returns a secret to
the web, and nothing that holds one shows it when it is printed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import Connection

from zmq_bridge.storage.audit import record

SECRET_FIELDS = ("password", "investor_password")

STORE = """
INSERT INTO account_credentials AS known (account_id, sealed, actor, updated_at)
VALUES (%(account)s, %(sealed)s, %(actor)s, %(now)s)
ON CONFLICT (account_id) DO UPDATE
    SET sealed = excluded.sealed, actor = excluded.actor, updated_at = excluded.updated_at
RETURNING (xmax = 0) AS is_new
"""
EVERY = "SELECT account_id, sealed FROM account_credentials ORDER BY account_id FOR UPDATE"
RESEAL = "UPDATE account_credentials SET sealed = %(sealed)s WHERE account_id = %(account)s"
READ = "SELECT sealed FROM account_credentials WHERE account_id = %(account)s"
REMOVE = "DELETE FROM account_credentials WHERE account_id = %(account)s RETURNING 1"
NOTED = "SELECT account_id, updated_at FROM account_credentials"


class VaultError(Exception):
    """Something sealed can't be opened with the keys that we have."""


class NoVaultKey(VaultError):
    """No key is set, so nothing can be sealed or opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What opens an account at the broker."""

    password: str
    investor_password: str = ""  # "" = none stored

    def __repr__(self) -> str:
        """Keep the secrets out of logs and traces."""
        return "Credentials(...)"


class Vault:
    """Seals and opens with the keys of one process."""

    def __init__(self, keys: Sequence[str]) -> None:
        """`keys` are Fernet keys, the newest first; none: the vault stays shut."""
        self._fernet = MultiFernet([Fernet(key) for key in keys]) if keys else None

    @property
    def is_usable(self) -> bool:
        """Whether there is a key."""
        return self._fernet is not None

    def seal(self, credentials: Credentials) -> str:
        """The sealed text of credentials.

        Raises:
            NoVaultKey: no key is set.
        """
        plain = json.dumps({name: getattr(credentials, name) for name in SECRET_FIELDS}).encode()
        return self._keys().encrypt(plain).decode()

    def open(self, sealed: str) -> Credentials:
        """The credentials in a sealed text.

        Raises:
            NoVaultKey: no key is set.
            VaultError: none of our keys opens it.
        """
        try:
            plain: Mapping[str, str] = json.loads(self._keys().decrypt(sealed.encode()))
        except InvalidToken:
            raise VaultError("the credentials were sealed with a key that we do not have") from None
        return Credentials(**plain)

    def reseal(self, sealed: str) -> str:
        """The same credentials, sealed with the newest key.

        Raises:
            NoVaultKey: no key is set.
            VaultError: none of our keys opens it.
        """
        try:
            return self._keys().rotate(sealed.encode()).decode()
        except InvalidToken:
            raise VaultError("the credentials were sealed with a key that we do not have") from None

    def _keys(self) -> MultiFernet:
        if self._fernet is None:
            raise NoVaultKey("no key is set to seal credentials with")
        return self._fernet


def store_credentials(
    connection: Connection, vault: Vault, account_id: int, credentials: Credentials, *, actor: str, now: datetime
) -> None:
    """Store an account's credentials, sealed; the audit log learns that it was done, and nothing of them.

    Raises:
        NoVaultKey: no key is set.
    """
    values = {"account": account_id, "sealed": vault.seal(credentials), "actor": actor, "now": now}
    is_new = connection.exec_driver_sql(STORE, values).scalar_one()
    record(connection, actor=actor, action="credentials.store", subject=f"account:{account_id}", account_id=account_id,
           before={"stored": not is_new}, after={"stored": True})  # fmt: skip


def remove_credentials(connection: Connection, account_id: int, *, actor: str) -> bool:
    """Forget an account's credentials. False: there were none."""
    if connection.exec_driver_sql(REMOVE, {"account": account_id}).one_or_none() is None:
        return False
    record(connection, actor=actor, action="credentials.remove", subject=f"account:{account_id}",
           account_id=account_id, before={"stored": True}, after={"stored": False})  # fmt: skip
    return True


def read_credentials(connection: Connection, vault: Vault, account_id: int) -> Credentials | None:
    """An account's credentials, for the program that signs the terminal in; None: none are stored.

    Raises:
        VaultError: they can't be opened.
    """
    sealed = connection.exec_driver_sql(READ, {"account": account_id}).scalar_one_or_none()
    return None if sealed is None else vault.open(sealed)


def reseal_all(connection: Connection, vault: Vault, *, actor: str) -> int:
    """Seal everything with the newest key; return how many there were. All or nothing.

    Raises:
        VaultError: some of it can't be opened; nothing was changed if the caller rolls back.
    """
    rows = connection.exec_driver_sql(EVERY).all()
    for row in rows:
        connection.exec_driver_sql(RESEAL, {"account": row.account_id, "sealed": vault.reseal(row.sealed)})
    record(connection, actor=actor, action="credentials.reseal", subject="credentials", after={"accounts": len(rows)})
    return len(rows)


def credentials_noted(connection: Connection) -> dict[int, datetime]:
    """Which accounts have credentials, and since when; nothing of them."""
    return {row.account_id: row.updated_at for row in connection.exec_driver_sql(NOTED)}
