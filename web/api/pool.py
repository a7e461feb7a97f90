"""How the pool's figures are written, wherever they are shown."""

from __future__ import annotations

from typing import Any

from zmq_bridge.storage.ledger.shares import Shares


def pool_figures(pool: Shares) -> dict[str, Any]:
    """NAV to the cent, units, price of a unit, and how far they can be trusted."""
    return {
        "nav": pool.nav,
        "units": pool.units,
        "nav_per_unit": pool.nav_per_unit,
        "members": len(pool.members),
        "as_of": pool.as_of,
        "reconciled": pool.reconciled,
    }
