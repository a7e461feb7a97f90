"""How the bridge stands, as Prometheus families, read when they are asked for.

What can't be read is left out and said by `zmq_bridge_up`; a figure that nobody knows is never shown as 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from web.parts import Parts
from zmq_bridge.live.errors import LiveError
from zmq_bridge.protocol.ids import first_id
from zmq_bridge.storage.trading.figures import (
    QUANTILES,
    WINDOW_S,
    Executions,
    accounts_figures,
    decisions,
    executions,
    notifications_pending,
)

PREFIX = "zmq_bridge_"

ACCOUNT_GAUGES = {
    "balance": "Balance of the account",
    "equity": "Equity of the account",
    "snapshot_age_s": "Age of the account's last snapshot in seconds",
    "positions": "Open positions",
    "commands_queued": "Commands that no terminal has taken yet",
    "commands_open": "Commands that have not ended",
    "commands_unknown": "Commands of which nobody knows whether they were executed",
    "gaps_open": "Tick gaps still to be filled",
    "ticks_lost": "Ticks that were lost, and that the terminal's history does not have",
    "breaks_open": "Disagreements of ledger and broker",
    "nav": "Net asset value of the pool",
}


@dataclass(frozen=True, slots=True)
class BridgeCollector(Collector):
    """Reads the figures; one for each answer."""

    parts: Parts
    now: datetime
    logins: frozenset[int] | None = None  # only these accounts; None: all
    symbols: frozenset[str] | None = None  # only these; with neither cut, the processes' own figures too

    def collect(self) -> Iterator[Metric]:
        """Every family that can be read now."""
        up = GaugeMetricFamily(PREFIX + "up", "Whether a part answers", labels=["part"])
        accounts: list[dict[str, Any]] = []
        try:
            accounts, families = self._stored()
            yield from families
            up.add_metric(["postgres"], 1)
        except SQLAlchemyError:
            up.add_metric(["postgres"], 0)
        try:
            yield from self._live([account["login"] for account in accounts])
            up.add_metric(["redis"], 1)
        except LiveError:
            up.add_metric(["redis"], 0)
        yield up

    def _stored(self) -> tuple[list[dict[str, Any]], list[Metric]]:
        with self.parts.engine.connect() as connection:
            accounts = [found for found in accounts_figures(connection) if self._shows(found["login"])]
            done = [found for found in executions(connection) if self._shows(found.login)]
            since = first_id(int((self.now - timedelta(seconds=WINDOW_S)).timestamp() * 1000))
            said = decisions(connection, [account["id"] for account in accounts], since)
            waiting = notifications_pending(connection)
        families = [*_of_accounts(accounts), *_of_executions(done), _of_decisions(said)]
        families.append(_single("notifications_pending", "Notifications that wait to be sent", waiting))
        return accounts, families

    def _live(self, logins: Iterable[int]) -> list[Metric]:
        now_ms = int(self.now.timestamp() * 1000)
        beats = _family("heartbeat_age_seconds", "Since the terminal's last sign of life", "account", "role")
        quotes = _family("quote_age_seconds", "Since the newest price of a symbol", "account", "symbol")
        for login in logins:
            found, life = self.parts.live.market(login)
            for role in (life.roles if life else {}).values():
                beats.add_metric([str(login), role.role], (now_ms - role.last_seen_ms) / 1000)
            for symbol, quote in found.items():
                if self.symbols is None or symbol in self.symbols:
                    quotes.add_metric([str(login), symbol], quote.age_ms(now_ms) / 1000)
        own = () if (self.logins, self.symbols) != (None, None) else _of_stats(self.parts.live.stats())
        return [beats, quotes, *own]

    def _shows(self, login: int) -> bool:
        return self.logins is None or login in self.logins


def _of_accounts(accounts: list[dict[str, Any]]) -> Iterator[Metric]:
    for name, meaning in ACCOUNT_GAUGES.items():
        family = _family(f"account_{name}", meaning, "account")
        for account in accounts:
            if account[name] is not None:
                family.add_metric([str(account["login"])], float(account[name]))
        yield family
    drawdown = _family("account_drawdown_ratio", "Fall of a unit's price from its peak", "account")
    for account in accounts:
        if account["nav_index_peak"]:
            fall = 1 - account["nav_index"] / account["nav_index_peak"]
            drawdown.add_metric([str(account["login"])], float(fall))
    yield drawdown


def _of_executions(found: list[Executions]) -> list[Metric]:
    latency = _family("execution_seconds", "From a signal to its result, last hour", "account", "quantile")
    success = _family("execution_success_ratio", "Orders executed of all that ended, last hour", "account")
    ended = _family("executions_last_hour", "Orders that ended in the last hour", "account", "status")
    for each in found:
        login = str(each.login)
        for quantile, seconds in zip(QUANTILES, each.latencies_s, strict=False):
            latency.add_metric([login, str(quantile)], seconds)
        if each.success_ratio is not None:
            success.add_metric([login], each.success_ratio)
        for status in ("done", "rejected", "expired"):
            ended.add_metric([login, status], getattr(each, status))
    return [latency, success, ended]


def _of_decisions(found: list[dict[str, Any]]) -> Metric:
    family = _family("decisions_last_hour", "Decisions of the gate in the last hour", "verdict", "code")
    for row in found:
        family.add_metric([row["verdict"], row["code"]], row["decisions"])
    return family


def _of_stats(stats: dict[str, str]) -> Iterator[Metric]:
    """The processes' own figures: ticks and lags, queues and drops, gaps by stream."""
    figures = _family("process_figure", "What a process says of itself, docs/redis.md", "process", "figure")
    gaps = _family("gaps_total", "Gaps opened since the recorder started", "stream")
    for name, text in sorted(stats.items()):
        process, _, figure = name.partition(".")
        value = _number(text)
        if value is None:
            continue
        if figure.startswith("gaps."):
            gaps.add_metric([figure.removeprefix("gaps.")], value)
        else:
            figures.add_metric([process, figure], value)
    yield figures
    yield gaps


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _family(name: str, meaning: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, meaning, labels=labels)


def _single(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, meaning, value=value)
