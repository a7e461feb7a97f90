//+------------------------------------------------------------------+
//| TickFeed.mqh - every tick of every served symbol to PUB.         |
//| Writes tick batches: topic tick.<symbol>.<login>, payload        |
//|   [v, session, seq, [[time_msc, bid, ask, last, volume_real,     |
//|   flags], ...]].                                                 |
//| Nothing is taken from the terminal before somebody subscribed to |
//| its topic: PUB drops what it sends before that, and the terminal |
//| keeps it for us. After CATCH_UP_MS_MAX the feed gives that up,   |
//| skips a number so that the gap shows, and the bridge fetches it. |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_TICK_FEED_MQH
#define ZMQ_BRIDGE_TICK_FEED_MQH

#include <ZmqBridge/Log.mqh>
#include <ZmqBridge/Msgpack/MsgpackWriter.mqh>
#include <ZmqBridge/Books/Specs.mqh>
#include <ZmqBridge/Talk/Streams.mqh>
#include <ZmqBridge/Ticks/TickCursor.mqh>
#include <ZmqBridge/Transport/Transport.mqh>

class TickFeed
  {
private:
   Transport        *m_transport;    // the owner's
   Streams          *m_streams;      // the owner's
   TickCursor       *m_cursors[];
   int               m_topics[];     // index of each cursor's topic
   long              m_deep_due_ms[];
   long              m_retry_ms[];
   ulong             m_login;
   ulong             m_session;
   int               m_next;         // whose turn is first
   MsgpackWriter     m_writer;
   long              m_newest_msc;
   ulong             m_sent;
   bool              m_was_connected;
   long              m_release_ms;

public:
                     TickFeed(Transport *transport, Streams *streams) : m_transport(transport), m_streams(streams), m_login(0), m_session(0),
                     m_next(0), m_newest_msc(0), m_sent(0), m_was_connected(true), m_release_ms(0)
     {
     }

                    ~TickFeed(void)
     {
      for(int i = 0; i < ArraySize(m_cursors); i++)
         delete m_cursors[i];
     }

   void              Open(const ulong login, const ulong session)
     {
      m_login = login;
      m_session = session;
     }

   // Take in symbols that are served since the last time.
   void              Follow(const Specs &specs)
     {
      for(int i = ArraySize(m_cursors); i < specs.Count(); i++)
        {
         ArrayResize(m_cursors, i + 1, 64);
         ArrayResize(m_topics, i + 1, 64);
         ArrayResize(m_deep_due_ms, i + 1, 64);
         ArrayResize(m_retry_ms, i + 1, 64);
         m_cursors[i] = new TickCursor(specs.Name(i));
         m_topics[i] = m_streams.Open("tick." + specs.Name(i) + "." + (string)m_login);
         m_deep_due_ms[i] = 0;
         m_retry_ms[i] = 0;
        }
     }

   // Time of the newest tick sent, 0 = none, and how many.
   long              NewestMsc(void) const
     {
      return(m_newest_msc);
     }

   ulong             Sent(void) const
     {
      return(m_sent);
     }

   // Send what is new, symbol after symbol, until DRAIN_BUDGET_MS has passed.
   void              Drain(const long now_ms)
     {
      int count = ArraySize(m_cursors);
      NoteConnection(now_ms);
      for(int i = 0; i < count; i++)
        {
         int at = (m_next + i) % count;
         DrainOne(at, now_ms);
         if(Clock::NowMs() - now_ms < DRAIN_BUDGET_MS)
            continue;
         m_next = (at + 1) % count;
         return;
        }
     }

   // Write one tick as a row.
   static void       Row(MsgpackWriter &writer, const MqlTick &tick)
     {
      writer.Array(6);
      writer.Int((long)tick.time_msc);
      writer.Number(tick.bid);
      writer.Number(tick.ask);
      writer.Number(tick.last);
      writer.Number(tick.volume_real);
      writer.Uint(tick.flags);
     }

private:
   // While the broker is away, and for a minute after, the overlap reaches back to when it went: its ticks come late.
   void              NoteConnection(const long now_ms)
     {
      bool is_connected = TerminalInfoInteger(TERMINAL_CONNECTED) != 0;
      if(!is_connected && m_was_connected)
         for(int i = 0; i < ArraySize(m_cursors); i++)
            m_cursors[i].Hold();
      if(is_connected && !m_was_connected)
         m_release_ms = now_ms + 60000;
      if(is_connected && m_release_ms > 0 && now_ms >= m_release_ms)
        {
         m_release_ms = 0;
         for(int i = 0; i < ArraySize(m_cursors); i++)
            m_cursors[i].Release();
        }
      m_was_connected = is_connected;
     }

   void              DrainOne(const int i, const long now_ms)
     {
      TickCursor *cursor = m_cursors[i];
      if(now_ms < m_retry_ms[i])
         return;
      if(!cursor.IsOpen())
        {
         if(!cursor.Open())
            Postpone(i, now_ms);
         return;
        }
      bool is_deep = now_ms >= m_deep_due_ms[i];
      if(!is_deep && !cursor.has_more && !cursor.HasNews())
         return;
      if(!m_transport.IsWanted(m_streams.Topic(m_topics[i])))
        {
         GiveUpIfOld(i);
         return;
        }
      if(is_deep)
         m_deep_due_ms[i] = now_ms + DEEP_READ_MS;
      ResetLastError();
      if(!cursor.Read(is_deep))
         Postpone(i, now_ms);
      else if(cursor.fresh_count > 0)
         Send(i);
     }

   void              Postpone(const int i, const long now_ms)
     {
      m_retry_ms[i] = now_ms + DEEP_READ_MS;
      g_log.Repeat("ticks of " + m_cursors[i].Symbol() + " can't be read yet, error " + (string)GetLastError());
     }

   // Nobody wanted the ticks for so long that the bridge has to fetch them.
   void              GiveUpIfOld(const int i)
     {
      MqlTick tick;
      TickCursor *cursor = m_cursors[i];
      if(!SymbolInfoTick(cursor.Symbol(), tick) || (long)tick.time_msc - cursor.NewestMsc() < CATCH_UP_MS_MAX)
         return;
      if(cursor.SkipToNow())
         m_streams.Take(m_topics[i], 1);
     }

   void              Send(const int i)
     {
      TickCursor *cursor = m_cursors[i];
      if(cursor.is_gap)
         m_streams.Take(m_topics[i], 1);
      int sent = 0;
      while(sent < cursor.fresh_count)
        {
         int count = MathMin(TICKS_PER_FRAME_MAX, cursor.fresh_count - sent);
         if(!SendBatch(i, sent, count))
            break;
         sent += count;
        }
      cursor.Take(sent);
      if(sent < cursor.fresh_count)
         cursor.has_more = true;
     }

   // A batch counts only once it was taken by the socket.
   bool              SendBatch(const int i, const int first, const int count)
     {
      TickCursor *cursor = m_cursors[i];
      int topic = m_topics[i];
      m_writer.Clear();
      m_writer.Topic(m_streams.Topic(topic));
      m_writer.Array(4);
      m_writer.Uint(WIRE_VERSION);
      m_writer.Uint(m_session);
      m_writer.Uint(m_streams.Last(topic) + 1);
      m_writer.Array(count);
      for(int k = 0; k < count; k++)
         Row(m_writer, cursor.fresh[first + k]);
      if(!m_writer.IsGood())
        {
         Log::Say("ticks of " + cursor.Symbol() + " are not sent: " + m_writer.Problem());
         m_streams.Take(topic, (ulong)count);
         return(true);
        }
      if(!m_transport.Publish(m_writer.data, m_writer.Size()))
         return(false);
      m_streams.Take(topic, (ulong)count);
      m_newest_msc = MathMax(m_newest_msc, (long)cursor.fresh[first + count - 1].time_msc);
      m_sent += (ulong)count;
      return(true);
     }
  };

#endif
