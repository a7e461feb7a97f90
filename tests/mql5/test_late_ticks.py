"""Ticks that the terminal inserts late are found however far the market went between two looks for them."""

from __future__ import annotations

from collections.abc import Callable

LATE = r"""
long g_ticks[];       // times, in the history's order
int  g_rows = 0;      // given by the last read

void Add(const long msc)
  {
   int at = ArraySize(g_ticks);
   ArrayResize(g_ticks, at + 1);
   for(; at > 0 && g_ticks[at - 1] > msc; at--)
      g_ticks[at] = g_ticks[at - 1];
   g_ticks[at] = msc;
  }

void Fill(MqlTick &tick, const long msc)
  {
   ZeroMemory(tick);
   tick.time_msc = msc;
   tick.bid = 1.0 + (double)msc / 1000000.0;
  }

bool History(const string symbol, MqlTick &tick)
  {
   Fill(tick, g_ticks[ArraySize(g_ticks) - 1]);
   return(true);
  }

int History(const string symbol, MqlTick &ticks[], const uint flags, const ulong from, const uint count)
  {
   int total = ArraySize(g_ticks);
   int first = from == 0 ? MathMax(0, total - (int)count) : 0;
   while(first < total && g_ticks[first] < (long)from)
      first++;
   g_rows = MathMin(total - first, (int)count);
   ArrayResize(ticks, g_rows);
   for(int i = 0; i < g_rows; i++)
      Fill(ticks[i], g_ticks[first + i]);
   return(g_rows);
  }

#define CopyTicks History
#define SymbolInfoTick History
#include <ZmqBridge/Clock.mqh>
#include <ZmqBridge/Bounds.mqh>
#include <ZmqBridge/Ticks/TickCursor.mqh>

TickCursor *g_cursor = NULL;

void Look(const bool is_deep)
  {
   bool is_read = g_cursor.Read(is_deep);
   string found = is_read ? "" : "failed";
   for(int i = 0; i < g_cursor.fresh_count; i++)
      found += " " + (string)(long)g_cursor.fresh[i].time_msc;
   g_cursor.Take(g_cursor.fresh_count);
   Print(is_deep ? "deep:" : "usual:", g_cursor.fresh_count > 5 ? " " + (string)g_cursor.fresh_count : found);
  }

void OnStart()
  {
   g_cursor = new TickCursor("EURUSD");
   for(long msc = 60000; msc <= 100000; msc += 10)
      Add(msc);
   bool is_open = g_cursor.Open();
   Print("open ", is_open);
   Look(true);
   for(int s = 0; s < 20; s++)
     {
      for(long msc = 100010 + s * 2000; msc <= 102000 + s * 2000; msc += 10)
         Add(msc);
      if(s == 1)
         Add(100505); // the market is at 104000, and looked for again at 140000
      Look(false);
     }
   Look(true);
   Add(139001);
   Look(false);
   Look(true);
   Look(true);
   delete g_cursor;
  }
"""


def test_a_late_tick_is_found_however_far_the_market_went_since(run_mql5: Callable[..., str]) -> None:
    said = [line for line in run_mql5(LATE).splitlines() if line.startswith(("open", "deep", "usual"))]
    assert said[:2] == ["open true", "deep:"]
    assert said[2:22] == ["usual: 200"] * 20
    assert said[22:] == ["deep: 100505", "usual:", "deep: 139001", "deep:"], "each once, and nothing else"
