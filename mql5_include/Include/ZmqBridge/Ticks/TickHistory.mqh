//+------------------------------------------------------------------+
//| TickHistory.mqh - answers `fetch_ticks` from the terminal's own  |
//| history, in bounded chunks. Writes the request `history`.        |
//| Chunks end at whole milliseconds where they can, for the order   |
//| within one may change between reads; where the last chunk ended  |
//| is remembered, so that the next one begins there.                |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_TICK_HISTORY_MQH
#define ZMQ_BRIDGE_TICK_HISTORY_MQH

#include <ZmqBridge/Desk/Command.mqh>
#include <ZmqBridge/Ticks/TickFeed.mqh>

class TickHistory
  {
private:
   MqlTick           m_read[];
   MqlTick           m_chunk[];
   int               m_count;
   bool              m_is_complete;
   string            m_place_id;      // command whose place is remembered
   ulong             m_place_skip;    // ticks of its range before
   long              m_place_msc;     // this millisecond,
   int               m_place_within;  // and so many within it

public:
                     TickHistory(void) : m_count(0), m_is_complete(true), m_place_id(""), m_place_skip(0), m_place_msc(0), m_place_within(0)
     {
     }

   // Write the answer to `command`.
   void              Answer(const Command &command, const ulong login, const ulong session, MsgpackWriter &writer)
     {
      int limit = TICKS_PER_HISTORY_MAX;
      if(command.limit > 0 && command.limit < TICKS_PER_HISTORY_MAX)
         limit = (int)command.limit;
      bool is_known = SymbolSelect(command.symbol, true);
      m_count = 0;
      m_is_complete = true;
      if(is_known && !Collect(command, limit))
         m_is_complete = false; // the terminal could not answer: to be asked again
      writer.Map(12);
      writer.UintField("v", WIRE_VERSION);
      writer.TextField("type", "history");
      writer.UintField("login", login);
      writer.UintField("session", session);
      writer.TextField("command_id", command.command_id);
      writer.TextField("symbol", command.symbol);
      writer.IntField("from_msc", command.from_msc);
      writer.IntField("to_msc", command.to_msc);
      writer.UintField("skip", command.skip);
      writer.ArrayField("ticks", m_count);
      for(int i = 0; i < m_count; i++)
         TickFeed::Row(writer, m_chunk[i]);
      writer.BoolField("complete", m_is_complete);
      writer.IntField("oldest_msc", is_known ? Oldest(command.symbol) : 0);
     }

private:
   // The chunk behind `skip`; false when the terminal could not answer.
   bool              Collect(const Command &command, const int limit)
     {
      bool is_next = command.command_id == m_place_id && command.skip == m_place_skip;
      long from = is_next ? m_place_msc : command.from_msc;
      int within = is_next ? m_place_within : 0;
      ulong left = is_next ? 0 : command.skip;
      ArrayResize(m_chunk, limit + 1);
      for(int read = 0; read < FETCH_READS_MAX && m_count <= limit; read++)
        {
         ResetLastError();
         int got = CopyTicks(command.symbol, m_read, COPY_TICKS_ALL, (ulong)MathMax(1, from), (uint)(FETCH_READ_MAX + within));
         if(got < 0)
           {
            g_log.Repeat("history of " + command.symbol + " can't be read yet, error " + (string)GetLastError());
            return(false);
           }
         bool is_end = got < FETCH_READ_MAX + within;
         int dropped = within;
         for(int i = 0; i < got && m_count <= limit; i++)
           {
            long msc = (long)m_read[i].time_msc;
            if(msc < from || msc < command.from_msc)
               continue;
            if(dropped > 0 && msc == from)
              {
               dropped--;
               continue;
              }
            if(msc > command.to_msc)
              {
               is_end = true;
               break;
              }
            if(left > 0)
               left--;
            else
              {
               m_chunk[m_count] = m_read[i];
               m_count++;
              }
           }
         if(is_end)
           {
            Finish(command, limit, true);
            return(true);
           }
         NextFrom(got, from, within);
        }
      Finish(command, limit, false);
      return(true);
     }

   // Go on behind the last tick read: at its millisecond, behind those of it that were read.
   void              NextFrom(const int got, long &from, int &within) const
     {
      long last = (long)m_read[got - 1].time_msc;
      within = 0;
      for(int i = got - 1; i >= 0 && (long)m_read[i].time_msc == last; i--)
         within++;
      from = last;
     }

   // Cut the chunk to its limit, at a whole millisecond if it has one, and remember the place behind it.
   void              Finish(const Command &command, const int limit, const bool is_end)
     {
      m_is_complete = is_end && m_count <= limit;
      if(m_count > limit)
        {
         int cut = limit;
         while(cut > 0 && m_chunk[cut - 1].time_msc == m_chunk[limit].time_msc)
            cut--;
         m_count = cut > 0 ? cut : limit;
        }
      if(m_count == 0)
         return;
      long last = (long)m_chunk[m_count - 1].time_msc;
      int within = 0;
      for(int i = m_count - 1; i >= 0 && (long)m_chunk[i].time_msc == last; i--)
         within++;
      bool is_same = m_place_id == command.command_id && m_place_msc == last && within == m_count;
      m_place_within = is_same ? m_place_within + within : within;
      m_place_id = command.command_id;
      m_place_skip = command.skip + (ulong)m_count;
      m_place_msc = last;
     }

   // The oldest tick that the terminal still has; 0 = none.
   long              Oldest(const string symbol)
     {
      MqlTick oldest[];
      int got = CopyTicks(symbol, oldest, COPY_TICKS_ALL, 1, 1);
      return(got > 0 ? (long)oldest[0].time_msc : 0);
     }
  };

#endif
