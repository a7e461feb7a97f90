"""Members, their requests and statements."""

from __future__ import annotations

from web.shapes.account import PoolFigures
from web.shapes.kinds import Shape, day, exact, flag, many, maybe, moment, one, text, whole, word


class Member(Shape):
    """A member."""

    id = whole()
    name = text()
    email = text()
    status = word("active", "inactive")
    created_at = moment()


class UserLeft(Member):
    """A member who invests no more."""

    cancelled_requests = many(text("id"))


class Share(Shape):
    """A member's part of the pool."""

    user_id = whole()
    units = exact()
    share_percent = exact()
    value = exact("whole cents; all members' values sum to the NAV")
    performance_fee_accrued = exact("would be taken out of the value if it were settled now")


class NamedShare(Share):
    """The same with the member's name."""

    name = text()


class MemberRequest(Shape):
    """Money that a member wants to pay in or take out."""

    kind = word("invest", "withdraw")
    account = whole("login")
    id = text()
    user_id = whole()
    amount = exact("null: everything", none=True)
    full_exit = flag()
    currency = text()
    reference = text("for the comment of the transfer")
    status = word("pending", "matched", "owed", "settled", "cancelled")
    deal_ticket = whole("of the broker's balance deal", none=True)
    settled_amount = exact(none=True)
    units = exact(none=True)
    refusal = text("why it can't be settled yet", none=True)
    created_at = moment()
    settled_at = moment(none=True)


class RequestMade(MemberRequest):
    """A request, and what to do now."""

    next = text("what to do now")


class Pricing(Shape):
    """What a withdrawal comes to at the price of now."""

    request = text()
    user_id = whole()
    amount = exact()
    units = exact()


class RequestPriced(MemberRequest):
    """A withdrawal whose units are burned."""

    priced = one(Pricing)


class UserStats(Shape):
    """A member's part, and their newest requests."""

    user = one(Member)
    account = whole("login")
    currency = text()
    share = one(Share)
    pool = one(PoolFigures)
    requests = many(MemberRequest)


class StatementPeriod(Shape):
    """What happened between two days."""

    opening = exact()
    flow = exact()
    profit = exact()
    closing = exact()
    price_change = exact("fraction", none=True)
    from_ = day(none=True, key="from")
    to = day(none=True)


class StatementDay(Shape):
    """A member's part at the end of a day."""

    day = day()
    units = exact()
    nav_per_unit = exact()
    value = exact()
    flow = exact()
    profit = exact()


class UnitPrice(Shape):
    """The price of a unit as the exact ratio that it is."""

    nav = exact()
    units = exact()


class StatementMovement(Shape):
    """Units that came or went."""

    what = text("in words")
    transaction_id = whole()
    cause = text()
    kind = text()
    at = moment()
    lot = text(none=True)
    units = exact()
    cash = exact()
    fee = exact()
    price = one(UnitPrice)


class Statement(Shape):
    """A member's account with the pool."""

    user = one(Member)
    account = whole("login")
    currency = text()
    at = moment()
    units = exact()
    nav_per_unit = exact(none=True)
    share_percent = exact()
    time_weighted_return = exact("fraction", none=True)
    money_weighted_return = exact("fraction, a year", none=True)
    value = exact()
    contributed = exact()
    redeemed = exact()
    owed = exact()
    profit = exact()
    realised = exact()
    unrealised = exact()
    fees_paid = exact()
    fees_earned = exact()
    fee_accrued = exact()
    management_fees = exact()
    period = one(StatementPeriod)
    days = many(StatementDay)
    movements = many(StatementMovement)
    books_head = text("hash of the newest transaction of the books", none=True)


class TraceEntry(Shape):
    """An entry of the books on the way to a figure."""

    id = whole()
    transaction_id = whole()
    cause = text()
    kind = text()
    at = moment()
    book = text("kind of account of the books")
    user_id = whole(none=True)
    currency = text()
    amount = exact("signed as the figure is")


class Trace(Shape):
    """The entries that a figure is the sum of, or the formula and the figures that it is made of."""

    figure = text()
    account = whole("login")
    currency = text()
    value = maybe(exact())
    sum_of = maybe(many(text("kind of account of the books")))
    entries = maybe(many(TraceEntry))
    next_cursor = maybe(text(none=True))
    formula = maybe(text())
    made_of = maybe(many(text("address")))
