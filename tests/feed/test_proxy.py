"""The proxy as its own process, against real libzmq sockets."""

import hashlib
import multiprocessing
import os
import signal
import socket as tcp
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.process import BaseProcess

import pytest
import zmq

from zmq_bridge.sockets.context import BindFailed, OpenBindRefused, is_loopback
from zmq_bridge.sockets.proxy import ProxySettings, run_proxy
from zmq_bridge.sockets.zap import AllowList, Door, Mechanism, Peer, introduce_bridge

SPAWN = multiprocessing.get_context("spawn")
PATIENCE_S = 60.0
PATIENCE_MS = 60_000


def _proxy_main(settings: ProxySettings, pipe) -> None:
    run_proxy(settings, lambda feed, subscribers: pipe.send((feed, subscribers)))


@contextmanager
def running_proxy(**changes) -> Iterator[tuple[str, str, BaseProcess]]:
    settings = ProxySettings(feed_endpoint="tcp://127.0.0.1:*", subscribe_endpoint="tcp://127.0.0.1:*", **changes)
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=_proxy_main, args=(settings, theirs))
    process.start()
    try:
        assert ours.poll(PATIENCE_S), "the proxy did not come up"
        feed, subscribers = ours.recv()
        yield feed, subscribers, process
    finally:
        if process.is_alive():
            process.terminate()
        process.join(PATIENCE_S)
        if process.is_alive():
            process.kill()


def send_signal(process: BaseProcess, number: int) -> None:
    assert process.pid
    os.kill(process.pid, number)


@pytest.fixture
def context() -> Iterator[zmq.Context]:
    context = zmq.Context()
    yield context
    context.destroy(linger=0)


def connected(context: zmq.Context, kind: int, endpoint: str, prepare: Callable | None = None) -> zmq.Socket:
    socket: zmq.Socket = context.socket(kind)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.SNDHWM, 100_000)
    socket.setsockopt(zmq.RCVHWM, 100_000)
    if prepare is not None:
        prepare(socket)
    socket.connect(endpoint)
    if kind == zmq.SUB:
        socket.subscribe(b"")
    return socket


def wait_until_linked(pub: zmq.Socket, sub: zmq.Socket) -> None:
    """Publish probes until one arrives, then read past the rest."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        pub.send(b"probe")
        if sub.poll(50):
            break
    else:
        raise AssertionError("publisher and subscriber never met")
    pub.send(b"probes end")
    while sub.recv() != b"probes end":
        pass


def receives(sub: zmq.Socket, pub: zmq.Socket, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        pub.send(b"probe")
        if sub.poll(50):
            return True
    return False


def test_every_message_passes_in_order(context):
    with running_proxy() as (feed, subscribers, _):
        pub, sub = connected(context, zmq.PUB, feed), connected(context, zmq.SUB, subscribers)
        wait_until_linked(pub, sub)
        for number in range(20_000):
            pub.send(b"tick.EURUSD.1\0%d" % number)
        found = [sub.recv() for _ in range(20_000)]
    assert found == [b"tick.EURUSD.1\0%d" % number for number in range(20_000)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_an_idle_proxy_cleanly(number):
    with running_proxy() as (_, _, process):
        send_signal(process, number)
        process.join(PATIENCE_S)
        assert process.exitcode == 0


def test_a_signal_stops_a_busy_proxy_cleanly(context):
    stop = threading.Event()

    def flood(feed: str) -> None:
        with connected(context, zmq.PUB, feed) as pub:
            while not stop.is_set():
                for _ in range(200):
                    pub.send(b"x" * 100)
                stop.wait(0.001)

    with running_proxy() as (feed, subscribers, process):
        sub = connected(context, zmq.SUB, subscribers)
        flooder = threading.Thread(target=flood, args=(feed,))
        flooder.start()
        try:
            assert sub.poll(PATIENCE_MS)
            process.terminate()
            process.join(PATIENCE_S)
            assert process.exitcode == 0
        finally:
            stop.set()
            flooder.join()


def test_an_oversized_message_closes_only_its_sender(context):
    with running_proxy(frame_bytes_max=1_000) as (feed, subscribers, process):
        honest, rogue = connected(context, zmq.PUB, feed), connected(context, zmq.PUB, feed)
        sub = connected(context, zmq.SUB, subscribers)
        wait_until_linked(rogue, sub)
        wait_until_linked(honest, sub)
        monitor = rogue.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        rogue.send(b"x" * 1_001)
        assert monitor.poll(PATIENCE_MS), "the rogue kept its connection"
        for number in range(100):
            honest.send(b"%d" % number)
        assert [sub.recv() for _ in range(100)] == [b"%d" % number for number in range(100)]
        assert process.is_alive()


def test_garbage_instead_of_zmtp_disturbs_nobody(context):
    """Random bytes can even pass as frames of ZMTP 1.0, so a subscriber's topic filter is part of the defence."""
    with running_proxy() as (feed, subscribers, process):
        pub, sub = connected(context, zmq.PUB, feed), connected(context, zmq.SUB, subscribers)
        wait_until_linked(pub, sub)
        sub.unsubscribe(b"")
        sub.subscribe(b"tick.")
        for endpoint in (feed, subscribers):
            host, port = endpoint.removeprefix("tcp://").split(":")
            for garbage in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096), b"\xff" + b"\0" * 8 + b"\x7f" * 200):
                with tcp.create_connection((host, int(port))) as raw:
                    raw.sendall(garbage)
        honest = [b"tick.%d" % number for number in range(100)]
        for message in honest:
            pub.send(message)
        heard: list[bytes] = []
        while len(heard) < 100:
            assert sub.poll(PATIENCE_MS), f"{len(heard)} of 100 honest messages arrived"
            heard += [message for message in [sub.recv()] if message.startswith(b"tick.")]
        assert heard == honest
        assert process.is_alive()


def test_a_taken_port_is_a_clear_error():
    with tcp.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        endpoint = f"tcp://127.0.0.1:{holder.getsockname()[1]}"
        with pytest.raises(BindFailed, match="the port is taken"):
            run_proxy(ProxySettings(feed_endpoint=endpoint, subscribe_endpoint="tcp://127.0.0.1:*"))


@pytest.mark.parametrize("endpoint", ["tcp://0.0.0.0:5555", "tcp://*:5555", "tcp://[::]:5555", "tcp://eth0:5555"])
def test_an_open_bind_without_authentication_is_refused(endpoint):
    with pytest.raises(OpenBindRefused, match="no authentication"):
        run_proxy(ProxySettings(feed_endpoint="tcp://127.0.0.1:*", subscribe_endpoint=endpoint))


@pytest.mark.parametrize("endpoint", ["tcp://127.0.0.1:*", "tcp://[::1]:5555", "tcp://localhost:1", "inproc://a", "ipc:///a"])
def test_loopback_endpoints_are_known(endpoint):
    assert is_loopback(endpoint)


def _plain() -> AllowList:
    digest = hashlib.sha256(b"right").hexdigest()
    peer = Peer(name="vm-1", password_sha256=digest, logins=frozenset({7}))
    watcher = Peer(name="watcher", password_sha256=digest, doors=frozenset({Door.SUBSCRIBE}))
    return AllowList(mechanism=Mechanism.PLAIN, peers=(peer, watcher), secret_key="s" * 32)


def plain_as(name: bytes, password: bytes) -> Callable[[zmq.Socket], None]:
    def prepare(socket: zmq.Socket) -> None:
        socket.setsockopt(zmq.PLAIN_USERNAME, name)
        socket.setsockopt(zmq.PLAIN_PASSWORD, password)

    return prepare


def test_plain_lets_in_only_the_right_password_at_the_right_door(context):
    with running_proxy(allowed=_plain()) as (feed, subscribers, _):
        sub = connected(context, zmq.SUB, subscribers, plain_as(b"watcher", b"right"))
        pub = connected(context, zmq.PUB, feed, plain_as(b"vm-1", b"right"))
        wait_until_linked(pub, sub)
        for name, password in ((b"vm-1", b"wrong"), (b"watcher", b"right"), (b"nobody", b"right")):
            intruder = connected(context, zmq.PUB, feed, plain_as(name, password))
            assert not receives(sub, intruder, 0.4), f"{name!r} came in"
        unnamed = connected(context, zmq.PUB, feed)
        assert not receives(sub, unnamed, 0.4)


def test_curve_lets_in_only_listed_keys(context):
    server_public, server_secret = zmq.curve_keypair()
    known_public, known_secret = zmq.curve_keypair()
    stranger_public, stranger_secret = zmq.curve_keypair()
    peer = Peer(name="vm-1", public_key=known_public.decode())
    allowed = AllowList(mechanism=Mechanism.CURVE, peers=(peer,), secret_key=server_secret.decode())

    def with_keys(public: bytes, secret: bytes) -> Callable[[zmq.Socket], None]:
        def prepare(socket: zmq.Socket) -> None:
            socket.curve_serverkey, socket.curve_publickey, socket.curve_secretkey = server_public, public, secret

        return prepare

    with running_proxy(allowed=allowed) as (feed, subscribers, _):
        sub = connected(context, zmq.SUB, subscribers, with_keys(known_public, known_secret))
        pub = connected(context, zmq.PUB, feed, with_keys(known_public, known_secret))
        wait_until_linked(pub, sub)
        stranger = connected(context, zmq.PUB, feed, with_keys(stranger_public, stranger_secret))
        assert not receives(sub, stranger, 0.4)


def test_an_open_bind_with_authentication_is_allowed():
    with running_proxy(allowed=_plain()) as (feed, _, _):
        assert feed.startswith("tcp://127.0.0.1:")
    assert not is_loopback("tcp://0.0.0.0:5555")


def test_a_peer_speaks_only_for_its_own_logins():
    allowed = _plain()
    assert allowed.may_speak_for("vm-1", 7)
    assert not allowed.may_speak_for("vm-1", 8)
    assert not allowed.may_speak_for("watcher", 7)
    assert not allowed.may_speak_for("", 7)
    assert AllowList().may_speak_for("", 7)


def test_an_address_off_the_list_is_refused_even_with_the_right_password():
    allowed = replace(_plain(), addresses=frozenset({"10.0.0.1"}))
    assert allowed.admit("feed", "10.0.0.1", "PLAIN", [b"vm-1", b"right"]) == "vm-1"
    assert allowed.admit("feed", "10.0.0.2", "PLAIN", [b"vm-1", b"right"]) is None
    assert allowed.admit("feed", "10.0.0.1", "NULL", []) is None
    assert allowed.admit("feed", "10.0.0.1", "CURVE", [b"vm-1", b"right"]) is None


@pytest.mark.parametrize("mechanism", [Mechanism.PLAIN, Mechanism.CURVE])
def test_the_bridge_itself_needs_no_entry_in_the_list(context, mechanism):
    secret = zmq.curve_keypair()[1].decode()
    allowed = AllowList(mechanism=mechanism, secret_key=secret)
    with running_proxy(allowed=allowed) as (feed, subscribers, _):
        sub = connected(context, zmq.SUB, subscribers, lambda socket: introduce_bridge(socket, allowed))
        pub = connected(context, zmq.PUB, feed, lambda socket: introduce_bridge(socket, allowed))
        wait_until_linked(pub, sub)
        other = replace(allowed, secret_key=zmq.curve_keypair()[1].decode())
        stranger = connected(context, zmq.PUB, feed, lambda socket: introduce_bridge(socket, other))
        assert not receives(sub, stranger, 0.4)
