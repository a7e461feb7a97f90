"""The allow-list file (`ZMQ_BRIDGE_PEERS_FILE`, TOML) as the sockets' `AllowList`.

mechanism = "plain"                  # or "curve"
addresses = ["192.0.2.10"]           # optional: nobody else is let in
secret_key = "..."                   # the bridge's own; curve: its secret key, Z85; plain: 32 characters or more

[[peers]]
name = "vm-1"
password_sha256 = "..."              # plain: sha256 of the password, hex
public_key = ""                      # curve: the peer's public key, Z85
logins = [123456]                    # accounts it may speak for
doors = ["feed", "terminal"]         # of feed, subscribe, terminal, strategy; absent: all four
"""

from __future__ import annotations

import tomllib
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import zmq

from zmq_bridge.cli.errors import CannotRun
from zmq_bridge.client import Credentials
from zmq_bridge.sockets.zap import BRIDGE, AllowList, Door, Mechanism, Peer

LIST_FIELDS = {"mechanism", "addresses", "secret_key", "peers"}
PEER_FIELDS = {"name", "password_sha256", "public_key", "logins", "doors"}


def read_peers(path: Path | None, own_addresses: AbstractSet[str] = frozenset()) -> AllowList:
    """Read the allow-list; without a file anybody on this machine may connect.

    Args:
        own_addresses: where the bridge's own processes connect from; let in beside `addresses`.

    Raises:
        CannotRun: the file says something that can't be used; nobody is let in by a misread list.
    """
    if path is None:
        return AllowList()
    try:
        with path.open("rb") as file:
            found = tomllib.load(file)
        return _allow_list(found, own_addresses)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CannotRun(f"ZMQ_BRIDGE_PEERS_FILE: expected a usable allow-list in {path}, found: {error}") from error


def own_credentials(allowed: AllowList) -> Credentials:
    """How a command of ours on the bridge's machine proves to the proxy that it belongs to the bridge."""
    if allowed.mechanism is Mechanism.PLAIN:
        return Credentials(username=BRIDGE, password=allowed.secret_key)
    if allowed.mechanism is Mechanism.CURVE:
        public_key = zmq.curve_public(allowed.secret_key.encode()).decode()
        return Credentials(server_key=public_key, public_key=public_key, secret_key=allowed.secret_key)
    return Credentials()


def _allow_list(found: dict[str, Any], own_addresses: AbstractSet[str]) -> AllowList:
    _known_only(found, LIST_FIELDS, "the file")
    mechanism = Mechanism(found["mechanism"])
    if mechanism is Mechanism.NONE:
        raise ValueError('mechanism "none" lets anybody in; expected "plain" or "curve"')
    return AllowList(
        mechanism=mechanism,
        addresses=frozenset(found["addresses"]) | own_addresses if found.get("addresses") else frozenset(),
        secret_key=found.get("secret_key", ""),
        peers=tuple(_peer(peer, mechanism) for peer in found.get("peers", ())),
    )


def _peer(found: dict[str, Any], mechanism: Mechanism) -> Peer:
    name = found.get("name", "")
    _known_only(found, PEER_FIELDS, f"peer {name!r}")
    proof = "password_sha256" if mechanism is Mechanism.PLAIN else "public_key"
    length = 64 if mechanism is Mechanism.PLAIN else 40
    if not name or len(found.get(proof, "")) != length:
        raise ValueError(f"peer {name!r}: expected a name and {proof} of {length} characters")
    return Peer(
        name=name,
        password_sha256=found.get("password_sha256", "").lower(),
        public_key=found.get("public_key", ""),
        logins=frozenset(found.get("logins", ())),
        doors=frozenset(Door(door) for door in found.get("doors", list(Door))),
    )


def _known_only(found: dict[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(found) - known)
    if unknown:
        raise ValueError(f"{where} has unknown fields {', '.join(unknown)}; expected only {', '.join(sorted(known))}")
