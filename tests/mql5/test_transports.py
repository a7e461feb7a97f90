"""Both transports of the Expert Advisor against unmodified libzmq, and the native one against hostile servers."""

from __future__ import annotations

import random
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import zmq
from zmq.auth.thread import ThreadAuthenticator

from tests.mql5_host.run import HostProcess
from tests.support import free_port, wait_until

PROBE = Path(__file__).parent / "programs" / "TransportProbe.mq5"
CONNECT_MS = 300  # one attempt
WAIT_BOUND_MS = 5 + 2 * CONNECT_MS + 2 * (50 + 5)  # of docs/ea.md: the slice; of each socket a connect, a send, a read
DLL_WAIT_BOUND_MS = 5  # the slice: libzmq has threads of its own for all else
CPU_BOUND_MS = 100  # of one turn; it takes less than one
IS_PATIENT = {"GiveUpMs": 60_000}  # every request waits for its answer
IN_A_HURRY = {"GiveUpMs": 700}  # a request without an answer is given up
GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x01" + b"NULL".ljust(20, b"\0") + b"\x00" + bytes(31)
PEERS = (b"XSUB", b"ROUTER")  # what the bridge's two sockets say they are
StartHost = Callable[..., HostProcess]


class Bridge:
    """The bridge's two sockets: XSUB and ROUTER of libzmq."""

    def __init__(
        self, publish_port: int, request_port: int, *, plain: bool = False, secret_key: bytes | None = None
    ) -> None:
        self.context = zmq.Context()
        self._secret_key = secret_key  # CURVE, as its server
        self.auth = ThreadAuthenticator(self.context) if plain else None
        if self.auth:
            self.auth.start()
            self.auth.configure_plain(domain="*", passwords={"ea": "secret"})
        self.subscriber = self._bound(zmq.XSUB, publish_port, plain)
        self.router = self._bound(zmq.ROUTER, request_port, plain)

    def _bound(self, sort: int, port: int, plain: bool) -> zmq.Socket[bytes]:
        made: zmq.Socket[bytes] = self.context.socket(sort)
        made.linger = 0
        made.plain_server = plain
        if self._secret_key is not None:
            made.curve_server = True
            made.curve_secretkey = self._secret_key
        wait_until(lambda: self._bind(made, port), message=f"port {port} stayed taken")
        return made

    def _bind(self, made: zmq.Socket[bytes], port: int) -> bool:
        with suppress(zmq.ZMQError):
            made.bind(f"tcp://127.0.0.1:{port}")
            return True
        return False

    def subscribe(self, topic: bytes) -> None:
        self.subscriber.send(b"\x01" + topic)

    def echo(self, count: int, *, last: bytes = b"") -> None:
        """Answer so many requests with themselves, and one more with `last`."""
        for _ in range(count):
            assert self.router.poll(30_000), "no request came"
            self.router.send_multipart(self.router.recv_multipart())
        if last:
            self.answer(last)

    def answer(self, *payload: bytes) -> list[bytes]:
        """Answer one request with other frames; returns the request."""
        assert self.router.poll(30_000), "no request came"
        frames = self.router.recv_multipart()
        self.router.send_multipart([*frames[:-1], *payload])
        return frames

    def echoed(self) -> bool:
        """Answer one request with itself; always true."""
        self.echo(1)
        return True

    def stop(self, host: HostProcess) -> None:
        """Answer whatever is asked with the end; the answer to what was given up is dropped by its sender."""

        def has_ended() -> bool:
            if self.router.poll(100):
                self.answer(b"stop")
            return host.process.poll() is not None

        wait_until(has_ended, message="it never ended")

    def received(self, count: int) -> list[bytes]:
        found = []
        for _ in range(count):
            assert self.subscriber.poll(30_000), "nothing was published"
            found.append(self.subscriber.recv())
        return found

    def close(self) -> None:
        if self.auth:
            self.auth.stop()
        self.context.destroy(linger=0)


@pytest.fixture
def ports() -> tuple[int, int]:
    return free_port(), free_port()


@contextmanager
def bridge(
    ports: tuple[int, int], *, plain: bool = False, secret_key: bytes | None = None
) -> Iterator[Bridge]:
    made = Bridge(*ports, plain=plain, secret_key=secret_key)
    try:
        yield made
    finally:
        made.close()


def probe(start_host: StartHost, ports: tuple[int, int], dll: bool = False, **options: Any) -> HostProcess:
    inputs = {"PublishPort": ports[0], "RequestPort": ports[1], "Dll": dll, **IS_PATIENT, **options.pop("inputs", {})}
    return start_host(PROBE, inputs=inputs, **options)


def ended(host: HostProcess) -> str:
    """Wait for the probe's end; what it printed."""
    assert host.process.wait(60) == 0, host.output
    assert "left" not in host.output, host.output
    return host.output


def longest_wait_ms(text: str) -> float:
    """How long the longest turn waited at most, a busy machine or not; what it computed is bounded too."""
    ((waited_us, computed_us),) = re.findall(r"longest event: waited (\d+) us, computed (\d+) us", text)
    assert int(computed_us) <= CPU_BOUND_MS * 1000
    return int(waited_us) / 1000


def assert_events_were_short(text: str, dll: bool) -> None:
    """No turn waited longer than docs/ea.md says, and some as long as it was asked to."""
    assert 1 <= longest_wait_ms(text) <= (DLL_WAIT_BOUND_MS if dll else WAIT_BOUND_MS)


@pytest.fixture(params=[False, True], ids=["native", "dll"])
def dll(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_requests_come_back_whatever_their_length(start_host: StartHost, ports: tuple[int, int], dll: bool) -> None:
    with bridge(ports) as peer:
        host = probe(start_host, ports, dll)
        peer.echo(110, last=b"stop")
        text = ended(host)
    assert text.count("echo ") == 110
    assert "other" not in text
    lengths = [int(length) for length in re.findall(r"echo \d+ (\d+)", text)]
    assert min(lengths) < 1000 < 255 * 255 < max(lengths)


def test_the_envelope_is_that_of_a_req_socket(start_host: StartHost, ports: tuple[int, int], dll: bool) -> None:
    with bridge(ports) as peer:
        host = probe(start_host, ports, dll)
        first = peer.answer(b"first")
        second = peer.answer(b"stop")
        ended(host)
    assert [len(frame) for frame in first[1:3]] == [4, 0]
    assert len(first) == len(second) == 4
    assert first[1] != second[1], "each request has an id of its own"


def test_only_subscribed_topics_are_sent(start_host: StartHost, ports: tuple[int, int], dll: bool) -> None:
    with bridge(ports) as peer:
        peer.subscribe(b"two.")
        host = probe(start_host, ports, dll)
        found = peer.received(50)
        peer.subscribe(b"one.A")
        wait_until(lambda: peer.received(1)[0].startswith(b"one"))
        peer.echo(1, last=b"stop")
        ended(host)
    assert {frame.split(b"\0")[0] for frame in found} == {b"two.B"}
    numbers = [int(frame.split(b"\0")[1]) for frame in found]
    assert numbers == list(range(numbers[0], numbers[0] + 50))


def test_a_plain_password_opens_the_door_and_a_wrong_one_does_not(
    start_host: StartHost, ports: tuple[int, int], dll: bool
) -> None:
    with bridge(ports, plain=True) as peer:
        wrong = probe(start_host, ports, dll, inputs={"Username": "ea", "Password": "guess", **IN_A_HURRY})
        wrong.wait_for("gave up 1")
        assert "echo" not in wrong.output
        wrong.abandon()
        wrong.log.unlink()
        host = probe(start_host, ports, dll, inputs={"Username": "ea", "Password": "secret"})
        peer.echo(5, last=b"stop")
        assert ended(host).count("echo ") == 5


def test_libzmq_speaks_curve_and_only_to_the_bridge_whose_key_it_knows(
    start_host: StartHost, ports: tuple[int, int]
) -> None:
    server_key, secret_key = zmq.curve_keypair()
    other_key, _ = zmq.curve_keypair()
    public, secret = (key.decode() for key in zmq.curve_keypair())
    ours = {"PublicKey": public, "SecretKey": secret}
    with bridge(ports, secret_key=secret_key) as peer:
        peer.subscribe(b"one.")
        wrong = probe(start_host, ports, True, inputs={**ours, "ServerKey": other_key.decode(), **IN_A_HURRY})
        wrong.wait_for("gave up 1")
        assert "echo" not in wrong.output
        wrong.abandon()
        wrong.log.unlink()
        host = probe(start_host, ports, True, inputs={**ours, "ServerKey": server_key.decode()})
        peer.received(3)
        peer.echo(5, last=b"stop")
        assert ended(host).count("echo ") == 5


def test_a_reply_of_several_frames_is_refused_and_the_next_one_taken(
    start_host: StartHost, ports: tuple[int, int], dll: bool
) -> None:
    with bridge(ports) as peer:
        host = probe(start_host, ports, dll)
        peer.answer(b"two", b"frames")
        host.wait_for("not one frame 1")
        peer.echo(3, last=b"stop")
        assert ended(host).count("echo ") == 3


def test_an_unanswered_request_is_given_up_and_its_late_answer_dropped(
    start_host: StartHost, ports: tuple[int, int], dll: bool
) -> None:
    with bridge(ports) as peer:
        host = probe(start_host, ports, dll, inputs=IN_A_HURRY)
        assert peer.router.poll(30_000)
        late = peer.router.recv_multipart()
        host.wait_for("gave up 1")
        peer.router.send_multipart(late)
        wait_until(lambda: peer.echoed() and "echo " in host.output, message="no request came back")
        peer.stop(host)
        text = ended(host)
    assert "echo 1 " not in text
    assert "other" not in text


def test_the_bridge_may_go_away_and_come_back(start_host: StartHost, ports: tuple[int, int], dll: bool) -> None:
    with bridge(ports) as peer:
        peer.subscribe(b"one.")
        host = probe(start_host, ports, dll, inputs=IN_A_HURRY)
        wait_until(lambda: peer.echoed() and "echo " in host.output, message="no request came back")
        peer.received(3)
    before = host.output.count("echo ")
    with bridge(ports) as peer:
        peer.subscribe(b"one.")
        peer.received(3)
        wait_until(lambda: peer.echoed() and host.output.count("echo ") > before, message="no request came back")
        peer.stop(host)
        assert_events_were_short(ended(host), dll)


def test_bytes_may_come_and_go_one_by_one(start_host: StartHost, ports: tuple[int, int]) -> None:
    with bridge(ports) as peer:
        peer.subscribe(b"one.")
        host = probe(start_host, ports, read_bytes_max=1, short_sends=True, inputs={"SizeMax": 700})
        peer.received(20)
        peer.echo(8, last=b"stop")
        assert ended(host).count("echo ") == 8


def test_a_host_that_is_not_on_the_list_is_not_reached_and_said(start_host: StartHost, ports: tuple[int, int]) -> None:
    host = probe(start_host, ports, allowed=(), inputs=IN_A_HURRY)
    host.wait_for("gave up 2")
    assert host.process.poll() is None


@pytest.mark.parametrize(("dll", "seed"), [*((False, seed) for seed in range(6)), (True, 6), (True, 7)])
def test_hostile_servers_cost_no_more_than_a_pause(
    start_host: StartHost, ports: tuple[int, int], dll: bool, seed: int
) -> None:
    """Random bytes, truncated handshakes and frames, lengths without end, silence in the middle; then libzmq again."""
    hostile = [Hostile(port, PEERS[i], seed * 2 + i) for i, port in enumerate(ports)]
    host = probe(start_host, ports, dll, seed=seed, inputs=IN_A_HURRY)
    for server in hostile:
        wait_until(partial(server.was_tried, 2 if dll else 4), 60, "the transport never came back")
        server.close()
    with bridge(ports) as peer:
        peer.subscribe(b"one.")
        peer.received(3)
        wait_until(lambda: peer.echoed() and host.output.count("echo ") >= 3, message="no request came back")
        peer.stop(host)
        text = ended(host)
    assert_events_were_short(text, dll)
    assert "other" not in text


def test_peers_that_never_take_a_connection_cost_an_event_what_is_said_and_no_more(
    start_host: StartHost, ports: tuple[int, int], dll: bool
) -> None:
    """Two attempts of 300 ms at most, none by libzmq; as soon as somebody is there all is well."""
    with silent(ports[0]), silent(ports[1]):
        host = probe(start_host, ports, dll, inputs=IN_A_HURRY)
        host.wait_for("gave up 2")
    with bridge(ports) as peer:
        wait_until(lambda: peer.echoed() and "echo " in host.output, message="no request came back")
        peer.stop(host)
        text = ended(host)
    assert_events_were_short(text, dll)
    assert dll or longest_wait_ms(text) >= CONNECT_MS, "an attempt was cut off"


@contextmanager
def silent(port: int) -> Iterator[None]:
    """A port whose queue of connections is full: who knocks hears nothing."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", port), backlog=0))
        for _ in range(2):
            knock = stack.enter_context(socket.socket())
            knock.setblocking(False)
            knock.connect_ex(listener.getsockname())
        yield


class Hostile(threading.Thread):
    """Accepts, says something wrong, and hangs up or keeps silent for a while."""

    def __init__(self, port: int, sort: bytes, seed: int) -> None:
        super().__init__(daemon=True)
        body = b"\x05READY\x0bSocket-Type" + len(sort).to_bytes(4, "big") + sort
        self._handshake = GREETING + bytes([4, len(body)]) + body
        self._dice = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.settimeout(0.2)
        self._is_open = True
        self.served = 0
        self.start()

    def run(self) -> None:
        while self._is_open:
            with suppress(OSError):
                peer, _address = self._listener.accept()
                with peer:
                    self._serve(peer)

    def _serve(self, peer: socket.socket) -> None:
        peer.settimeout(0.5)
        self.served += 1
        with suppress(OSError):
            peer.sendall(self._words())
            while self._dice.random() < 0.5:
                peer.recv(4096)

    def _words(self) -> bytes:
        noise = self._dice.randbytes(self._dice.randrange(1, 400))
        told = self._handshake
        return self._dice.choice(
            [
                noise,
                b"\xff" + noise,
                told[: self._dice.randrange(1, len(told))],
                told + noise,
                told + b"\x02" + (2**63 - 1).to_bytes(8, "big") + noise,
                told + b"\x00\xff" + noise[:100],
                told + b"\x06" + (2**40).to_bytes(8, "big"),
                told + b"\x01\x04abcd" * 50,
            ]
        )

    def was_tried(self, times: int) -> bool:
        return self.served >= times

    def close(self) -> None:
        self._is_open = False
        self._listener.close()
        self.join(5)
