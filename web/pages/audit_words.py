"""The audit log in words: what was done, to what, and by whom, as people call it.

Ids become names where there is one: an account its login, a key and a member what they are called. An action that
nobody described here is shown by its own words; nothing is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

ACTIONS = {
    "account.create": "Account seen first",
    "account.set_symbols": "Allowed symbols set",
    "credentials.remove": "Credentials removed",
    "credentials.reseal": "Credentials sealed anew",
    "credentials.store": "Credentials stored",
    "drawdown.reset": "Drawdown reset",
    "hold.enforce": "Hold enforced",
    "hold.impose": "Trading held",
    "hold.lift": "Hold lifted",
    "key.create": "Key made",
    "key.revoke": "Key revoked",
    "key.rotate": "Key replaced",
    "kill_switch.use": "Kill switch used",
    "ledger.accept_break": "Break accepted",
    "ledger.adopt": "Profit without units given",
    "ledger.cancel": "Request taken back",
    "ledger.correct": "Deal corrected",
    "ledger.crystallise": "Fees taken",
    "ledger.match": "Money matched",
    "ledger.price": "Withdrawal priced",
    "ledger.release": "Money given to the pool",
    "ledger.reverse": "Transaction taken back",
    "ledger.terms": "Terms set",
    "ledger.unmatch": "Match taken back",
    "notification_destination.add": "Destination added",
    "notification_destination.enable": "Destination switched",
    "notification_destination.remove": "Destination removed",
    "notification_rule.add": "Rule added",
    "notification_rule.remove": "Rule removed",
    "openings.end": "Orders on their way ended",
    "request.approve": "Request approved",
    "request.create": "Asked for",
    "request.deny": "Request denied",
    "session.end": "Signed out",
    "session.start": "Signed in",
    "signal.approve": "Signal approved",
    "signal.cancel": "Signal taken back",
    "signal.deny": "Signal denied",
    "signal.execute": "Signal executed again",
    "strategy.release": "Strategy released",
    "ticket.adopt": "Position adopted",
    "trading_state.set": "Trading state set",
    "user.create": "Member added",
    "user.status": "Member's status set",
}
KINDS = {
    "account": "account",
    "notification_destination": "destination",
    "notification_rule": "rule",
    "redemption": "withdrawal",
    "signal": "signal",
    "subscription": "investment",
    "ticket": "ticket",
}
SYSTEM = {"system": "the bridge", "desk": "the bridge", "ledger": "the ledger", "risk": "risk", "cli": "command line"}
COMMAND_LINE = "cli:"
KEY = re.compile(r" \((?P<id>[^()]*)\)(?=\Z|: )")  # an actor is `name (id)`, or `name (id): reason`


def action(name: str) -> str:
    """What was done."""
    return ACTIONS.get(name) or name.replace(".", " ").replace("_", " ").capitalize()


def thing(subject: str, names: Mapping[str, str]) -> str:
    """What it was done to.

    Args:
        subject: as `kind:id`.
        names: of accounts, members and keys, by subject.
    """
    kind, colon, rest = subject.partition(":")
    return names.get(subject) or (f"{KINDS.get(kind, kind.replace('_', ' '))} {rest}" if colon else subject)


def person(actor: str, names: Mapping[str, str]) -> str:
    """Who did it: a key by its name, the command line with its user, or a part of the bridge."""
    if actor.startswith(COMMAND_LINE):
        return f"command line, {actor.removeprefix(COMMAND_LINE)}"
    return _key(actor, names) or SYSTEM.get(actor) or names.get(actor) or actor


def _key(actor: str, names: Mapping[str, str]) -> str | None:
    """The key that acted; an id in its name, or in the reason that it gave, is not believed."""
    for found in KEY.finditer(actor):
        key = names.get(f"api_key:{found['id']}")
        if key == f"key {actor[: found.start()]}":
            return key
    return names.get(f"api_key:{actor}")
