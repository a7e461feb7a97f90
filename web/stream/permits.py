"""What a client may see: the rights of its key, asked for every subscription and for every update. No I/O."""

from __future__ import annotations

from web.stream.requests import Ask, BadRequest
from web.stream.updates import Item, Update
from web.stream.words import SCOPES, Code, Topic
from zmq_bridge.storage.keys import ApiKey


def check(key: ApiKey, ask: Ask) -> None:
    """Refuse what the key may not ask for.

    Raises:
        BadRequest: a scope, an account or a symbol is not the key's.
    """
    scopes = SCOPES[ask.topic]
    if not any(key.allows(scope) for scope in scopes):
        found = ", ".join(sorted(key.scopes))
        raise BadRequest(Code.SCOPE_MISSING, f"Expected a key with scope {' or '.join(scopes)}; found {found}.")
    if ask.topic is Topic.SHARE and key.user_id is None:
        raise BadRequest(Code.SCOPE_MISSING, "Expected a member's key; found one of no member.")
    if ask.account is not None and key.accounts is not None and ask.account not in key.accounts:
        raise BadRequest(
            Code.ACCOUNT_UNKNOWN, f"There is no account {ask.account}, or not for this key.", field="account"
        )
    if ask.symbols is not None and key.symbols is not None and not ask.symbols <= key.symbols:
        refused = sorted(ask.symbols - key.symbols)[0]
        raise BadRequest(
            Code.SYMBOL_NOT_ALLOWED,
            f"Expected symbols of {', '.join(sorted(key.symbols))}; found {refused!r}, which is not for this key.",
            field="symbols",
        )


def visible_items(key: ApiKey, update: Update) -> tuple[Item, ...] | None:
    """The parts of an update that the key may see; None where it must not even hear of it."""
    if key.accounts is not None and update.login not in key.accounts:
        return None
    if update.user_id not in (None, key.user_id):
        return None
    if key.symbols is None:
        return update.items
    if update.symbol is not None and update.symbol not in key.symbols:
        return None
    return tuple(item for item in update.items if item.symbol is None or item.symbol in key.symbols)
