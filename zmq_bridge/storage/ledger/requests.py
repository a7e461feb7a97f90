"""Requests of members: to pay in, to take out. A request moves nothing; money at the broker does.

Each carries a reference that the person writes into the comment of the transfer, so that the broker's balance deal
finds it by itself. A repeated idempotency key gets the first request back.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from ledger.money import scaled, total
from ledger.refusals import RefusalCode, Refused, refuse
from ledger.units import check_cash
from zmq_bridge.protocol.ids import new_id
from zmq_bridge.storage.audit import record
from zmq_bridge.storage.ledger.matching import REDEMPTION, SUBSCRIPTION, TABLES, match_waiting, unmatch
from zmq_bridge.storage.ledger.pool import UnknownAccountError
from zmq_bridge.storage.ledger.request_list import Request, get_request, request_of_key
from zmq_bridge.storage.ledger.settlement import settle_matched
from zmq_bridge.storage.ledger.shares import claim_of
from zmq_bridge.storage.locks import Lock, hold
from zmq_bridge.storage.notifications.trading import tell_request

REFERENCE_CHARS = 8  # of the id's end: 40 random bits, and short enough to type into a bank form

ACCOUNT = """
SELECT currency, currency_digits AS digits, clock_timestamp() AS now FROM accounts WHERE id = %(account)s
"""

KNOWN = "SELECT EXISTS (SELECT FROM {table} WHERE source = %(source)s AND idempotency_key = %(key)s)"

ASKED = """
SELECT coalesce(sum(amount), 0) AS amount, coalesce(bool_or(full_exit), false) AS everything FROM redemptions
WHERE account_id = %(account)s AND user_id = %(user)s AND status IN ('pending', 'matched')
"""
"""What a member has asked for and no unit was burned for yet."""

INSERT_SUBSCRIPTION = """
INSERT INTO subscriptions (id, user_id, account_id, amount, currency, reference, source, idempotency_key)
VALUES (%(id)s, %(user)s, %(account)s, %(amount)s, %(currency)s, %(reference)s, %(source)s, %(key)s)
ON CONFLICT (source, idempotency_key) DO NOTHING RETURNING id
"""

INSERT_REDEMPTION = """
INSERT INTO redemptions (id, user_id, account_id, amount, full_exit, currency, reference, source, idempotency_key)
VALUES (%(id)s, %(user)s, %(account)s, %(amount)s, %(full_exit)s, %(currency)s, %(reference)s, %(source)s, %(key)s)
ON CONFLICT (source, idempotency_key) DO NOTHING RETURNING id
"""

PENDING_OF = """
SELECT id, account_id FROM subscriptions WHERE user_id = %(user)s AND status = 'pending' ORDER BY account_id, id
"""

CANCEL = """
UPDATE {table} SET status = 'cancelled', deal_ticket = NULL, settled_at = now()
WHERE id = %(id)s AND account_id = %(account)s AND status IN ('pending', 'matched') RETURNING id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What a member asks for, before it is a request."""

    kind: str  # subscription or redemption
    account_id: int
    user_id: int
    amount: Decimal | None  # None: a full exit
    source: str  # who sent it; keys are unique within one source
    key: str | None  # the idempotency key; None: every sending is a request of its own
    reference: str | None  # None: made of the request's id


def request_subscription(
    connection: Connection,
    account_id: int,
    user_id: int,
    amount: Decimal,
    *,
    source: str = "system",
    idempotency_key: str | None = None,
    reference: str | None = None,
) -> Request | Refused:
    """Note that a member wants to pay in; units follow when the deposit shows up at the broker.

    Args:
        reference: what the deposit's comment will carry; None makes one.
    """
    wish = _Wish(
        kind=SUBSCRIPTION, account_id=account_id, user_id=user_id, amount=amount, source=source, key=idempotency_key,
        reference=reference,
    )  # fmt: skip
    return _request(connection, wish)


def request_redemption(
    connection: Connection,
    account_id: int,
    user_id: int,
    amount: Decimal | None,
    *,
    source: str = "system",
    idempotency_key: str | None = None,
    reference: str | None = None,
) -> Request | Refused:
    """Note that a member wants to take money out, or, with no amount, all of it.

    More than the share comes to at the price of now, less what was asked for before, is refused: it can't be settled.
    """
    wish = _Wish(
        kind=REDEMPTION, account_id=account_id, user_id=user_id, amount=amount, source=source, key=idempotency_key,
        reference=reference,
    )  # fmt: skip
    return _request(connection, wish)


def cancel_request(
    connection: Connection, account_id: int, kind: str, request_id: str, *, actor: str
) -> Request | Refused:
    """Take a request back while no money has moved for it; a deal it had claimed waits in suspense again."""
    hold(connection, Lock.ADMISSION, account_id)
    values, before = {"id": request_id, "account": account_id}, get_request(connection, kind, request_id)
    done = connection.exec_driver_sql(CANCEL.format(table=TABLES[kind]), values).scalar()
    now = get_request(connection, kind, request_id)
    if now is None or now.account_id != account_id:
        return refuse(RefusalCode.REQUEST_NOT_FOUND, request=request_id, account=account_id)
    if done is None:
        return refuse(RefusalCode.REQUEST_NOT_PENDING, request=request_id, status=now.status)
    unmatch(connection, account_id, f"{kind}:{request_id}")
    record(
        connection, actor=actor, action="ledger.cancel", subject=f"{kind}:{request_id}", account_id=account_id,
        before=None if before is None else {"status": before.status}, after={"status": now.status},
    )  # fmt: skip
    return now


def cancel_pending_of(connection: Connection, user_id: int, *, actor: str) -> list[Request]:
    """Take back every subscription of a member for which no money has come; redemptions stay theirs."""
    rows = connection.exec_driver_sql(PENDING_OF, {"user": user_id}).all()
    done = [cancel_request(connection, row.account_id, SUBSCRIPTION, row.id, actor=actor) for row in rows]
    return [request for request in done if isinstance(request, Request)]


def _request(connection: Connection, wish: _Wish) -> Request | Refused:
    hold(connection, Lock.ADMISSION, wish.account_id)
    account = connection.exec_driver_sql(ACCOUNT, {"account": wish.account_id}).one_or_none()
    if account is None:
        raise UnknownAccountError(f"expected the id of an account, found {wish.account_id}")
    if wish.amount is not None and (wrong := check_cash(wish.amount, account.digits)) is not None:
        return wrong
    if wish.kind == REDEMPTION and (too_much := _more_than_held(connection, wish)) is not None:
        return too_much
    values = _values(wish, new_id(int(account.now.timestamp() * 1000)), account.currency)
    insert = INSERT_SUBSCRIPTION if wish.kind == SUBSCRIPTION else INSERT_REDEMPTION
    if connection.exec_driver_sql(insert, values).scalar() is None:
        return request_of_key(connection, wish.kind, wish.source, wish.key)
    _tell(connection, wish, values, account.digits)
    if match_waiting(connection, wish.account_id):
        settle_matched(connection, wish.account_id)
    made = get_request(connection, wish.kind, values["id"])
    assert made is not None
    return made


def _more_than_held(connection: Connection, wish: _Wish) -> Refused | None:
    """Say whether a member asks for more than there is; a request that is only sent again was answered before."""
    values = {"account": wish.account_id, "user": wish.user_id, "source": wish.source, "key": wish.key}
    if connection.exec_driver_sql(KNOWN.format(table=TABLES[REDEMPTION]), values).scalar_one():
        return None
    asked = connection.exec_driver_sql(ASKED, values).one()
    claim = claim_of(connection, wish.account_id, wish.user_id)
    before = claim.amount if asked.everything else asked.amount
    left = max(scaled(0, claim.digits), total((claim.amount, -before)))
    if claim.units and not asked.everything and (wish.amount is None or wish.amount <= left):
        return None
    asks = "everything" if wish.amount is None else wish.amount
    return refuse(RefusalCode.CLAIM_TOO_SMALL, amount=asks, claim=claim.amount, asked_before=before, left=left)


def _values(wish: _Wish, request_id: str, currency: str) -> dict[str, Any]:
    made_reference = f"{wish.kind[0].upper()}{request_id[-REFERENCE_CHARS:]}"
    return {
        "id": request_id,
        "user": wish.user_id,
        "account": wish.account_id,
        "amount": wish.amount,
        "full_exit": wish.amount is None,
        "currency": currency,
        "reference": made_reference if wish.reference is None else wish.reference,
        "source": wish.source,
        "key": wish.key,
    }


def _tell(connection: Connection, wish: _Wish, values: dict[str, Any], digits: int) -> None:
    """Put a new request into the audit log, and tell people."""
    asked = {name: values[name] for name in ("user", "amount", "full_exit", "currency", "reference")}
    record(
        connection, actor=wish.source, action="request.create", subject=f"{wish.kind}:{values['id']}",
        account_id=wish.account_id, after=asked,
    )  # fmt: skip
    tell_request(
        connection, wish.account_id, wish.kind, values["id"], user_id=wish.user_id, amount=wish.amount,
        currency=values["currency"], digits=digits,
    )  # fmt: skip
