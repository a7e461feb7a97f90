"""The live stream under load: 500 WebSocket clients with live prices, while the API answers and one client is deaf.

    python -m benchmarks.stream_load [seconds]

Ticks of four symbols go the whole way: a terminal's PUB, proxy, recorder, Redis, stream, clients. A price's age is from
the recorder's clock to a client's hands, on one machine; a round of up to 100 ms is part of it. The API is asked at the
same steady rate twice, without and with the clients, so that the ratio says what they cost it.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
import zmq
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.rig import (
    LOGIN,
    Bridge,
    answer,
    free_port,
    percentile,
    running_bridge,
    start,
    tick_frames,
    verdict,
    wait_until,
)
from benchmarks.rig import connect as connect_zmq
from zmq_bridge.cli.process_table import http_answers, web_argv
from zmq_bridge.settings import load_settings, settings_environment
from zmq_bridge.storage.keys import create_key

CLIENTS = 500
SAMPLED = 25  # clients that parse every message; all check every number
SYMBOLS = ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD")
TICKS_PER_S = 50  # of each symbol
SECONDS = 20.0
API_PER_S = 40.0
API_PATH = f"/api/market/prices?account={LOGIN}"
P99_AGE_MS_AIM = 500.0
API_P99_MS_AIM = 100.0
"""With 500 clients on the same processors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What the clients saw."""

    frames: int
    holes: int  # numbers that did not follow
    closed: int  # connections lost
    ages_ms: Sequence[float]
    connect_s: float


def main(seconds: float) -> None:
    """Run once and print."""
    with running_bridge() as bridge, ExitStack() as stack:
        api_port, stream_port = free_port(), free_port()
        key = _key(bridge)
        stream = _start_parts(stack, bridge, api_port, stream_port)
        stop_ticks = threading.Event()
        feeding = threading.Thread(target=_feed, args=(bridge.feed_endpoint, stop_ticks), daemon=True)
        feeding.start()
        stack.callback(feeding.join, 10)
        stack.callback(stop_ticks.set)
        wait_until(lambda: len(bridge.live.quotes(LOGIN)) == len(SYMBOLS), "prices in Redis")
        idle = _ask_api(api_port, key, seconds / 2)
        clients, pipe = start(_clients_main, f"ws://127.0.0.1:{stream_port}/ws", key, seconds)
        stack.callback(clients.terminate)
        answer(pipe)  # all are connected
        deaf = _deaf_client(stream_port, key)
        used = stream.cpu_times()
        began = time.monotonic()
        loaded = _ask_api(api_port, key, seconds - 1.0)
        cpu = sum(stream.cpu_times()[:2]) - sum(used[:2])
        cpu_percent = 100 * cpu / (time.monotonic() - began)
        seen: Watched = answer(pipe)
        deaf.close()
        _report(seen, idle, loaded, cpu_percent, stream.memory_info().rss / 1e6, seconds)


def _report(
    seen: Watched, idle: list[float], loaded: list[float], cpu: float, memory_mb: float, seconds: float
) -> None:
    ages = [percentile(seen.ages_ms, percent) for percent in (50, 99)]
    before, after = ([percentile(asked, percent) for percent in (50, 99)] for asked in (idle, loaded))
    print(f"{CLIENTS} clients and a deaf one, {len(SYMBOLS)} symbols at {TICKS_PER_S} ticks/s each, {seconds:g} s")
    print(
        f"  connected in {seen.connect_s:.1f} s; {seen.frames / seconds:,.0f} messages/s; lost connections "
        f"{seen.closed}, numbers that did not follow {seen.holes}: {verdict(not seen.closed and not seen.holes)}"
    )
    print(
        f"  age of a price in a client's hands: p50 {ages[0]:.0f} ms, p99 {ages[1]:.0f} ms "
        f"(aim p99 < {P99_AGE_MS_AIM:g}): {verdict(ages[1] < P99_AGE_MS_AIM)}"
    )
    print(f"  stream process: {cpu:.0f} % of one processor, {memory_mb:.0f} MB")
    print(f"  API, {API_PER_S:g} requests/s of {API_PATH}:")
    print(f"    without clients p50 {before[0]:.1f} ms, p99 {before[1]:.1f} ms")
    ratios = f"x{after[0] / before[0]:.1f}, x{after[1] / before[1]:.1f}"
    print(f"    with them       p50 {after[0]:.1f} ms, p99 {after[1]:.1f} ms ({ratios}; aim p99 < {API_P99_MS_AIM:g}): "
          f"{verdict(after[1] < API_P99_MS_AIM)}")  # fmt: skip


def _key(bridge: Bridge) -> str:
    with bridge.engine.begin() as connection:
        now = datetime.now(UTC)
        return create_key(connection, name="bench", scopes=["read"], now=now, actor="bench").text


def _start_parts(stack: ExitStack, bridge: Bridge, api_port: int, stream_port: int) -> psutil.Process:
    home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    variables = {
        "DATABASE_URL": bridge.database_url, "REDIS_URL": bridge.redis_url, "ZMQ_BRIDGE_SECRET_KEY": "b" * 40,
        "ZMQ_BRIDGE_VAR_DIR": str(home), "ZMQ_BRIDGE_WEB_PORT": str(api_port), "ZMQ_BRIDGE_WEB_WORKERS": "2",
        "ZMQ_BRIDGE_STREAM_PORT": str(stream_port),
    }  # fmt: skip
    settings = load_settings(variables, env_file=os.devnull)
    env = settings_environment(settings)
    log = stack.enter_context((home / "parts.log").open("w"))
    argvs = [[sys.executable, "-m", "zmq_bridge.cli", "stream"], web_argv(settings)]
    processes = [subprocess.Popen(argv, env=env, stdout=log, stderr=log) for argv in argvs]
    for process in processes:
        stack.callback(process.wait, 20)
        stack.callback(process.terminate)
    wait_until(lambda: all(http_answers(f"{url}/health") for url in (settings.web_url, settings.stream_url)), "start")
    return psutil.Process(processes[0].pid)


def _feed(endpoint: str, stop: threading.Event) -> None:
    """A terminal: each symbol's next tick, all of them `TICKS_PER_S` times a second."""
    context = zmq.Context()
    terminal = connect_zmq(context, zmq.PUB, endpoint)
    streams = [iter(tick_frames(symbol, 1_000_000 // len(SYMBOLS), 1)) for symbol in SYMBOLS]
    due = time.monotonic()
    while not stop.is_set():
        for stream in streams:
            terminal.send(next(stream))
        due += 1 / TICKS_PER_S
        time.sleep(max(0.0, due - time.monotonic()))
    terminal.close(linger=0)
    context.term()


def _ask_api(port: int, key: str, seconds: float) -> list[float]:
    """How long each answer took, in ms, asked at a steady rate; one that comes late delays no later one's clock."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    took, due, until = [], time.monotonic(), time.monotonic() + seconds
    while due < until:
        time.sleep(max(0.0, due - time.monotonic()))
        connection.request("GET", API_PATH, headers={"X-API-Key": key})
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise RuntimeError(f"the API said {response.status}: {body[:200]!r}")
        took.append((time.monotonic() - due) * 1000)
        due += 1 / API_PER_S
    connection.close()
    return took


def _deaf_client(port: int, key: str) -> socket.socket:
    """Subscribes to everything and never reads."""
    taker = socket.create_connection(("127.0.0.1", port))
    taker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    taker.sendall(
        b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nX-API-Key: " + key.encode() + b"\r\n\r\n"
    )
    text = b'{"action":"SUBSCRIBE_MARKET_DATA"}'
    taker.sendall(bytes([0x81, 0x80 | len(text)]) + bytes(4) + text)
    return taker


# the clients' process


def _clients_main(url: str, key: str, seconds: float, pipe: Connection) -> None:
    pipe.send(asyncio.run(_watch(url, key, seconds, pipe)))


async def _watch(url: str, key: str, seconds: float, pipe: Connection) -> Watched:
    began = time.monotonic()
    clients = [await _connect(url, key) for _ in range(CLIENTS)]
    connect_s = time.monotonic() - began
    pipe.send("connected")
    until = time.monotonic() + seconds
    found = await asyncio.gather(*(_follow(client, until, at < SAMPLED) for at, client in enumerate(clients)))
    return Watched(
        frames=sum(frames for frames, _, _, _ in found), holes=sum(holes for _, holes, _, _ in found),
        closed=sum(closed for _, _, closed, _ in found), ages_ms=[age for _, _, _, ages in found for age in ages],
        connect_s=connect_s,
    )  # fmt: skip


async def _connect(url: str, key: str) -> ClientConnection:
    client = await connect(url, additional_headers={"X-API-Key": key}, compression=None, ping_interval=None)
    await client.send(json.dumps({"action": "SUBSCRIBE_PRICES", "symbols": list(SYMBOLS)}))
    return client


async def _follow(client: ClientConnection, until: float, is_sampled: bool) -> tuple[int, int, int, list[float]]:
    frames = holes = last = 0
    ages: list[float] = []
    began_ms = time.time() * 1000
    try:
        async with asyncio.timeout(until - time.monotonic()):
            async for text in client:
                frames += 1
                _, _, rest = str(text)[:80].partition('"seq":')
                seq = int(rest.partition(",")[0])
                holes += seq != last + 1
                last = seq
                if is_sampled:
                    ages += _ages(json.loads(text), began_ms)
    except TimeoutError:
        return frames, holes, 0, ages
    return frames, holes, 1, ages


def _ages(message: dict[str, Any], began_ms: float) -> list[float]:
    """How old the prices of a message are; not those that waited here until everybody was connected."""
    now_ms = time.time() * 1000
    received = [price["received_ms"] for price in message.get("prices", ())]
    return [now_ms - received_ms for received_ms in received if received_ms > began_ms]


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS)
