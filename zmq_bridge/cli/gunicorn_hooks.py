"""What gunicorn does at the turns of its life, beside serving.

A worker that is ready tells the garbage collector to leave alone what stays for good: a full pass over all that was
imported stops every request for some 60 ms. The counts of a worker that ended are put away.
"""

from __future__ import annotations

import gc
import os
from typing import Any


def post_worker_init(worker: Any) -> None:
    """Leave what was made until now out of every later collection."""
    gc.collect()
    gc.freeze()


def child_exit(server: Any, worker: Any) -> None:
    """Keep the counts of a worker that ended from being read for those of one that lives."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # prometheus_client types only a part of itself
