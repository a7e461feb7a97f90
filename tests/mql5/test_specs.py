"""A specification counts as told by the bytes that were written, whatever changes while they are."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulator.world import MONDAY_MSC, rows, running_broker

RACE = r"""
input int Changing = 0;      // the property that changes right after it was read once
int g_reads = 0;

long OneReadLater(const string name, const ENUM_SYMBOL_INFO_INTEGER what)
  {
   long value = SymbolInfoInteger(name, what);
   if((int)what != Changing)
      return(value);
   g_reads++;
   return(g_reads > 1 ? value + 20 : value);
  }

double OneReadLater(const string name, const ENUM_SYMBOL_INFO_DOUBLE what)
  {
   double value = SymbolInfoDouble(name, what);
   if((int)what != Changing)
      return(value);
   g_reads++;
   return(g_reads > 1 ? value * 1.5 : value);
  }

#define SymbolInfoInteger OneReadLater
#define SymbolInfoDouble OneReadLater
#include <ZmqBridge/Books/Specs.mqh>

void OnStart()
  {
   Print("properties ", (int)SYMBOL_TRADE_STOPS_LEVEL, " ", (int)SYMBOL_TRADE_TICK_VALUE);
   Specs specs;
   specs.Open("EURUSD", 10, 60);
   MsgpackWriter first, second;
   bool is_good = specs.Tell(0, first);
   bool is_told = specs.IsTold(0);
   Print("first ", is_good, " told ", is_told, " read again ", g_reads > 1);
   is_good = specs.Tell(0, second);
   is_told = specs.IsTold(0);
   Print("second ", is_good, " told ", is_told);
  }
"""


def properties(output: str) -> list[str]:
    return next(line for line in output.splitlines() if "properties" in line).split()[-2:]


@pytest.mark.parametrize("which", [0, 1], ids=["stops_level", "tick_value"])
def test_what_changes_while_it_is_told_is_told_again(run_mql5: Callable[..., str], which: int) -> None:
    """The first reading is on the wire, so the second is news; once that is on the wire too, nothing is."""
    with running_broker() as (client, port):
        client.call("inject", ticks={"EURUSD": rows((MONDAY_MSC, 1.1, 1.1001))})
        number = properties(run_mql5(RACE, broker_port=port))[which]
        output = run_mql5(RACE, broker_port=port, inputs={"Changing": number})
    assert "first true told false read again true" in output
    assert "second true told true" in output
