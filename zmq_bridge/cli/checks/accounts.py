"""The accounts: does a terminal speak for each, is its data fresh, may it trade, is anything in doubt."""

from __future__ import annotations

import time

from sqlalchemy.exc import SQLAlchemyError

from zmq_bridge.cli.checks.finding import Finding, bad, good, warn
from zmq_bridge.live.connection import open_redis
from zmq_bridge.live.errors import LiveError
from zmq_bridge.live.reader import LiveReader
from zmq_bridge.settings import Settings
from zmq_bridge.storage.engine import create_engine
from zmq_bridge.storage.trading.overview import AccountStanding, accounts_standing

DATA_AGE_MS_MAX = 60_000
NAMES_MAX = 8
MEND_FIGURES = (
    "compare the symbol's specification (contract size, calculation mode, margin rate, tick value) with the broker's; "
    "`docs/risk.md` has the formulas"
)


def check_accounts(settings: Settings) -> list[Finding]:
    """Every account, link by link."""
    engine = create_engine(settings.database_url, application_name="zmq-bridge doctor", pool_size=1)
    try:
        with engine.connect() as connection:
            standings = accounts_standing(connection)
    except SQLAlchemyError:
        return [bad("accounts", "they are in Postgres, which does not answer or has no schema", "mend Postgres first")]
    finally:
        engine.dispose()
    if not standings:
        mend = "attach the Expert Advisor to a chart, or run `zmq-bridge simulate`"
        return [warn("accounts", "no terminal has ever connected", mend)]
    with open_redis(settings.redis_url) as client:
        reader = LiveReader(client)
        return [finding for standing in standings for finding in _account(reader, standing)]


def _account(reader: LiveReader, standing: AccountStanding) -> list[Finding]:
    name = f"account {standing.login}"
    try:
        live = [_terminal(reader, name, standing), _data(reader, name, standing)]
        return [*live, *_trading(name, standing), *_figures(name, standing)]
    except LiveError as error:
        return [bad(name, f"its live state is in Redis, which does not answer: {error}", "mend Redis first")]


def _terminal(reader: LiveReader, name: str, standing: AccountStanding) -> Finding:
    life = reader.terminal(standing.login)
    trading = life.trading() if life else None
    if life is None or trading is None:
        found = "none for 3 s" if life is None else f"only the role {', '.join(life.roles)}, which does not trade"
        mend = (
            "look at the terminal: running, logged in, Algo Trading on, the right host and ports? Its Experts tab says "
            "why it can't connect"
        )
        return bad(f"{name}: terminal", f"expected a heartbeat, found {found}", mend)
    age_s = (_now_ms() - trading.last_seen_ms) / 1000
    if not standing.served:
        found = "its terminal is there, but no desk serves it"
        return bad(f"{name}: terminal", found, "does `zmq-bridge bridge desk` run? Its log says why it can't serve it")
    return good(f"{name}: terminal", f"role {trading.role}, last heard {age_s:.1f} s ago")


def _data(reader: LiveReader, name: str, standing: AccountStanding) -> Finding:
    ages = {symbol: quote.age_ms(_now_ms()) for symbol, quote in reader.quotes(standing.login).items()}
    if not ages:
        mend = "does the recorder run, and does the terminal publish? Symbols must be in its Market Watch"
        return bad(f"{name}: data", "expected quotes, found none", mend)
    youngest = min(ages.values())
    if youngest > DATA_AGE_MS_MAX:
        mend = "is the market closed? Otherwise look at the terminal's connection to its broker"
        return warn(f"{name}: data", f"the newest of {len(ages)} quotes is {youngest / 1000:.0f} s old", mend)
    return good(f"{name}: data", f"{len(ages)} symbols, the newest quote {youngest / 1000:.1f} s old")


def _trading(name: str, standing: AccountStanding) -> list[Finding]:
    found = [
        warn(f"{name}: trading", f"{hold.state}: {hold.reason}", f"it is lifted by {hold.lifted_by}")
        for hold in standing.holds
    ]
    if standing.commands_unknown:
        mend = "their outcome is asked for until the terminal answers; compare with the terminal's History tab"
        found.append(warn(f"{name}: commands", f"{standing.commands_unknown} with unknown outcome", mend))
    if standing.gaps_open or standing.gaps_lost:
        mend = "open ones are asked for by themselves; of lost ones the terminal's history has no more than was found"
        text = f"{standing.gaps_open} gaps being filled, {standing.gaps_lost} lost with {standing.ticks_lost} ticks"
        found.append(warn(f"{name}: ticks", text, mend))
    return found or [good(f"{name}: trading", f"active, {standing.positions} positions, nothing in doubt")]


def _figures(name: str, standing: AccountStanding) -> list[Finding]:
    """Whether what the terminal makes of an imagined trade is what we make of it."""
    judged = standing.judged
    found = [
        bad(f"{name}: {symbol}", f"nothing is opened, the terminal's figures are not ours: {text}", MEND_FIGURES)
        for symbol, text in judged.disagree.items()
    ]
    if judged.unchecked:
        text = f"the terminal's margin and profit were never compared with ours: {_some(judged.unchecked)}"
        found.append(warn(f"{name}: figures", text, "they are as soon as the terminal sends them beside a fresh quote"))
    return found


def _some(names: tuple[str, ...]) -> str:
    more = len(names) - NAMES_MAX
    return ", ".join(names[:NAMES_MAX]) + (f" and {more} more" if more > 0 else "")


def _now_ms() -> int:
    return int(time.time() * 1000)
