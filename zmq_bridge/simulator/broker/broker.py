"""The broker as one object: ticks and requests in, results and transactions out, books to read.

Each call is one step: it runs to its end, is committed to the journal, and only then told to the listeners. Nothing
here is concurrent; the server process calls it from one thread.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.simulator.broker import dealing, rollover, triggers
from zmq_bridge.simulator.broker.books import Books
from zmq_bridge.simulator.broker.cash import book_cash
from zmq_bridge.simulator.broker.checks import Refusal
from zmq_bridge.simulator.broker.core import BrokerConfig, Core
from zmq_bridge.simulator.broker.enums import Action, DealType
from zmq_bridge.simulator.broker.facts import Opened, RolledOver
from zmq_bridge.simulator.broker.faults import DEAL_KINDS, REQUEST_KINDS, Fault, FaultPlan
from zmq_bridge.simulator.broker.journal import FactJournal
from zmq_bridge.simulator.broker.market import Market
from zmq_bridge.simulator.broker.model import Account, Deal, SymbolSpec, TradeRequest, TradeResult, Transaction
from zmq_bridge.simulator.broker.money import ZERO
from zmq_bridge.simulator.broker.rollover import DAY_MS
from zmq_bridge.simulator.broker.valuation import account
from zmq_bridge.simulator.errors import SimulatorError

__all__ = ["Broker", "BrokerConfig"]

Listener = Callable[[list[Transaction]], None]


class Broker:
    """One account at the simulated broker."""

    def __init__(self, config: BrokerConfig, *, clock_msc: int, journal: FactJournal | None = None) -> None:
        """Open the account, or read it back from its journal.

        Args:
            clock_msc: the server's clock until the first tick comes.

        Raises:
            JournalError: the journal is damaged or another account's.
        """
        opened = Opened(
            login=config.login,
            server=config.server,
            currency=config.currency,
            currency_digits=config.currency_digits,
            margin_mode=config.margin_mode,
            leverage=config.leverage,
        )
        books = Books(opened, journal, config.first_ticket)
        market = Market(config.symbols, config.history_ticks_max)
        self.core = Core(config=config, books=books, market=market, now_msc=clock_msc)
        self.faults = FaultPlan()
        self._shuffle = None if config.shuffle_seed is None else random.Random(config.shuffle_seed)
        self._listeners: list[Listener] = []
        if not books.deals and config.deposit:
            book_cash(self.core, DealType.BALANCE, config.deposit, "Initial deposit")
        self._end_step()

    def listen(self, listener: Listener) -> None:
        """Have a function called with the transactions of every committed step."""
        self._listeners.append(listener)

    def on_ticks(self, symbol: str, ticks: Sequence[Tick]) -> None:
        """Take ticks of one symbol, in order, and do what each of them sets off.

        Raises:
            SimulatorError: the symbol is not listed, or time runs backwards within the symbol.
        """
        market = self.core.market
        if symbol not in market.specs:
            raise SimulatorError(f"symbol: expected a listed one, found {symbol!r}")
        if not ticks:
            return
        before = market.last.get(symbol)
        if before and market.history[symbol].end and ticks[0].time_msc < before.time_msc:
            raise SimulatorError(f"{symbol}: expected ticks from {before.time_msc} on, found {ticks[0].time_msc}")
        market.history[symbol].append(ticks)
        if self._is_quiet(ticks):
            market.last[symbol] = ticks[-1]
            self.core.now_msc = ticks[-1].time_msc
        else:
            for tick in ticks:
                self._one_tick(symbol, tick)
        self._end_step()

    def send(self, request: TradeRequest) -> TradeResult | None:
        """Carry out a trade request; None when a planned fault loses the answer."""
        kinds = DEAL_KINDS if request.action is Action.DEAL else REQUEST_KINDS
        fault = self.faults.take(request.action.value, request.symbol, kinds)
        kind = fault.kind if fault else ""
        if kind == "lose_request":
            return None
        if fault and kind == "answer":
            return self._quoted(TradeResult(retcode=fault.retcode, message="planned fault"), request.symbol)
        outcome = dealing.execute(self.core, request, fault)
        self._end_step()
        if isinstance(outcome, Refusal):
            outcome = TradeResult(retcode=outcome.retcode, message=outcome.message)
        elif fault and kind == "execute_answer":
            outcome = TradeResult(retcode=fault.retcode, message="planned fault")
        return None if kind == "lose_answer" else self._quoted(outcome, request.symbol)

    def cash(self, type: DealType, amount: Decimal, comment: str = "") -> Deal:
        """Book a deposit, withdrawal (negative), credit, charge and the like."""
        deal = book_cash(self.core, type, amount, comment)
        self._end_step()
        return deal

    def plan(self, fault: Fault) -> None:
        """Have something go wrong with the next requests."""
        self.faults.add(fault)

    def list_symbol(self, spec: SymbolSpec) -> None:
        """List a symbol or change its specification."""
        self.core.market.add(spec)

    def account(self) -> Account:
        """Value the account as of now."""
        return account(self.core)

    def books(self) -> dict[str, Any]:
        """Return the oracle: deals, balance, credit, equity, positions and orders, as values."""
        now = self.account()
        return {
            "login": self.core.config.login,
            "server": self.core.config.server,
            "balance": now.balance,
            "credit": now.credit,
            "profit": now.profit,
            "equity": now.equity,
            "margin": now.margin,
            "deals": list(self.core.books.deals.values()),
            "positions": list(self.core.books.positions.values()),
            "orders": list(self.core.books.orders.values()),
            "orders_done": list(self.core.books.orders_done.values()),
        }

    def _is_quiet(self, ticks: Sequence[Tick]) -> bool:
        """Nothing rests, nothing is open, and no midnight falls within these ticks."""
        books = self.core.books
        return not books.positions and not books.orders and books.day == ticks[-1].time_msc // DAY_MS

    def _one_tick(self, symbol: str, tick: Tick) -> None:
        core = self.core
        core.market.last[symbol] = tick
        core.now_msc = tick.time_msc
        if core.now_msc // DAY_MS != core.books.day:
            self._roll_over(core.now_msc // DAY_MS)
        triggers.on_tick(core, symbol, self.faults)

    def _roll_over(self, day: int) -> None:
        core = self.core
        for night in rollover.nights(core.books.day, day):
            for position in list(core.books.positions.values()):
                spec = core.spec(position.symbol)
                swap = rollover.night_swap(spec, position, night, core.market, core.config.currency) or ZERO
                if core.money(swap):
                    core.books.put(replace(position, swap=position.swap + core.money(swap)))
        core.books.put(RolledOver(day=day))

    def _end_step(self) -> None:
        """Commit, then tell."""
        self.core.books.commit()
        told, self.core.told = self.core.told, []
        if told and self._shuffle:
            self._shuffle.shuffle(told)
        for listener in self._listeners if told else ():
            listener(told)

    def _quoted(self, result: TradeResult, symbol: str) -> TradeResult:
        bid, ask = self.core.market.quote(symbol) or (ZERO, ZERO)
        return replace(result, bid=bid, ask=ask)
