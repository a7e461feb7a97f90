"""What the Expert Advisor says about inputs and switches that can't work, before it does anything."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.mql5.conftest import SOURCES
from tests.mql5.desk_rig import EXPERT
from tests.mql5_host.run import HostProcess
from tests.simulator.conftest import bridge as bridge  # the fixture
from tests.simulator.little_bridge import LittleBridge
from tests.simulator.world import running_broker
from zmq_bridge.simulator.broker import BrokerConfig

StartHost = Callable[..., HostProcess]

NATIVE = SOURCES / "Experts" / "ZmqBridgeNative.mq5"
KEY = "k" * 40


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"Host": ""}, "Host: expected a name or an address, found nothing"),
        ({"Host": "tcp://127.0.0.1"}, "Host: expected a name or an address alone, as 127.0.0.1, found tcp://127.0.0.1"),
        ({"PublishPort": 0}, "PublishPort: expected 1 to 65535, found 0"),
        ({"RequestPort": 70000}, "RequestPort: expected 1 to 65535, found 70000"),
        ({"PublishPort": 5557}, "expected two ports, found 5557 twice"),
        ({"Password": "x"}, "Username: expected one, since there is a Password, found nothing"),
        ({"Username": "ea", "CurveServerKey": KEY}, "Username, CurveServerKey: expected one of them, found both"),
        ({"CurvePublicKey": KEY}, "CurveServerKey: expected the bridge's key"),
        ({"CurveServerKey": KEY}, "CurveServerKey: expected Transport = libzmq.dll, found native sockets"),
        (
            {"CurveServerKey": KEY, "CurvePublicKey": "short", "TransportKind": "TRANSPORT_DLL"},
            "expected 40 characters each, found 40, 5, 0",
        ),
        ({"SliceMs": 0}, "SliceMs: expected 1 to 1000, found 0"),
        ({"TimerMs": 0}, "TimerMs: expected 1 to 1000, found 0"),
        ({"TimerMs": 100000}, "TimerMs: expected 1 to 1000, found 100000"),
        ({"SymbolsMax": 0}, "SymbolsMax: expected 1 to 5000, found 0"),
        ({"UnknownSettlesS": -1}, "UnknownSettlesS: expected 0 to 86400, found -1"),
        ({"SpecsEveryS": 0}, "SpecsEveryS: expected 1 to 900, found 0"),
        ({"VolumeMax": -0.5}, "VolumeMax: expected 0 or more, found -0.50"),
        ({"Symbols": ""}, "Symbols: expected names with commas, or *, found nothing"),
        ({"JournalSuffix": "../other"}, "JournalSuffix: expected at most 32 letters, digits and -, found ../other"),
    ],
)
def test_an_input_that_cannot_work_is_named_with_what_was_found(
    start_host: StartHost, inputs: dict[str, object], said: str
) -> None:
    host = start_host(EXPERT, inputs=inputs)
    assert host.process.wait(30) == 1
    assert "inputs: " in host.output
    assert said in host.output


def test_without_the_dll_switch_the_dll_transport_says_where_it_is(start_host: StartHost) -> None:
    host = start_host(EXPERT, inputs={"TransportKind": "TRANSPORT_DLL"}, dlls_allowed=False)
    assert host.process.wait(30) == 1
    assert "libzmq.dll needs Allow DLL imports, which is off" in host.output


def test_the_program_without_a_dll_names_the_one_that_has_it(start_host: StartHost) -> None:
    host = start_host(NATIVE, inputs={"TransportKind": "TRANSPORT_DLL"})
    assert host.process.wait(30) == 1
    assert "expected native sockets, found libzmq.dll" in host.output


def test_native_sockets_need_no_dll_switch(start_host: StartHost, bridge: LittleBridge) -> None:
    with running_broker() as (_client, port):
        start_host(NATIVE, broker_port=port, inputs=ports_of(bridge), dlls_allowed=False)
        assert bridge.wait_for_hello().role == "both"


def test_an_address_that_is_not_on_the_list_is_said_with_its_number(start_host: StartHost) -> None:
    with running_broker() as (_client, port):
        host = start_host(EXPERT, broker_port=port, allowed=())
        host.wait_for("error 4014")


def test_two_programs_of_one_role_have_a_journal_each(start_host: StartHost, tmp_path: Path) -> None:
    bridges = [LittleBridge().start() for _ in range(2)]
    with running_broker() as (_client, port):
        for number, each in enumerate(bridges):
            suffix = {"JournalSuffix": "second"} if number else {}
            start_host(EXPERT, broker_port=port, inputs={**ports_of(each), **suffix})
            each.wait_for_hello()
        found = sorted(path.name for path in (tmp_path / "Files" / "ZmqBridge").iterdir())
    server = f"{zlib.crc32(BrokerConfig().server.encode()):08x}"
    assert found == [f"journal-123456-{server}-both-second.bin", f"journal-123456-{server}-both.bin"]
    for each in bridges:
        each.stop()


def ports_of(bridge: LittleBridge) -> dict[str, object]:
    publish, request = (each.rpartition(":")[2] for each in (bridge.publish_endpoint, bridge.request_endpoint))
    return {"PublishPort": publish, "RequestPort": request}


def test_the_same_login_at_another_trade_server_has_a_journal_of_its_own(start_host: StartHost) -> None:
    journals = []
    for server in ("One-Live", "Other-Live"):
        each = LittleBridge().start()
        with running_broker(account=BrokerConfig(server=server)) as (_client, port):
            start_host(EXPERT, broker_port=port, inputs=ports_of(each))
            hello = each.wait_for_hello()
            journals.append((hello.login, hello.journal))
        each.stop()
    assert journals[0][0] == journals[1][0]
    assert journals[0][1] != journals[1][1]
