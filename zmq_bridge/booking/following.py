"""What follows from a snapshot that became an account's present, in the transaction that made it so.

The ledger is compared with it; an agreement brings risk's memory up to date, and the first one of an account lifts its
first halt. Then the watch looks at what there is now.
"""

from __future__ import annotations

import logging
from datetime import datetime

from sqlalchemy import Connection

from zmq_bridge.booking.watch import Look, watch
from zmq_bridge.protocol.published import Snapshot
from zmq_bridge.storage.ledger.reconcile import Agreed, Broken, Waiting, reconcile
from zmq_bridge.storage.risk.memory import follow
from zmq_bridge.storage.risk.trading_state import activate_reconciled

log = logging.getLogger(__name__)


def follow_snapshot(
    connection: Connection, account_id: int, snapshot: Snapshot, received_at: datetime
) -> Agreed | Waiting | Broken:
    """Bring up to date what follows from the books; return how the ledger compares with them."""
    outcome = reconcile(connection, account_id, snapshot, received_at=received_at)
    agreed = isinstance(outcome, Agreed)
    if agreed:
        follow(connection, account_id, received_at)
        if activate_reconciled(connection, account_id, received_at):
            log.info("account is reconciled and active: account_id=%d", account_id)
    watch(connection, account_id, Look(now=received_at, heard_at=received_at, agreed=agreed))
    return outcome
