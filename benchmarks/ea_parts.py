"""What ea_latency measures with: a relay at the terminal's door, and the two bridges that it talks to.

The relay stands between the simulated broker and the terminal, so that "a tick is in the terminal" and "OrderSend
leaves the terminal" are moments on this process's clock.
"""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from contextlib import suppress
from decimal import Decimal
from typing import Any, Protocol

import zmq

from benchmarks.rig import free_port
from tests.simulator.little_bridge import LittleBridge, now_ms
from zmq_bridge.protocol.commands import PlaceOrder
from zmq_bridge.protocol.ids import new_id
from zmq_bridge.protocol.messages import decode_frame
from zmq_bridge.protocol.ticks import TickBatch

TICK_TEXT = re.compile(rb"tick (\d+)")
POLL_MS = 5


class Relay:
    """Forwards lines both ways and notes when each tick went in and each order came out."""

    def __init__(self, broker_port: int) -> None:
        self.ticks_in: dict[int, float] = {}  # time_msc -> moment
        self.orders_out: dict[str, float] = {}  # comment -> moment
        self._broker_port = broker_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """No more terminals."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                terminal, _address = self._listener.accept()
                broker = socket.create_connection(("127.0.0.1", self._broker_port))
                for each in (terminal, broker):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for source, target, note in ((broker, terminal, self._note_in), (terminal, broker, self._note_out)):
                    threading.Thread(target=self._forward, args=(source, target, note), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, note: Any) -> None:
        with suppress(OSError), source.makefile("rb") as lines:
            for line in lines:
                note(line, time.perf_counter())
                target.sendall(line)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    def _note_in(self, line: bytes, at: float) -> None:
        if b'"ticks"' in line:
            for rows in dict(json.loads(line).get("ticks", {})).values():
                for row in rows:
                    self.ticks_in[int(row[0])] = time.perf_counter()

    def _note_out(self, line: bytes, at: float) -> None:
        if b'"send"' in line:
            asked = json.loads(line)
            if asked.get("op") == "send":
                self.orders_out[asked["request"]["comment"]] = at


class Peer(Protocol):
    """A bridge as the benchmark sees it."""

    ticks_seen: dict[int, float]  # time_msc -> when SUB had it
    commands_sent: dict[str, float]  # comment -> when it left

    def ports(self) -> dict[str, object]:
        """Inputs of the Expert Advisor."""

    def is_ready(self) -> bool:
        """Whether commands can be sent."""

    def buy(self) -> str:
        """Send a command; the comment that its order will have."""

    def stop(self) -> None:
        """End."""


class OurBridge(LittleBridge):
    """Speaks the wire, and notes when."""

    def __init__(self) -> None:
        super().__init__(wait_ms=1000)
        self.ticks_seen: dict[int, float] = {}
        self.commands_sent: dict[str, float] = {}
        self.start()

    def ports(self) -> dict[str, object]:
        publish, request = (each.rpartition(":")[2] for each in (self.publish_endpoint, self.request_endpoint))
        return {"PublishPort": publish, "RequestPort": request}

    def is_ready(self) -> bool:
        return self._waiting is not None

    def buy(self) -> str:
        command_id = new_id(now_ms())
        self.hand_out(
            PlaceOrder(
                command_id=command_id, expires_at_ms=now_ms() + 60_000, symbol="EURUSD", side="buy",
                order_type="market", volume=Decimal("0.01"),
            )
        )  # fmt: skip
        return command_id

    def _take_published(self, feed: zmq.Socket[bytes]) -> None:
        at = time.perf_counter()
        with suppress(zmq.Again):
            frame = feed.recv(zmq.NOBLOCK)
            topic, message = decode_frame(frame)
            if isinstance(message, TickBatch):
                self.ticks_seen |= {tick.time_msc: at for tick in message.ticks}
            else:
                self._keep(topic, message)

    def _keep(self, topic: str, message: Any) -> None:
        with self._lock:
            self.published.append((topic, message))
            if hasattr(message, "key"):
                self.events.setdefault(message.key, message)

    def _answer_pull(self, router: zmq.Socket[bytes], session: int) -> None:
        with self._lock:
            waiting = [command.command_id for command in self._commands]
        super()._answer_pull(router, session)
        if waiting and not self._commands:
            at = time.perf_counter()
            self.commands_sent |= dict.fromkeys(waiting, at)


class PlainBridge:
    """PUSH for commands, SUB for ticks, nothing else."""

    def __init__(self) -> None:
        self.ticks_seen: dict[int, float] = {}
        self.commands_sent: dict[str, float] = {}
        self._context = zmq.Context()
        self._feed, self._push = self._context.socket(zmq.SUB), self._context.socket(zmq.PUSH)
        self._feed.subscribe(b"")
        self._ports = {"PublishPort": free_port(), "RequestPort": free_port()}
        self._feed.bind(f"tcp://127.0.0.1:{self._ports['PublishPort']}")
        self._push.bind(f"tcp://127.0.0.1:{self._ports['RequestPort']}")
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def ports(self) -> dict[str, object]:
        return dict(self._ports)

    def is_ready(self) -> bool:
        return bool(self._push.poll(0, zmq.POLLOUT))

    def buy(self) -> str:
        name = new_id(now_ms())
        self._push.send(f"{name} EURUSD 0.01".encode())
        self.commands_sent[name] = time.perf_counter()
        return name

    def stop(self) -> None:
        self._ends.set()
        self._thread.join(5)
        self._context.destroy(linger=0)

    def _listen(self) -> None:
        while not self._ends.is_set():
            if self._feed.poll(POLL_MS):
                at = time.perf_counter()
                if match := TICK_TEXT.match(self._feed.recv()):
                    self.ticks_seen[int(match[1])] = at
