"""Queries of probes: the terminal's figures of imagined trades that wait to be compared, and what comparing them gave.

A probe is kept with its specification until it was compared or is too old. What was found last stays until something
newer is found: figures that disagree go on disagreeing while a terminal sends none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from zmq_bridge.storage.engine import dump_json

PENDING = """
SELECT symbols.account_id, accounts.login, symbol, probe,
    probed_at <= now() - make_interval(secs => %(fresh_s)s) AS is_late
FROM symbols JOIN accounts ON accounts.id = symbols.account_id
WHERE probe IS NOT NULL
ORDER BY symbols.account_id, symbol
"""

DROP_OLD = """
UPDATE symbols SET probe = NULL
WHERE probe IS NOT NULL AND probed_at <= now() - make_interval(secs => %(age_s)s)
RETURNING symbol
"""

KEEP = """
UPDATE symbols SET figures = new.figures, figures_at = now(), updated_at = now(), probe = NULL
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (symbol text, probe jsonb, figures jsonb)
WHERE symbols.account_id = %(account)s AND symbols.symbol = new.symbol AND symbols.probe = new.probe
"""

JUDGED = """
SELECT account_id, symbol, figures_at,
    (SELECT string_agg(format('%%s: expected %%s to %%s, found %%s', name, pair->>'low', pair->>'high', pair->>'given'),
                       '; ' ORDER BY name)
     FROM jsonb_each(figures) AS compared (name, pair)
     WHERE (pair->>'given')::numeric NOT BETWEEN (pair->>'low')::numeric * (1 - %(share)s)
                                             AND (pair->>'high')::numeric * (1 + %(share)s)) AS disagreement
FROM symbols WHERE account_id = ANY(%(accounts)s) AND tradable
ORDER BY account_id, symbol
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A probe that was not compared yet."""

    account_id: int
    login: int
    symbol: str
    probe: Mapping[str, Any]
    """As it came on the wire; numbers as decimal texts."""
    is_late: bool
    """Prices may have moved since it came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What is known of a terminal's figures, symbol by symbol, at the share of disagreement that was asked for."""

    disagree: Mapping[str, str]
    """Symbol -> what was expected and found."""
    unchecked: tuple[str, ...]
    """Symbols whose figures were never compared."""


def pending_probes(connection: Connection, fresh_s: float) -> list[Pending]:
    """Return the probes that were not compared yet; late those that came more than `fresh_s` ago."""
    return [Pending(**row._mapping) for row in connection.exec_driver_sql(PENDING, {"fresh_s": fresh_s})]


def drop_old_probes(connection: Connection, age_s: float) -> list[str]:
    """Forget the probes that nothing could be compared with in time; return their symbols."""
    return list(connection.exec_driver_sql(DROP_OLD, {"age_s": age_s}).scalars())


def keep_figures(
    connection: Connection, account_id: int, found: Sequence[tuple[Pending, Mapping[str, Any]]]
) -> None:
    """Store what comparing probes gave, unless a newer probe came meanwhile."""
    rows = [{"symbol": pending.symbol, "probe": pending.probe, "figures": figures} for pending, figures in found]
    connection.exec_driver_sql(KEEP, {"account": account_id, "rows": dump_json(rows)})


def judge_figures(connection: Connection, account_ids: list[int], share: float) -> dict[int, Judged]:
    """Say of each account where the terminal's figures differ from ours by more than a share, and where none came."""
    found: dict[int, tuple[dict[str, str], list[str]]] = {account_id: ({}, []) for account_id in account_ids}
    for row in connection.exec_driver_sql(JUDGED, {"accounts": account_ids, "share": share}):
        disagree, unchecked = found[row.account_id]
        if row.figures_at is None:
            unchecked.append(row.symbol)
        elif row.disagreement is not None:
            disagree[row.symbol] = row.disagreement
    return {
        account_id: Judged(disagree=disagree, unchecked=tuple(unchecked))
        for account_id, (disagree, unchecked) in found.items()
    }
