"""How risk stands, what it decided, and its switches; its limits are `shapes.limits`."""

from __future__ import annotations

from web.shapes.account import STATES, Hold
from web.shapes.kinds import Shape, anything, day, exact, flag, free, many, moment, one, text, whole, word
from web.shapes.trading import SIDES, VERDICTS


class StopTerminal(Shape):
    """What the terminal enforces by itself."""

    connected = flag()
    state = word(*STATES, none=True)
    at = moment(none=True)


class StopCommand(Shape):
    """A command of a stop, and where it stands."""

    id = text()
    kind = text()
    order = whole("ticket", none=True)
    status = text()
    retcode_name = text(none=True)
    message = text()
    created_at = moment()
    finished_at = moment(none=True)


class Stopping(Shape):
    """How far a stop has come."""

    terminal = one(StopTerminal)
    orders_left = whole()
    positions_left = whole()
    waiting = flag("as beside it")
    acknowledged = flag("the terminal says that it is halted")
    commands = many(StopCommand)


class RiskDay(Shape):
    """Today's loss against its limit."""

    server_day = day()
    reference = exact()
    net_flows = exact()
    loss = exact("negative: a profit")
    loss_max = exact()
    equity_floor = exact()


class RiskDrawdown(Shape):
    """The fall of the pool's price against its limit."""

    percent = exact()
    percent_max = exact()
    latched = flag()
    price = exact()
    peak = exact()


class RiskNotice(Shape):
    """Something that a person should know."""

    code = text()
    found = text()
    expected = text()


class RiskState(Shape):
    """What an account may do, and why."""

    account = whole("login")
    trading_state = word(*STATES)
    holds = many(Hold)
    waiting = flag("a stop has not come to the account yet, which is busy: nothing new passes, the rest ends soon")
    stopping = one(Stopping, none=True)
    day = one(RiskDay, none=True)
    drawdown = one(RiskDrawdown, none=True)
    strategies_stopped = many(text())
    notices = many(RiskNotice)
    problem = text(none=True)


class Usage(Shape):
    """What is used and left of a limit."""

    limit = text()
    used = exact(none=True)
    allowed = exact(none=True)
    left = exact(none=True)


class SymbolExposure(Shape):
    """What is open in a symbol."""

    symbol = text()
    long_lots = exact()
    short_lots = exact()
    net_lots = exact()
    worst_long_lots = exact("with everything that may still fill")
    worst_short_lots = exact("with everything that may still fill")
    risk = exact(none=True)


class CurrencyExposure(Shape):
    """What is open in a currency."""

    currency = text()
    net = exact("in the currency itself")
    value = exact("in the account's", none=True)


class ClusterMember(Shape):
    """A symbol and side."""

    symbol = text()
    side = word(*SIDES)


class Cluster(Shape):
    """Positions that move together."""

    members = many(ClusterMember)
    risk = exact(none=True)


class WorstCase(Shape):
    """Every stop is hit."""

    loss = exact()
    equity = exact()
    floor = exact()


class RiskProblem(Shape):
    """What keeps the report from being whole."""

    code = text()
    subject = text()
    detail = text()


class RiskReport(Shape):
    """Used and left of every limit, exposure, the worst case."""

    account = whole("login")
    currency = text()
    at = moment()
    base = exact("min(balance, equity - credit)", none=True)
    limits = many(Usage)
    symbols = many(SymbolExposure)
    currencies = many(CurrencyExposure)
    clusters = many(Cluster)
    worst_case = one(WorstCase, none=True)
    problems = many(RiskProblem)


class Check(Shape):
    """One check: what was found, what is allowed, whether it passed."""

    code = text()
    value = anything()
    limit = anything()
    passed = flag()


class Reserve(Shape):
    """What an order would reserve."""

    symbol = text()
    side = word(*SIDES)
    volume = exact()
    risk = exact()
    margin = exact()
    notional = exact()
    slots = whole("of max_positions")


class Assessment(Shape):
    """What would become of a signal now."""

    verdict = word(*VERDICTS)
    code = text()
    context = free("the figures behind the code")
    checks = many(Check)
    account = whole("login", none=True)
    reserves = one(Reserve, none=True)
    commands = many(text("kind"))
    at = moment()


class CodeMeaning(Shape):
    """A reason for a denial."""

    by = word("risk", "gate")
    code = text()
    meaning = text()


class Codes(Shape):
    """Every reason for a denial."""

    codes = many(CodeMeaning)


class Decision(Shape):
    """What was decided."""

    id = text()
    signal_id = text(none=True)
    account = whole("login", none=True)
    verdict = word(*VERDICTS)
    code = text()
    context = free("the figures behind the code")
    decided_at = moment()
    source = text(none=True)
    symbol = text(none=True)
    action = text(none=True)
    command_ids = many(text())


class WholeDecision(Decision):
    """A decision with everything that it rested on."""

    checks = many(Check)
    inputs = free("what was read")
    request = free("what was asked for", none=True)


class StateChange(Shape):
    """What all accounts may do was changed."""

    before = word(*STATES)
    after = word(*STATES)
    reason = text()
    actor = text()
    at = moment()
    waiting = many(whole("login of a busy account: what is on its way there ends as soon as it is free"))


class KilledAccount(Shape):
    """What the kill switch did for an account."""

    account = whole("login")
    new = flag("false: it was in force already")
    waiting = flag("the account is busy: it is halted, and what is missing is done as soon as it is free")
    command_ids = many(text("on its way"))
    stopped = many(text("a command that is not sent any more"))
    recalled = many(text("a command that was sent, perhaps not delivered: the terminal says whether it had begun it"))


class Killed(Shape):
    """The kill switch is in force."""

    status = word("killed")
    accounts = many(KilledAccount)


class Lifted(Shape):
    """A latch is lifted."""

    status = word("lifted")


class Adopted(Shape):
    """Somebody answers for a position or an order."""

    status = word("adopted")
    ticket = whole()
