"""A thread that ends by an error ends its process: nobody may take a desk for whole that has lost a part."""

from __future__ import annotations

import threading
from typing import Any

from tests.desk.world import PATIENCE_S, DeskProcess
from tests.forked import FORKS
from zmq_bridge.relay.desk import DeskSettings, run_desk


def serve_and_lose_a_thread(settings: DeskSettings, failed: Any) -> None:
    """Main of a desk of which one thread fails as soon as it serves."""

    def fail() -> None:
        failed.set()
        raise RuntimeError("nobody foresaw this")

    run_desk(settings, lambda *endpoints: threading.Thread(target=fail).start())


def test_a_desk_that_lost_a_thread_ends_by_itself_and_says_so(desk: DeskProcess) -> None:
    desk.stop()  # its ports and servers serve the one that is to fail
    failed = FORKS.Event()
    process = FORKS.Process(target=serve_and_lose_a_thread, args=(desk.settings, failed), daemon=True)
    process.start()
    assert failed.wait(PATIENCE_S)
    process.join(PATIENCE_S)
    assert process.exitcode == 1
