//+------------------------------------------------------------------+
//| TickCursor.mqh - where we are in one symbol's ticks. Several     |
//| ticks share a millisecond, their order may change between reads, |
//| late ones are inserted, and rows before the asked time may come: |
//| so an overlap is read again and whole ticks are matched, each as |
//| often as it is there. What is not matched is new.                |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_TICK_CURSOR_MQH
#define ZMQ_BRIDGE_TICK_CURSOR_MQH

#include <ZmqBridge/Bounds.mqh>
#include <ZmqBridge/Clock.mqh>

class TickCursor
  {
private:
   string            m_symbol;
   MqlTick           m_seen[];        // ticks taken, sorted by time; the window of the overlap
   int               m_count;
   bool              m_is_open;
   long              m_start_msc;     // ticks up to here were there before we came
   long              m_deep_msc;      // the newest tick when we last looked for late ones: those since are later; 0 = never
   long              m_keep_msc;      // the window reaches back to here at least; 0 = no such wish
   bool              m_is_matched[];
   MqlTick           m_read[];

public:
   MqlTick           fresh[];         // the new ticks of the last read, oldest first
   int               fresh_count;
   bool              is_gap;          // the last read did not meet what was seen: something may lie between
   bool              has_more;        // the last read was full

                     TickCursor(const string symbol) : m_symbol(symbol), m_count(0), m_is_open(false), m_start_msc(0), m_deep_msc(0), m_keep_msc(0),
                     fresh_count(0), is_gap(false), has_more(false)
     {
     }

   string            Symbol(void) const
     {
      return(m_symbol);
     }

   bool              IsOpen(void) const
     {
      return(m_is_open);
     }

   // Begin behind the ticks that are there now. The first call for a symbol may wait while the terminal synchronises it.
   bool              Open(void)
     {
      MqlTick last[];
      int got = CopyTicks(m_symbol, last, COPY_TICKS_ALL, 0, 1);
      if(got < 0)
         return(false);
      m_start_msc = got > 0 ? (long)last[0].time_msc : Clock::MarketMsc() - OVERLAP_DEEP_MS;
      m_count = 0;
      m_deep_msc = 0;
      m_is_open = true;
      got = CopyTicks(m_symbol, m_read, COPY_TICKS_ALL, (ulong)MathMax(1, m_start_msc), TICKS_READ_MAX);
      for(int i = 0; i < got; i++)
         if((long)m_read[i].time_msc <= m_start_msc && (long)m_read[i].time_msc >= m_start_msc)
            Insert(m_read[i]);
      return(true);
     }

   // Time of the newest tick taken.
   long              NewestMsc(void) const
     {
      return(m_count > 0 ? (long)m_seen[m_count - 1].time_msc : m_start_msc);
     }

   // Have the window reach back to where we are now, until Release(): the connection to the broker is away.
   void              Hold(void)
     {
      if(m_keep_msc == 0)
         m_keep_msc = MathMax(1, NewestMsc() - OVERLAP_MS);
     }

   void              Release(void)
     {
      m_keep_msc = 0;
     }

   // Whether the symbol's last tick is another than the newest taken: a cheap question.
   bool              HasNews(void) const
     {
      MqlTick tick;
      if(!SymbolInfoTick(m_symbol, tick))
         return(false);
      if(m_count == 0)
         return(true);
      int last = m_count - 1; // flags and volumes of SymbolInfoTick may differ from the history's
      return(tick.time_msc != m_seen[last].time_msc || tick.bid != m_seen[last].bid || tick.ask != m_seen[last].ask
             || tick.last != m_seen[last].last);
     }

   // Read what is new; false when the terminal could not answer. A deep read looks for ticks inserted late.
   bool              Read(const bool is_deep)
     {
      fresh_count = 0;
      is_gap = false;
      long from = MathMax(m_start_msc, is_deep ? DeepFloor() : NewestMsc() - OVERLAP_MS);
      if(is_deep && m_keep_msc > 0)
         from = MathMax(m_start_msc, MathMin(from, m_keep_msc));
      from = MathMax(1, from);
      int first = FirstSeen(from);
      int window = m_count - first;
      int got = CopyTicks(m_symbol, m_read, COPY_TICKS_ALL, (ulong)from, (uint)(window + TICKS_READ_MAX));
      if(got < 0)
         return(false);
      has_more = got >= window + TICKS_READ_MAX;
      if(is_deep)
         m_deep_msc = NewestMsc();
      Match(from, first, got);
      return(true);
     }

   // Take the first `count` fresh ticks as seen; the others come again with the next read.
   void              Take(const int count)
     {
      for(int i = 0; i < count; i++)
         Insert(fresh[i]);
      Shorten();
     }

   // Give up what lies between the newest taken and now: it is fetched by the bridge.
   bool              SkipToNow(void)
     {
      m_is_open = false;
      return(Open());
     }

   static bool       IsSame(const MqlTick &a, const MqlTick &b)
     {
      return(a.time_msc == b.time_msc && a.bid == b.bid && a.ask == b.ask && a.last == b.last && a.volume_real == b.volume_real
             && a.flags == b.flags);
     }

private:
   // What comes late now comes behind here: the market may have gone far since we last looked.
   long              DeepFloor(void) const
     {
      long newest = NewestMsc();
      return((m_deep_msc > 0 ? MathMin(m_deep_msc, newest) : newest) - OVERLAP_DEEP_MS);
     }

   // The first of the window at or after `msc`.
   int               FirstSeen(const long msc) const
     {
      int low = 0;
      int high = m_count;
      while(low < high)
        {
         int middle = (low + high) / 2;
         if((long)m_seen[middle].time_msc < msc)
            low = middle + 1;
         else
            high = middle;
        }
      return(low);
     }

   // Compare the read with the window, whole tick by whole tick; what has no partner is fresh.
   void              Match(const long from, const int first, const int got)
     {
      int window = m_count - first;
      int left = window;
      int next = first;
      ArrayResize(m_is_matched, m_count, 1024);
      for(int i = first; i < m_count; i++)
         m_is_matched[i] = false;
      ArrayResize(fresh, got, 1024);
      for(int i = 0; i < got; i++)
        {
         if((long)m_read[i].time_msc < from)
            continue;
         while(next < m_count && m_is_matched[next])
            next++;
         int at = left > 0 ? Partner(m_read[i], next) : -1;
         if(at >= 0)
           {
            m_is_matched[at] = true;
            left--;
            continue;
           }
         fresh[fresh_count] = m_read[i];
         fresh_count++;
        }
      is_gap = window > 0 && left == window && fresh_count > 0;
     }

   // An unmatched tick of the window that is the same; -1 = none.
   int               Partner(const MqlTick &tick, const int next) const
     {
      for(int i = next; i < m_count && m_seen[i].time_msc <= tick.time_msc; i++)
         if(!m_is_matched[i] && IsSame(m_seen[i], tick))
            return(i);
      return(-1);
     }

   // Put a tick behind those of its time.
   void              Insert(const MqlTick &tick)
     {
      if(m_count >= ArraySize(m_seen))
         ArrayResize(m_seen, 2 * m_count + 256);
      int at = m_count;
      while(at > 0 && m_seen[at - 1].time_msc > tick.time_msc)
        {
         m_seen[at] = m_seen[at - 1];
         at--;
        }
      m_seen[at] = tick;
      m_count++;
     }

   // Forget what no overlap reaches any more.
   void              Shorten(void)
     {
      long floor_msc = DeepFloor();
      if(m_keep_msc > 0)
         floor_msc = MathMin(floor_msc, m_keep_msc);
      int first = FirstSeen(floor_msc);
      if(m_count - first > TICKS_SEEN_MAX)
         first = m_count - TICKS_SEEN_MAX;
      if(first < 256)
         return;
      m_start_msc = MathMax(m_start_msc, (long)m_seen[first].time_msc);
      if(m_seen[first - 1].time_msc == m_seen[first].time_msc)
         m_start_msc++; // ticks of that millisecond are partly forgotten: never read it again
      for(int i = first; i < m_count; i++)
         m_seen[i - first] = m_seen[i];
      m_count -= first;
     }
  };

#endif
