//+------------------------------------------------------------------+
//| TalkRequests.mqh - what we ask of the bridge. Writes hello, pull, |
//| history, symbols and bye; which is sent next, Session says.      |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_TALK_REQUESTS_MQH
#define ZMQ_BRIDGE_TALK_REQUESTS_MQH

#include <ZmqBridge/Desk/CommandQueue.mqh>
#include <ZmqBridge/Talk/Reports.mqh>
#include <ZmqBridge/Talk/ServerOffset.mqh>
#include <ZmqBridge/Talk/Session.mqh>
#include <ZmqBridge/Ticks/TickHistory.mqh>

#define PROGRAM_NAME "ZmqBridge Expert Advisor"
#define PROGRAM_VERSION "1.00"
#define SPEC_BYTES_MAX 3500000   // of one message; what is left follows in `symbols`

class TalkRequests
  {
protected:
   Transport        *m_transport;   // the owner's
   Memory           *m_memory;      // the owner's
   Specs            *m_specs;       // the owner's
   Reports          *m_reports;     // the owner's
   const Settings   *m_settings;    // the owner's
   TickHistory       m_history;
   CommandQueue      m_fetches;     // history to be sent
   ServerOffset      m_offset;
   MsgpackWriter     m_writer;

public:
   Session           session;

                     TalkRequests(Transport *transport, Memory *memory, Specs *specs, Reports *reports, const Settings *settings) :
                     m_transport(transport), m_memory(memory), m_specs(specs), m_reports(reports), m_settings(settings)
     {
     }

   // Send the next request when one is wanted.
   void              Send(const long now_ms)
     {
      string wanted = session.Wants(now_ms);
      if(wanted == "hello")
         GreetAnew(now_ms);
      else if(wanted == "request" && m_offset.IsDue(Clock::ServerOffsetS(), now_ms))
        {
         Log::Say("the trade server's clock was moved, it is now UTC plus " + (string)Clock::ServerOffsetS() + " s: telling the bridge");
         SendHello(now_ms);
        }
      else if(wanted == "request")
         SendRequest(now_ms);
     }

   // Take leave, if nothing is outstanding.
   bool              SayBye(const string reason, const long now_ms)
     {
      if(session.State() != SESSION_READY)
         return(false);
      Head("bye", 5);
      m_writer.TextField("reason", reason);
      Ask("bye", 0, now_ms);
      return(true);
     }

protected:
   void              Head(const string type, const int fields)
     {
      m_writer.Clear();
      m_writer.Map(fields);
      m_writer.UintField("v", WIRE_VERSION);
      m_writer.TextField("type", type);
      m_writer.UintField("login", m_memory.Login());
      m_writer.UintField("session", m_memory.Session());
     }

   // What can't leave now counts as lost in time.
   void              Ask(const string type, const int wait_ms, const long now_ms)
     {
      if(!m_writer.IsGood())
         Log::Say(type + " is not sent: " + m_writer.Problem());
      else
         m_transport.Ask(m_writer.data, m_writer.Size());
      session.Sent(type, wait_ms, now_ms);
     }

   // Nothing that was said before is answered any more.
   void              GreetAnew(const long now_ms)
     {
      if(!m_transport.Reopen(now_ms))
         g_log.Repeat(m_transport.Problem());
      SendHello(now_ms);
     }

   void              SendHello(const long now_ms)
     {
      long offset_s = Clock::ServerOffsetS();
      m_offset.Told(offset_s);
      m_specs.FollowMarketWatch();
      Head("hello", 14);
      m_writer.ArrayField("versions", 1);
      m_writer.Uint(WIRE_VERSION);
      m_writer.TextField("server", AccountInfoString(ACCOUNT_SERVER));
      m_writer.TextField("role", m_settings.RoleName());
      m_writer.Text("program");
      m_writer.Map(3);
      m_writer.TextField("name", PROGRAM_NAME);
      m_writer.TextField("version", PROGRAM_VERSION);
      m_writer.UintField("build", (ulong)TerminalInfoInteger(TERMINAL_BUILD));
      m_writer.IntField("clock_ms", Clock::UtcMs());
      m_writer.IntField("server_offset_s", offset_s);
      m_writer.TextField("journal", m_memory.Journal());
      m_writer.UintField("journal_session", m_memory.LastSession());
      m_writer.Text("snapshot");
      if(m_settings.HasDesk())
         m_reports.WriteBooks(m_writer, now_ms);
      else
         m_writer.Nil();
      m_writer.Text("symbols");
      m_specs.ForgetAll(now_ms);
      WriteSpecs();
      Ask("hello", 0, now_ms);
     }

   // An array of the specifications that the bridge does not have; those that don't fit are left for the next message.
   int               WriteSpecs(void)
     {
      MsgpackWriter rows;
      int count = 0;
      for(int i = 0; i < m_specs.Count() && count < SYMBOLS_PER_MESSAGE_MAX && rows.Size() < SPEC_BYTES_MAX; i++)
        {
         if(m_specs.IsTold(i))
            continue;
         MsgpackWriter one;
         if(m_specs.Tell(i, one))
           {
            rows.Raw(one.data, 0, one.Size());
            count++;
           }
        }
      m_writer.Array(count);
      m_writer.Raw(rows.data, 0, rows.Size());
      return(count);
     }

   // history and symbols go before the next pull.
   void              SendRequest(const long now_ms)
     {
      if(SendFetched(now_ms) || SendSymbols(now_ms))
         return;
      Head("pull", 7);
      m_writer.UintField("wait_ms", (ulong)session.wait_ms_max);
      WriteEvents();
      m_writer.Text("snapshot");
      m_reports.WriteNews(m_writer);
      Ask("pull", session.wait_ms_max, now_ms);
     }

   bool              SendFetched(const long now_ms)
     {
      Command *fetch = m_fetches.Shift();
      if(fetch == NULL)
         return(false);
      m_writer.Clear();
      m_history.Answer(fetch, m_memory.Login(), m_memory.Session(), m_writer);
      delete fetch;
      Ask("history", 0, now_ms);
      return(true);
     }

   // A feed brings changed specifications by `symbols`; a desk tells them as events. Both bring by `symbols` what did not
   // fit into hello, and all of them again when it is time.
   bool              SendSymbols(const long now_ms)
     {
      if(m_specs.IsDue(now_ms))
         m_specs.ForgetAll(now_ms);
      if(!m_specs.TookNews())
         return(false);
      Head("symbols", 5);
      m_writer.Text("symbols");
      int count = WriteSpecs();
      if(count == 0)
         return(false);
      Ask("symbols", 0, now_ms);
      m_specs.HaveNews();
      return(true);
     }

   void              WriteEvents(void)
     {
      MsgpackWriter rows;
      int count = 0;
      int bytes = 0;
      for(int i = m_memory.events.First(); i < m_memory.events.End() && count < EVENTS_PER_PULL_MAX; i++)
        {
         KeptEvent *event = m_memory.events.At(i);
         if(event.is_gone)
            continue;
         if(!event.is_saved || bytes + ArraySize(event.bytes) > FRAME_BYTES_MAX / 2)
            break;
         rows.Raw(event.bytes, 0, ArraySize(event.bytes));
         bytes += ArraySize(event.bytes);
         count++;
        }
      m_writer.ArrayField("events", count);
      m_writer.Raw(rows.data, 0, rows.Size());
     }
  };

#endif
