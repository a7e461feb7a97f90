"""A terminal that can only poll HTTP: the simulated terminal's desk and journal, with requests in place of sockets."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from zmq_bridge.protocol.clock import BridgeClock
from zmq_bridge.protocol.commands import command_from_map
from zmq_bridge.protocol.dialogue import Hello, Program
from zmq_bridge.protocol.published import Books, event_to_map
from zmq_bridge.protocol.schema import to_map
from zmq_bridge.simulator.broker_client import BrokerClient
from zmq_bridge.simulator.terminal.desk import Desk
from zmq_bridge.simulator.terminal.link import now_ms
from zmq_bridge.simulator.terminal.memory import Memory
from zmq_bridge.simulator.terminal.values import books_from
from zmq_bridge.simulator.terminal.watch import Watch

SETTLES_MS = 600_000
"""After so long what is nowhere at the broker never arrived."""


class PollingTerminal:
    """One program start of it; another with the same directory has its journal."""

    def __init__(self, broker: BrokerClient, http: FlaskClient, key: str, directory: Path) -> None:
        self.broker, self.http, self.key = broker, http, key
        hello = broker.call("hello")
        self.login, self.server, self.offset_s = hello["login"], hello["server"], hello["server_offset_s"]
        self.memory = Memory(directory / "polling.jsonl", login=self.login, now_ms=time.time_ns() // 1_000_000)
        self.clock = BridgeClock()
        self.watch = Watch(broker, self.memory, None)
        self.desk = Desk(broker, self.memory, self.clock, unknown_settles_ms=SETTLES_MS)
        self.snapshots = 0
        self.executed: list[str] = []

    def update(self, **changes: Any) -> Any:
        """Say who and how we are."""
        hello = Hello(
            login=self.login, session=self.memory.session, versions=(1,), server=self.server, role="desk",
            program=Program(name="polling terminal", version="1"), clock_ms=time.time_ns() // 1_000_000,
            server_offset_s=self.offset_s, journal=self.memory.journal, journal_session=self.memory.earlier_session,
            snapshot=self._books(), symbols=tuple(self.watch.every_spec()),
        )  # fmt: skip
        body = {"type": "hello", **to_map(hello), "quotes": self._quotes(), **changes}
        answer = self._post("/api/account/update", body)
        if answer.status_code == 200:
            self._hear(answer.json["now_ms"])
            self.desk.set_trading_state(answer.json["trading_state"], "as the bridge has it")
            self.watch.reread_deals(answer.json["deals_from_msc"])
            self.memory.save()
        return answer

    def ask(self) -> Any:
        """Ask for commands, without executing any."""
        query = {"account": self.login, "session": self.memory.session}
        return self.http.get("/api/signals/pending", query_string=query, headers={"X-API-Key": self.key})

    def execute(self, answer: Any) -> None:
        """Execute what an answer brought."""
        self._hear(answer.json["now_ms"])
        self.desk.set_trading_state(answer.json["trading_state"], "as the bridge has it")
        for told in answer.json["commands"]:
            command = command_from_map(json.loads(json.dumps(told)))
            self.executed.append(command.command_id)
            self.desk.handle(command, now_ms(), self._collect)

    def confirm(self, *, lose_answer: bool = False) -> Any:
        """Tell what happened; without an answer nothing is forgotten."""
        events = [event_to_map(event) for event in self.memory.events.unacknowledged()]
        body = {"account": self.login, "session": self.memory.session, "events": events}
        answer = self._post("/api/trades/confirm", body)
        if answer.status_code == 200 and not lose_answer:
            acks = [(session, seq) for session, seq in answer.json["acks"]]
            self.memory.acknowledge(acks, self.clock.bridge_now_ms(now_ms()))
        return answer

    def settle(self) -> None:
        """Look again at what is unknown, when all of it would have shown at the broker by now."""
        self.desk.look_again(now_ms() + 2 * SETTLES_MS)
        self._collect()

    def turn(self) -> None:
        """One whole round."""
        self.update()
        self.execute(self.ask())
        self._collect()
        self.confirm()
        self.update()

    def close(self) -> None:
        """End the program; the journal stays."""
        self.memory.close()

    def _hear(self, bridge_ms: int) -> None:
        moment = now_ms()
        self.clock.learn(sent_ms=moment, received_ms=moment, now_ms=bridge_ms)

    def _collect(self) -> None:
        self.watch.new_deals()
        self.memory.save()

    def _books(self) -> Books:
        self.snapshots += 1
        return books_from(self.broker.call("snapshot"), self.memory.events.last_seq, self.snapshots)

    def _quotes(self) -> dict[str, Any]:
        ticks = {
            spec["symbol"]: self.broker.call("tick", symbol=spec["symbol"]) for spec in self.broker.call("symbols")
        }
        return {symbol: {"bid": tick[1], "ask": tick[2], "time_msc": tick[0]} for symbol, tick in ticks.items() if tick}

    def _post(self, path: str, body: Any) -> Any:
        return self.http.post(path, json=body, headers={"X-API-Key": self.key})
