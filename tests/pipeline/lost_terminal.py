"""An order that a terminal took and never began, because it was killed: its next start gets it at once, once.

A terminal that is away for longer than a heartbeat may be old is lost: then its account is halted, the order is
recalled, and its next start answers `expired`. On a busy machine a start may take that long; both ways are told apart.
"""

from __future__ import annotations

from decimal import Decimal

import psutil

from tests.pipeline.rig import Rig
from tests.support import wait_until


def assert_an_order_lost_with_its_terminal_is_executed_once_and_soon(rig: Rig) -> None:
    """Stop the terminal, hand it an order, kill -9, start it again."""
    command_id = wait_until(lambda: order_to_a_frozen_terminal(rig), message="no order was accepted")
    rig.wait_for_command(command_id, "sent")
    wait_until(lambda: has_left(rig), message="the order never left for the terminal")
    rig.kill("terminal")
    rig.start("terminal")
    done = rig.wait_for_command(command_id, "done", "expired", "rejected")
    was_lost = rig.value("SELECT recalled_at FROM commands WHERE id = %s", command_id) is not None
    if was_lost:
        assert rig.value("SELECT count(*) FROM holds WHERE cause = 'terminal_lost'") > 0
    assert done.status == "done" or (was_lost and done.status == "expired"), "asked about only when its time was over"
    assert was_lost or done.finished_at < done.expires_at  # what was recalled is looked for as long as it may show
    deals = [deal for deal in rig.settle()["deals"] if deal["comment"] == command_id]
    assert [Decimal(str(deal["volume"])) for deal in deals] == [Decimal("0.01")] * (done.status == "done")


def order_to_a_frozen_terminal(rig: Rig) -> str | None:
    """Stop the terminal and send an order for it; it runs on when nobody wants the order without it any more."""
    order = small_buy(rig)
    frozen = psutil.Process(rig._pid("terminal"))
    frozen.suspend()
    answer = rig.signal(**order)
    if answer.status == 202:
        return str(answer.body["command_id"])
    frozen.resume()
    rig.wait_for_terminal()
    return None


def small_buy(rig: Rig) -> dict[str, str]:
    """A buy with room to its stop, at the price of the moment."""
    [found] = wait_until(lambda: rig.http("GET", "/api/market/prices?symbols=EURUSD").body.get("prices"))
    price = Decimal(found["ask"])
    sl, tp = (str(round(price * (1 + side), 5)) for side in (Decimal("-0.003"), Decimal("0.008")))
    return {"symbol": "EURUSD", "action": "BUY", "volume": "0.01", "sl": sl, "tp": tp}


def has_left(rig: Rig) -> bool:
    """Whether the desk has had time to hand a command out to a pull that was waiting."""
    long_ago = "SELECT count(*) FROM commands WHERE status = 'sent' AND sent_at < now() - interval '0.5 s'"
    return int(rig.value(long_ago)) > 0
