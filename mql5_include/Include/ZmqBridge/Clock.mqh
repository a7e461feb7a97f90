//+------------------------------------------------------------------+
//| Clock.mqh - the clocks: monotonic, UTC, trade server, bridge.    |
//| BridgeClock estimates the bridge's clock from every reply; it    |
//| errs only towards "later", so that a command may be taken for    |
//| expired a little early, never be begun late.                     |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_CLOCK_MQH
#define ZMQ_BRIDGE_CLOCK_MQH

#define OFFSET_STEP_S 900  // trade servers differ from UTC by quarters of an hour

class Clock
  {
public:
   // Milliseconds of a clock that is never set.
   static long       NowMs(void)
     {
      return((long)(GetMicrosecondCount() / 1000));
     }

   static long       UtcMs(void)
     {
      return((long)TimeGMT() * 1000);
     }

   // The trade server's clock as the terminal computes it.
   static long       ServerMsc(void)
     {
      long now = (long)TimeTradeServer() * 1000;
      return(now > 0 ? now : 0);
     }

   // No tick and no deal that comes from now on is older: the newest quote of any symbol, or the trade server's clock if
   // that is earlier or there was no quote. A PC whose clock is fast must not make what is new look old.
   static long       MarketMsc(void)
     {
      long quoted = (long)TimeCurrent() * 1000;
      long now = ServerMsc();
      return(quoted > 0 && quoted < now ? quoted : now);
     }

   // The trade server's clock minus UTC; both come from the PC's clock. 0 while the first is not known.
   static long       ServerOffsetS(void)
     {
      if(ServerMsc() == 0)
         return(0);
      double difference = (double)((long)TimeTradeServer() - (long)TimeGMT());
      return((long)MathRound(difference / OFFSET_STEP_S) * OFFSET_STEP_S);
     }
  };

class BridgeClock
  {
private:
   bool              m_is_known;
   long              m_offset_ms;

public:
                     BridgeClock(void) : m_is_known(false), m_offset_ms(0)
     {
     }

   // Take in one reply: monotonic times of sending and receiving, and the bridge's clock in it.
   void              Learn(const long sent_ms, const long received_ms, const long bridge_ms)
     {
      long highest = bridge_ms - sent_ms;
      long lowest = bridge_ms - received_ms;
      if(!m_is_known || highest < m_offset_ms || m_offset_ms < lowest)
         m_offset_ms = highest;
      m_is_known = true;
     }

   bool              IsKnown(void) const
     {
      return(m_is_known);
     }

   // The latest that the bridge's clock can show; only when IsKnown().
   long              NowMs(const long monotonic_ms) const
     {
      return(monotonic_ms + m_offset_ms);
     }

   // Without an estimate nothing may begin.
   bool              IsExpired(const long expires_at_ms, const long monotonic_ms) const
     {
      return(!m_is_known || NowMs(monotonic_ms) >= expires_at_ms);
     }
  };

#endif
