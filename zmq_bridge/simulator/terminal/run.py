"""A terminal as an object: run in one thread, stopped from any; it waits for its broker, then the loop takes over."""

import signal
import socket
import threading
from typing import Any

import zmq

from zmq_bridge.simulator.terminal.link import BrokerLink, now_ms
from zmq_bridge.simulator.terminal.loop import Loop
from zmq_bridge.simulator.terminal.reports import Reports
from zmq_bridge.simulator.terminal.settings import TerminalSettings


def run_terminal(settings: TerminalSettings) -> None:
    """Run a terminal until SIGTERM or SIGINT.

    Raises:
        JournalError: its journal is damaged, in use, or cannot be written.
        SimulatorError: the bridge told it to stop, because a newer terminal took its place.
    """
    terminal = Terminal(settings)
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: terminal.stop())
    terminal.run()


class Terminal:
    """A simulated terminal; `run` in one thread, `stop` from any."""

    def __init__(self, settings: TerminalSettings) -> None:
        self._settings = settings
        self._stopping = False
        self._woken, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        self._poller = zmq.Poller()
        self._poller.register(self._woken.fileno(), zmq.POLLIN)
        self._beat_while_waiting: Reports | None = None
        self._link = BrokerLink(
            settings.broker_host,
            settings.broker_port,
            self._poller,
            timeout_s=settings.broker_timeout_s,
            while_waiting=self._still_alive,
        )

    def stop(self) -> None:
        """Ask `run` to end."""
        self._stopping = True
        try:
            self._waker.send(b"\0")
        except OSError:
            pass  # already asked, or already ended

    def run(self) -> None:
        """Work until stopped."""
        try:
            hello = self._first_hello()
            if hello is not None:
                with zmq.Context() as context:
                    Loop(self._settings, self._link, self._poller, context, hello, self).run()
        finally:
            self._woken.close()
            self._waker.close()

    @property
    def is_stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping

    def sleep_again(self) -> None:
        """Take in the call that woke the poll, lest it wakes it for ever."""
        self._poller.unregister(self._woken.fileno())

    def beats(self, reports: Reports) -> None:
        """Have heartbeats go on while the broker lets us wait."""
        self._beat_while_waiting = reports

    def _first_hello(self) -> dict[str, Any] | None:
        """Wait for the broker: it says which account this is."""
        while not self._stopping:
            if self._link.connect(now_ms()):
                hello: dict[str, Any] = self._link.call("hello")
                return hello
            self._poller.poll(self._link.wait_ms(now_ms()))
        return None

    def _still_alive(self) -> None:
        if self._beat_while_waiting:
            self._beat_while_waiting.beat_if_due(now_ms())
