"""Destinations' addresses are secrets (they hold tokens and passwords): sealed before they are stored.

The key is made from ZMQ_BRIDGE_SECRET_KEY. With another secret key nothing can be opened, and the destination must be
given its address again; deliveries then say so.
"""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PURPOSE = b"zmq-bridge notification destinations"


class SealBroken(Exception):
    """A sealed address can't be opened with this secret key."""


class Seal:
    """Seals and opens with the secret key of one process."""

    def __init__(self, secret_key: str) -> None:
        """`secret_key` is the settings' one; it must not be empty."""
        if not secret_key:
            raise ValueError("expected a secret key to seal addresses with, found none")
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(secret_key.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def seal(self, address: str) -> bytes:
        """The address as it may be stored."""
        return self._fernet.encrypt(address.encode())

    def open(self, sealed: bytes) -> str:
        """The address in it.

        Raises:
            SealBroken: it was sealed with another key, or changed.
        """
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            message = "sealed with another ZMQ_BRIDGE_SECRET_KEY; give the destination its address again"
            raise SealBroken(message) from None
