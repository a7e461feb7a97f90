//+------------------------------------------------------------------+
//| Reports.mqh - what the terminal publishes beside ticks: events   |
//| once they are on disk (event.<login>), snapshots on change and   |
//| every second (account.<login>), heartbeats (beat.<login>).       |
//| Writes the maps `event`, `snapshot` and `beat`, and the same     |
//| books for a greeting or a pull. Nothing waits: what PUB has no   |
//| room for comes again.                                            |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_REPORTS_MQH
#define ZMQ_BRIDGE_REPORTS_MQH

#include <ZmqBridge/Books/Books.mqh>
#include <ZmqBridge/Journal/Memory.mqh>
#include <ZmqBridge/Settings.mqh>
#include <ZmqBridge/Talk/Streams.mqh>
#include <ZmqBridge/Transport/Transport.mqh>
#include <ZmqBridge/Books/Watch.mqh>

#define BOOKS_HEAD_BYTES_MAX 64   // of the map around account, positions and orders

class Reports
  {
private:
   Transport        *m_transport;   // the owner's
   Memory           *m_memory;      // the owner's
   Watch            *m_watch;       // the owner's
   Streams          *m_streams;     // the owner's
   const Settings   *m_settings;    // the owner's
   string            m_event_topic;
   int               m_account;     // index of the stream
   int               m_beat;        // index of the stream
   long              m_beat_due_ms;
   long              m_snapshot_due_ms;
   MsgpackWriter     m_writer;
   MsgpackWriter     m_books;       // as published last: account, positions and orders
   ulong             m_books_event_seq;
   ulong             m_books_seq;
   long              m_books_msc;
   bool              m_has_books;   // that no request has brought

public:
                     Reports(Transport *transport, Memory *memory, Watch *watch, Streams *streams, const Settings *settings) :
                     m_transport(transport), m_memory(memory), m_watch(watch), m_streams(streams), m_settings(settings),
                     m_event_topic(""), m_account(-1), m_beat(-1), m_beat_due_ms(0), m_snapshot_due_ms(0), m_books_event_seq(0),
                     m_books_seq(0), m_books_msc(0), m_has_books(false)
     {
     }

   void              Open(void)
     {
      string login = (string)m_memory.Login();
      m_event_topic = "event." + login;
      m_beat = m_streams.Open("beat." + login);
      if(m_settings.HasDesk())
         m_account = m_streams.Open("account." + login);
     }

   // Publish what was saved since the last time.
   void              Events(void)
     {
      KeptEvent *event = m_memory.NextToPublish();
      while(event != NULL)
        {
         m_writer.Clear();
         m_writer.Topic(m_event_topic);
         m_writer.Raw(event.bytes, 0, ArraySize(event.bytes));
         m_transport.Publish(m_writer.data, m_writer.Size());
         event = m_memory.NextToPublish();
        }
     }

   // Have a snapshot published with the next turn.
   void              Changed(void)
     {
      m_snapshot_due_ms = 0;
     }

   // Publish the books of this moment and write them, as in `hello`.
   void              WriteBooks(MsgpackWriter &writer, const long now_ms)
     {
      PublishBooks(now_ms);
      AppendBooks(writer);
     }

   // Write the books published last, as in `pull`; nil when a request brought them, or when none is to bring any.
   void              WriteNews(MsgpackWriter &writer)
     {
      bool fits = writer.Size() + m_books.Size() + BOOKS_HEAD_BYTES_MAX <= FRAME_BYTES_MAX;
      if(m_has_books && fits && m_settings.Authenticates())
         AppendBooks(writer);
      else
         writer.Nil();
     }

   // Publish a snapshot when books changed or its time has come; all events before it are published.
   void              SnapshotIfDue(const long now_ms)
     {
      if(m_account < 0 || now_ms < m_snapshot_due_ms)
         return;
      m_snapshot_due_ms = now_ms + SNAPSHOT_MS;
      PublishBooks(now_ms);
     }

   // Publish a heartbeat every BEAT_MS; it names only numbers that have left already.
   void              BeatIfDue(const long now_ms)
     {
      if(now_ms < m_beat_due_ms)
         return;
      m_beat_due_ms = now_ms + BEAT_MS;
      m_writer.Clear();
      m_writer.Topic(m_streams.Topic(m_beat));
      m_writer.Map(8);
      Head("beat", m_streams.Take(m_beat, 1));
      m_writer.TextField("role", m_settings.RoleName());
      m_writer.IntField("time_msc", Clock::ServerMsc());
      m_writer.Text("streams");
      WriteStreams();
      Publish();
     }

private:
   // Read the books, number and publish them.
   void              PublishBooks(const long now_ms)
     {
      m_books_event_seq = MathMin(m_watch.BooksSeq(now_ms), m_memory.Published());
      m_books_msc = Clock::ServerMsc();
      m_books_seq = m_streams.Take(m_account, 1);
      m_books.Clear();
      Books::Fields(m_books);
      m_has_books = true;
      m_writer.Clear();
      m_writer.Topic(m_streams.Topic(m_account));
      m_writer.Map(10);
      Head("snapshot", m_books_seq);
      m_writer.UintField("event_seq", m_books_event_seq);
      m_writer.IntField("time_msc", m_books_msc);
      AppendFields(m_writer);
      Publish();
     }

   void              AppendBooks(MsgpackWriter &writer)
     {
      writer.Map(6);
      writer.UintField("event_seq", m_books_event_seq);
      writer.UintField("seq", m_books_seq);
      writer.IntField("time_msc", m_books_msc);
      AppendFields(writer);
      m_has_books = false;
     }

   void              AppendFields(MsgpackWriter &writer) const
     {
      writer.Raw(m_books.data, 0, m_books.Size());
      if(!m_books.IsGood())
         writer.Fail(m_books.Problem());
     }

   void              Head(const string type, const ulong seq)
     {
      m_writer.UintField("v", WIRE_VERSION);
      m_writer.TextField("type", type);
      m_writer.UintField("login", m_memory.Login());
      m_writer.UintField("session", m_memory.Session());
      m_writer.UintField("seq", seq);
     }

   // Topics of this session that were sent on, but the heartbeats' own; at most MAP_KEYS_MAX.
   void              WriteStreams(void)
     {
      MsgpackWriter rows;
      int count = 0;
      if(m_memory.Published() > 0)
        {
         rows.UintField(m_event_topic, m_memory.Published());
         count++;
        }
      for(int i = 0; i < m_streams.Count() && count < MAP_KEYS_MAX; i++)
        {
         if(i == m_beat || m_streams.Last(i) == 0)
            continue;
         rows.UintField(m_streams.Topic(i), m_streams.Last(i));
         count++;
        }
      m_writer.Map(count);
      m_writer.Raw(rows.data, 0, rows.Size());
     }

   void              Publish(void)
     {
      if(m_writer.IsGood())
         m_transport.Publish(m_writer.data, m_writer.Size());
      else
         g_log.Repeat("not published: " + m_writer.Problem());
     }
  };

#endif
