"""Tick to SUB and command to OrderSend through the Expert Advisor's own code, beside a plain OnTimer loop.

The host gives timer events no more often than every 10 to 16 ms, as MetaTrader 5 does. The three programs take turns,
round after round, on the same machine: native sockets, libzmq, and plain_timer.mq5, which does what many bridges do:
one read of the command socket per timer event, and no journal. Needs g++.

The plain loop idles between events, so that its OnTick comes at once; it sends the chart symbol's last tick and loses
those in between. Ours is inside its slice most of the time, and looks for ticks of every symbol in between; that costs
a tick about a millisecond and saves a command the timer's floor.

    tick      from the terminal's having it to a subscriber's having it
    command   from the bridge's sending it to OrderSend leaving the terminal
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.ea_parts import OurBridge, Peer, PlainBridge, Relay
from benchmarks.rig import SPAWN, free_port, median, percentile, wait_until
from tests.mql5_host.build import build, missing_tools
from tests.mql5_host.run import HostOptions, HostProcess
from tests.simulator.world import free_of_costs
from zmq_bridge.simulator.broker import BrokerConfig
from zmq_bridge.simulator.broker_client import BrokerClient
from zmq_bridge.simulator.broker_server import BrokerSettings, run_broker
from zmq_bridge.simulator.errors import BrokerUnreachable

SOURCES = Path(__file__).resolve().parents[1] / "mql5_include"
EXPERT = SOURCES / "Experts" / "ZmqBridge.mq5"
PLAIN = Path(__file__).with_name("plain_timer.mq5")
ROUNDS = 3
TICKS, COMMANDS = 60, 25
"""In each round, of each program."""
PAUSE_S = (0.004, 0.034)
"""Between two: at no fixed distance from a timer event."""


@dataclass(slots=True, kw_only=True)
class Subject:
    """One program that is measured."""

    name: str
    program: Path
    peer: Callable[[], Peer]
    inputs: dict[str, object] = field(default_factory=dict)
    tick_ms: list[float] = field(default_factory=list)
    command_ms: list[float] = field(default_factory=list)


def main() -> None:
    """Measure and print."""
    if reason := missing_tools():
        sys.exit(f"ea_latency: not measured: {reason}")
    subjects = [
        Subject(name=name, program=EXPERT, peer=OurBridge, inputs={"TransportKind": transport})
        for name, transport in (("native sockets", "TRANSPORT_NATIVE"), ("libzmq", "TRANSPORT_DLL"))
    ]
    subjects.append(Subject(name="plain OnTimer loop", program=PLAIN, peer=PlainBridge))
    dice = random.Random(1)
    for _ in range(ROUNDS):
        for subject in subjects:
            one_round(subject, dice)
    show(subjects)


def one_round(subject: Subject, dice: random.Random) -> None:
    """Start everything, send ticks and commands one at a time, stop everything."""
    with running(subject) as (broker, relay, peer):
        for _ in range(TICKS):
            subject.tick_ms.append(one_tick(broker, relay, peer, dice))
        for _ in range(COMMANDS):
            subject.command_ms.append(one_command(relay, peer, dice))


def one_tick(broker: BrokerClient, relay: Relay, peer: Peer, dice: random.Random) -> float:
    """Let a tick come; return the milliseconds until a subscriber had it."""
    time.sleep(dice.uniform(*PAUSE_S))
    time_msc = quote(broker, dice)
    wait_until(lambda: time_msc in peer.ticks_seen, "a tick at the subscriber")
    return (peer.ticks_seen[time_msc] - relay.ticks_in[time_msc]) * 1000


def quote(broker: BrokerClient, dice: random.Random) -> int:
    """A tick of its own time; its time_msc."""
    time_msc = time.time_ns() // 1_000_000
    bid = round(1.1 + dice.randrange(1000) / 100_000, 5)
    broker.call("inject", ticks={"EURUSD": [[time_msc, bid, round(bid + 0.0001, 5), 0.0, 0.0, 6]]})
    return time_msc


def one_command(relay: Relay, peer: Peer, dice: random.Random) -> float:
    """Send a command; return the milliseconds until its order left the terminal."""
    time.sleep(dice.uniform(*PAUSE_S))
    wait_until(peer.is_ready, "a terminal that asks")
    comment = peer.buy()
    wait_until(lambda: comment in relay.orders_out and comment in peer.commands_sent, "an order")
    return (relay.orders_out[comment] - peer.commands_sent[comment]) * 1000


@contextmanager
def running(subject: Subject) -> Iterator[tuple[BrokerClient, Relay, Peer]]:
    """Broker, relay, bridge and terminal, ready; everything stopped afterwards."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        port = free_port()
        broker = start_broker(stack, port)
        relay = Relay(port)
        stack.callback(relay.close)
        peer = subject.peer()
        stack.callback(peer.stop)
        options = HostOptions(files=folder / "Files", broker_port=relay.port, inputs={**subject.inputs, **peer.ports()})
        host = HostProcess(build(subject.program, SOURCES / "Include"), options)
        stack.callback(host.stop)
        host.start()
        wait_until(peer.is_ready, "the terminal")
        dice = random.Random(0)
        warm_up = [quote(broker, dice)]
        while warm_up[-1] not in peer.ticks_seen:  # until the subscription is there
            time.sleep(0.05)
            if all(each not in peer.ticks_seen for each in warm_up):
                warm_up.append(quote(broker, dice))
        yield broker, relay, peer


def start_broker(stack: ExitStack, port: int) -> BrokerClient:
    """A simulated broker in a process of its own."""
    settings = BrokerSettings(port=port, feed=None, account=BrokerConfig(symbols=free_of_costs()))
    process = SPAWN.Process(target=run_broker, args=(settings,), daemon=True)
    process.start()
    stack.callback(process.join, 5)
    stack.callback(process.terminate)
    clients: list[BrokerClient] = []

    def is_there() -> bool:
        try:
            clients.append(BrokerClient("127.0.0.1", port))
        except BrokerUnreachable:
            return False
        return True

    wait_until(is_there, "the simulated broker")
    stack.callback(clients[0].close)
    return clients[0]


def show(subjects: list[Subject]) -> None:
    """Print figures, and ratios to the plain loop, which is the last."""
    plain = subjects[-1]
    print(f"{ROUNDS} rounds of {TICKS} ticks and {COMMANDS} commands of each; the timer's floor is 10 to 16 ms")
    for what in ("tick_ms", "command_ms"):
        print({"tick_ms": "tick to SUB", "command_ms": "command to OrderSend"}[what])
        for subject in subjects:
            found, base = getattr(subject, what), getattr(plain, what)
            ratio = median(found) / median(base)
            print(
                f"  {subject.name:<20} p50 {median(found):7.2f} ms   p99 {percentile(found, 99):7.2f} ms"
                + ("" if subject is plain else f"   {ratio:.2f} of the plain loop's median")
            )


if __name__ == "__main__":
    main()
