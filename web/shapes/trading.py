"""Signals, what the gate answers, positions, orders, deals and trades."""

from __future__ import annotations

from web.shapes.kinds import Shape, exact, flag, free, many, maybe, moment, text, whole, word

SIDES = ("buy", "sell")
VERDICTS = ("approved", "denied")


class Accepted(Shape):
    """What was asked for is on its way, durably."""

    status = word("accepted")
    signal_id = text(none=True)
    decision_id = text()
    command_id = text("the only command, or the first", none=True)
    command_ids = many(text())
    duplicate = flag("the answer to an earlier request with the same idempotency key")


class Executed(Accepted):
    """A stored signal was executed."""

    executes = text("the stored signal")


class CancelledOrder(Shape):
    """What became of one pending order."""

    ticket = whole()
    status = word("accepted", "refused")
    command_id = maybe(text("where it was accepted"))
    code = maybe(text("where it was refused: why"))


class SignalCancelled(Shape):
    """What was taken back of a signal."""

    status = word("accepted")
    signal_id = text()
    cancelled = many(text("a command that was not sent and never will be"))
    orders = many(CancelledOrder)


class SignalCommand(Shape):
    """A command that came of a signal, and where it stands."""

    id = text()
    kind = text()
    status = word("queued", "sent", "accepted", "done", "rejected", "expired", "unknown")
    created_at = moment()
    sent_at = moment(none=True)
    finished_at = moment(none=True)
    retcode = whole("the broker's", none=True)
    retcode_name = text(none=True)
    order = whole("ticket", none=True)
    deal = whole("ticket", none=True)
    position = whole("ticket", none=True)
    filled_volume = exact(none=True)
    fill_price = exact(none=True)
    message = text()


class StoredSignal(Shape):
    """A signal with the decision on it and its commands."""

    id = text()
    account = whole("login", none=True)
    source = text("id of the key that sent it")
    symbol = text()
    action = word("BUY", "SELL", "CLOSE")
    side = word(*SIDES, none=True)
    order_type = word("market", "limit", "stop", "stop_limit")
    volume = exact("lots", none=True)
    risk_percent = exact(none=True)
    price = exact(none=True)
    stoplimit = exact(none=True)
    sl = exact(none=True)
    tp = exact(none=True)
    magic = whole()
    comment = text()
    confidence = exact("0 to 100", none=True)
    timeframe = text(none=True)
    reasons = many(text())
    status = word("admitted", "denied")
    created_at = moment()
    expires_at = moment(none=True)
    decision_id = text(none=True)
    verdict = word(*VERDICTS, none=True)
    code = text("why it was denied; APPROVED", none=True)
    context = free("the figures behind the code", none=True)
    commands = many(SignalCommand)


class SignalDeal(Shape):
    """A deal that came of a signal."""

    ticket = whole()
    position = whole()
    order = whole()
    symbol = text()
    type = text()
    entry = word("in", "out", "inout", "out_by")
    volume = exact()
    price = exact()
    profit = exact()
    commission = exact()
    swap = exact()
    fee = exact()
    time_msc = whole("server's clock")


class SignalWithDeals(StoredSignal):
    """A signal with everything that came of it."""

    deals = many(SignalDeal)


class Position(Shape):
    """An open position as of its account's last snapshot."""

    account = whole("login")
    ticket = whole()
    symbol = text()
    side = word(*SIDES)
    volume = exact("lots")
    price_open = exact()
    price_current = exact()
    sl = exact(none=True)
    tp = exact(none=True)
    profit = exact()
    swap = exact()
    time_msc = whole("server's clock")
    magic = whole()
    comment = text()
    updated_at = moment()


class Order(Shape):
    """An order at the broker."""

    account = whole("login")
    ticket = whole()
    symbol = text()
    order_type = text()
    state = text()
    working = flag("it rests at the broker now")
    volume_initial = exact("lots")
    volume_current = exact("lots that are not filled")
    price_open = exact()
    price_stoplimit = exact(none=True)
    sl = exact(none=True)
    tp = exact(none=True)
    time_setup_msc = whole("server's clock")
    expiration_msc = whole("server's clock", none=True)
    magic = whole()
    comment = text()
    command_id = text(none=True)
    signal_id = text(none=True)
    updated_at = moment()


class Deal(Shape):
    """A deal as the broker booked it."""

    account = whole("login")
    ticket = whole()
    order = whole("ticket")
    position = whole("ticket")
    symbol = text()
    type = text("buy, sell, balance, credit, ...")
    entry = word("in", "out", "inout", "out_by")
    volume = exact("lots")
    price = exact()
    profit = exact()
    commission = exact()
    swap = exact()
    fee = exact()
    time_msc = whole("server's clock")
    magic = whole()
    comment = text()
    reason = text()
    sl = exact(none=True)
    tp = exact(none=True)
    command_id = text(none=True)
    signal_id = text(none=True)
    received_at = moment()


class Trade(Shape):
    """A position from its first deal to its last."""

    account = whole("login")
    position = whole("ticket")
    symbol = text()
    side = word(*SIDES, none=True)
    status = word("open", "closed")
    volume_opened = exact(none=True)
    volume_closed = exact(none=True)
    price_open = exact("average by volume", none=True)
    price_close = exact("average by volume", none=True)
    reversed = flag("netting: it changed sides")
    deals = whole("how many")
    profit = exact()
    commission = exact()
    swap = exact()
    fee = exact()
    net_profit = exact()
    opened_msc = whole("server's clock")
    closed_msc = whole("server's clock", none=True)
    signal_id = text(none=True)
    magic = whole()
