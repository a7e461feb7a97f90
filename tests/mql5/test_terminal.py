"""The host as a terminal: sockets, events, ticks and trade with MT5's traps, seen by small programs."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.mql5_host.run import HostProcess
from tests.simulator.world import MONDAY_MSC, rows, running_broker
from tests.support import wait_until
from zmq_bridge.simulator.broker_client import BrokerClient

RunScript = Callable[..., str]
StartHost = Callable[..., HostProcess]

SOCKETS = """
input int Port = 0;
ulong Took(const ulong since) { return((GetMicrosecondCount() - since) / 1000); }
void OnStart()
  {
   uchar data[] = {1, 2, 3}, back[];
   int none = SocketRead(99, back, 1, 10);
   Print("read of none ", none, " ", GetLastError());
   int forbidden = SocketCreate();
   bool connected = SocketConnect(forbidden, "localhost", Port, 100);
   Print("forbidden ", connected, " ", GetLastError());
   connected = SocketConnect(forbidden, "127.0.0.1", 1, 100);
   Print("closed port ", connected, " ", GetLastError());
   int s = SocketCreate();
   connected = SocketConnect(s, "127.0.0.1", Port, 1000);
   Print("connect ", connected, SocketIsConnected(s));
   int sent = SocketSend(s, data, 3);
   ulong began = GetMicrosecondCount();
   int got = SocketRead(s, back, 100, 300);
   Print("asked too much ", got, " ", back[2], " waited ", Took(began) >= 250);
   began = GetMicrosecondCount();
   got = SocketRead(s, back, 1, 100);
   Print("nothing ", got, " ", GetLastError(), " waited ", Took(began) >= 90);
   int ones = 0;
   for(int i = 0; i < 300; i++)
      ones += (int)SocketIsReadable(s);
   Print("readable lies ", ones > 0 && ones < 150);
   int count = 2;
   while(SocketCreate() != INVALID_HANDLE)
      count++;
   Print("sockets ", count, " ", GetLastError());
   SocketClose(s);
   connected = SocketIsConnected(s);
   Print("closed ", connected, " ", GetLastError());
  }
"""

EVENTS = """
input int TimerMs = 1;
input ulong LastMsc = 0;
int  g_timers = 0, g_ticks = 0, g_inits = 0, g_deals = 0;
ulong g_began = 0;
int OnInit()
  {
   g_inits++;
   Print("init ", g_inits);
   g_began = GetTickCount64();
   g_timers = 0;
   EventSetMillisecondTimer(TimerMs);
   return(INIT_SUCCEEDED);
  }
void OnDeinit(const int reason)
  {
   EventKillTimer();
   bool is_fast = g_timers * 10 > (int)(GetTickCount64() - g_began) + 20;
   Print("deinit ", reason, " globals ", g_inits, " fast ", is_fast);
  }
void OnTimer() { g_timers++; if(g_timers == 50) Print("fifty timers"); }
void OnTick()
  {
   g_ticks++;
   MqlTick last;
   while(g_ticks == 1 && SymbolInfoTick(_Symbol, last) && (ulong)last.time_msc < LastMsc)
      Sleep(10);   // what comes meanwhile makes one more event at most
   MqlTick ticks[];
   int count = CopyTicks(_Symbol, ticks, COPY_TICKS_ALL, 1, 100000);
   Print("tick event ", g_ticks, " sees ", count);
  }
void OnTradeTransaction(const MqlTradeTransaction &t, const MqlTradeRequest &request, const MqlTradeResult &result)
  {
   Print("transaction ", EnumToString(t.type), " ", t.deal, " ", result.retcode);
  }
"""

TRADE = """
void OnStart()
  {
   MqlTradeRequest request;
   MqlTradeResult result;
   MqlTick tick;
   ZeroMemory(request);
   SymbolInfoTick("EURUSD", tick);
   request.action = TRADE_ACTION_DEAL;
   request.symbol = "EURUSD";
   request.volume = 0.01;
   request.type = ORDER_TYPE_BUY;
   request.price = tick.ask;
   request.comment = "mine";
   request.magic = 18446744073709551615;
   bool sent = OrderSend(request, result);
   Print(sent, " ", result.retcode, " ", result.price, " ", result.deal != 0);
   bool selected = PositionSelectByTicket(result.order);
   Print(PositionsTotal(), " ", selected, " ", PositionGetDouble(POSITION_VOLUME), " ",
         PositionGetString(POSITION_COMMENT));
   Print((ulong)PositionGetInteger(POSITION_MAGIC), " ",
         EnumToString((ENUM_POSITION_TYPE)PositionGetInteger(POSITION_TYPE)));
   HistorySelect(0, TimeCurrent() + 10);
   Print(HistoryDealsTotal(), HistoryOrdersTotal(), " ",
         HistoryDealGetDouble(result.deal, DEAL_PRICE), " ",
         HistoryOrderSelect(result.order));
   request.volume = 0.001;
   sent = OrderSend(request, result);
   Print(sent, " ", result.retcode, " ", GetLastError());
   request.volume = 0.01;
   sent = OrderSend(request, result);
   Print(sent, " ", result.retcode);
   Print(AccountInfoInteger(ACCOUNT_LOGIN), " ", AccountInfoString(ACCOUNT_CURRENCY), " ",
         SymbolInfoInteger("EURUSD", SYMBOL_DIGITS));
  }
"""


@pytest.fixture
def broker() -> Iterator[tuple[BrokerClient, int]]:
    with running_broker() as running:
        running[0].call("inject", ticks={"EURUSD": rows((MONDAY_MSC, 1.1, 1.1001))})
        yield running


@pytest.fixture
def echo_port() -> Iterator[int]:
    """A server that sends back the first bytes that it gets, and then keeps silent."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            peer, _address = server.accept()
            peer.sendall(peer.recv(100))
            peer.recv(1)
            peer.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]


def test_native_sockets_have_mt5s_traps(run_mql5: RunScript, echo_port: int) -> None:
    lines = run_mql5(SOCKETS, inputs={"Port": echo_port}).splitlines()
    assert lines[:-2] == [
        "read of none -1 5270",
        "forbidden false 4014",
        "closed port false 5272",
        "connect truetrue",
        "asked too much 3 3 waited true",
        "nothing -1 5273 waited true",
        "readable lies true",
        "sockets 128 5271",
        "closed false 5270",
    ]
    assert lines[-2:] == ["program ended", "127 sockets left open"]


def test_events_are_queued_as_mt5_queues_them(
    start_host: StartHost, broker: tuple[BrokerClient, int], tmp_path: Path
) -> None:
    client, port = broker
    program = tmp_path / "events.mq5"
    program.write_text(EVENTS)
    host = start_host(program, broker_port=port, inputs={"LastMsc": MONDAY_MSC + 20})
    host.wait_for("fifty timers")
    for number in range(20):
        client.call("inject", ticks={"EURUSD": rows((MONDAY_MSC + 1 + number, 1.1, 1.1001))})
    host.wait_for("sees 21")
    assert host.output.count("tick event") <= 3, "twenty ticks during one handler make no queue of twenty events"
    client.call("cash", amount="5.00")
    host.wait_for("transaction TRADE_TRANSACTION_DEAL_ADD")
    host.change_chart()
    host.wait_for("init 2")
    assert host.stop() == 0
    assert "deinit 3 globals 1 fast false" in host.output
    assert "deinit 9 globals 2" in host.output


def test_orders_positions_and_history(run_mql5: RunScript, broker: tuple[BrokerClient, int]) -> None:
    _client, port = broker
    lines = run_mql5(TRADE, broker_port=port).splitlines()
    assert lines[:5] == [
        "true 10009 1.1001 true",
        "1 true 0.01 mine",
        "18446744073709551615 POSITION_TYPE_BUY",
        "11 1.1001 true",
        "false 10014 4756",
    ]
    assert lines[5:7] == ["true 10009", "123456 USD 5"]


def test_an_answer_that_never_comes_is_a_timeout(run_mql5: RunScript, broker: tuple[BrokerClient, int]) -> None:
    client, port = broker
    client.call("fault", kind="lose_answer")
    lines = run_mql5(TRADE, broker_port=port, trade_timeout_ms=200).splitlines()
    assert lines[0] == "false 10012 0.0 false"
    assert lines[1].startswith("1 false"), "and yet it was executed"


def test_a_terminal_without_its_broker_is_not_connected_and_comes_back(start_host: StartHost, tmp_path: Path) -> None:
    program = tmp_path / "connected.mq5"
    program.write_text(
        "int g_last = -1;\nvoid OnInit() { EventSetMillisecondTimer(20); }\n"
        "void OnTimer() { int now = (int)TerminalInfoInteger(TERMINAL_CONNECTED);"
        ' if(now != g_last) Print("connected ", now); g_last = now; }'
    )
    with running_broker() as (_client, port):
        host = start_host(program, broker_port=port)
        host.wait_for("connected 1")
    host.wait_for("connected 0")
    with running_broker(port=port):
        wait_until(lambda: host.output.count("connected 1") >= 2, message=host.output)
