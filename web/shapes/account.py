"""Trading accounts: their money, their record, what is noted about them; health."""

from __future__ import annotations

from web.shapes.kinds import Shape, exact, flag, many, maybe, moment, one, text, whole, word

STATES = ("active", "reducing", "halted")
MARGIN_MODES = ("netting", "exchange", "hedging")


class Hold(Shape):
    """Why an account may do less than it could."""

    cause = text()
    state = word(*STATES)
    reason = text()
    actor = text("who or what imposed it")
    at = moment()
    until = moment("when it ends by itself", none=True)
    closes = flag("positions are to be closed as long as it is in force")
    lifted_by = text("what ends it, in words")


class AccountNow(Shape):
    """An account's money as of its last snapshot."""

    account = whole("login")
    server = text()
    currency = text()
    leverage = whole()
    margin_mode = word(*MARGIN_MODES)
    trading_state = word(*STATES)
    holds = many(Hold)
    time_msc = whole("server's clock")
    received_at = moment()
    balance = exact()
    equity = exact()
    credit = exact()
    profit = exact("of open positions")
    margin = exact()
    margin_free = exact()
    margin_level = exact("percent", none=True)
    trade_allowed = flag("the broker lets the account trade")
    trade_expert = flag("the broker lets programs trade")
    age_ms = whole("since the snapshot came")


class PoolFigures(Shape):
    """The pool now, and how far its figures can be trusted."""

    nav = exact()
    units = exact()
    nav_per_unit = exact(none=True)
    members = whole()
    as_of = moment(none=True)
    reconciled = flag("ledger and broker agree")


class AccountStats(Shape):
    """An account's trading record, and the pool on it."""

    account = whole("login")
    currency = text()
    closing_deals = whole()
    winning_deals = whole()
    gross_profit = exact()
    gross_loss = exact("negative")
    commission = exact()
    swap = exact()
    fee = exact()
    net_profit = exact()
    volume_opened = exact("lots")
    win_rate = exact("fraction", none=True)
    profit_factor = exact(none=True)
    pool = one(PoolFigures)


class CurvePoint(Shape):
    """An account's money at a moment."""

    received_at = moment()
    balance = exact()
    equity = exact()
    credit = exact()


class Curve(Shape):
    """An account's money over time, oldest first."""

    account = whole("login")
    currency = text()
    points = many(CurvePoint)


class Mt5Account(Shape):
    """An account, and what is noted about it; never a credential."""

    login = whole()
    server = text()
    name = text()
    company = text()
    currency = text()
    currency_digits = whole()
    margin_mode = word(*MARGIN_MODES)
    leverage = whole()
    trading_state = word(*STATES)
    symbols = many(text("may be traded"), none=True)
    credentials_stored_at = moment(none=True)
    created_at = moment()


class Mt5Accounts(Shape):
    """The accounts that a key may speak of."""

    accounts = many(Mt5Account)


class Resealed(Shape):
    """Credentials were sealed with the newest key."""

    resealed = whole("how many")


class Alive(Shape):
    """The process answers."""

    status = word("ok")


class PartState(Shape):
    """Whether a part answers."""

    state = word("ok", "down")
    message = maybe(text())


class Ready(Shape):
    """Whether requests can be answered."""

    status = word("ok", "unavailable")
    postgres = one(PartState)
    redis = one(PartState)


class TerminalHealth(Shape):
    """A terminal's signs of life."""

    terminal = whole("a number, for keeping them apart")
    account = whole("login")
    state = word("connected", "disconnected", "unknown")
    message = maybe(text())
    trading_state = maybe(word(*STATES))
    heartbeat_age_ms = maybe(whole(none=True))
    data_age_ms = maybe(whole(none=True))
    data = maybe(word("fresh", "stale"))


class Health(Shape):
    """Whether signals can be accepted, and what each part says."""

    status = word("ok", "degraded")
    postgres = one(PartState)
    redis = one(PartState)
    terminals_connected = whole()
    terminals = maybe(many(TerminalHealth))
