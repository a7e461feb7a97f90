"""Candles, ticks, prices and symbols."""

from __future__ import annotations

from web.shapes.kinds import Shape, exact, flag, many, moment, number, text, whole


class CandleGap(Shape):
    """A stretch of ticks that is missing, or was."""

    from_msc = whole("server's clock")
    to_msc = whole("server's clock")
    lost = whole("ticks; null: not known", none=True)
    found = whole("of them, in the terminal's own history; null: not looked for yet", none=True)
    state = text()
    reason = text()


class Candle(Shape):
    """A candle of the bid."""

    time_msc = whole("its beginning, server's clock")
    time = text("the same in words, without an offset")
    open = exact()
    high = exact()
    low = exact()
    close = exact()
    tick_volume = whole()
    closed = flag("a later tick is stored")
    complete = flag("no known gap touches it")


class Candles(Shape):
    """Candles, oldest first."""

    account = whole("login")
    symbol = text()
    timeframe = text()
    candles = many(Candle)
    gaps = many(CandleGap)


class Tick(Shape):
    """A tick as the terminal sent it."""

    time_msc = whole("server's clock")
    bid = exact()
    ask = exact()
    last = exact()
    volume_real = number()
    flags = whole("MT5's TICK_FLAG_ bits")
    backfilled = flag("brought later, to close a gap")
    received_at = moment()


class Ticks(Shape):
    """Ticks, oldest first."""

    account = whole("login")
    symbol = text()
    ticks = many(Tick)
    next_from = whole("where to go on, server's clock", none=True)


class Price(Shape):
    """What a broker quotes now."""

    symbol = text()
    bid = exact()
    ask = exact()
    spread = exact()
    time_msc = whole("server's clock")
    age_ms = whole()


class Prices(Shape):
    """The newest price of each symbol."""

    account = whole("login")
    prices = many(Price)
    unknown_ = many(text("asked for, and not quoted"), key="unknown")


class Symbol(Shape):
    """What a broker offers, as its terminal described it."""

    symbol = text()
    description = text()
    digits = whole()
    point = exact()
    tick_size = exact()
    tick_value = exact()
    contract_size = exact()
    volume_min = exact()
    volume_max = exact()
    volume_step = exact()
    commission = exact("account currency, each lot, both ways")
    tradable = flag("the account may trade it here")
    trade_mode = text()
    currency_base = text()
    currency_profit = text()
    currency_margin = text()
    stops_level = whole("points")
    freeze_level = whole("points")
    sessions = many(many(whole()))
    updated_at = moment()


class Symbols(Shape):
    """Everything that an account's broker offers."""

    account = whole("login")
    symbols = many(Symbol)
