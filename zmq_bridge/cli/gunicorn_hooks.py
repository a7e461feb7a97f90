"""What gunicorn does at the turns of its life, beside serving: the counts of a worker that ended are put away."""

from __future__ import annotations

import os
from typing import Any


def child_exit(server: Any, worker: Any) -> None:
    """Keep the counts of a worker that ended from being read for those of one that lives."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # prometheus_client types only a part of itself
