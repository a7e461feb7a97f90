//+------------------------------------------------------------------+
//| Talk.mqh - the talk with the bridge: which request is sent next, |
//| and what each reply means. Writes hello, pull, history, symbols  |
//| and bye; reads welcome, work, received, farewell and error.      |
//| Commands of a `work` wait here in order, and the program carries |
//| them out; the table of states is Session's.                      |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_TALK_MQH
#define ZMQ_BRIDGE_TALK_MQH

#include <ZmqBridge/Desk.mqh>
#include <ZmqBridge/Reports.mqh>
#include <ZmqBridge/Session.mqh>
#include <ZmqBridge/TickHistory.mqh>

#define PROGRAM_NAME "ZmqBridge Expert Advisor"
#define PROGRAM_VERSION "1.00"
#define SPEC_BYTES_MAX 3500000   // of one message; what is left follows in `symbols`

class Talk
  {
private:
   Transport        *m_transport;   // the owner's
   Memory           *m_memory;      // the owner's
   Specs            *m_specs;       // the owner's
   Desk             *m_desk;        // the owner's
   Watch            *m_watch;       // the owner's
   Reports          *m_reports;     // the owner's
   const Settings   *m_settings;    // the owner's
   TickHistory       m_history;
   Command          *m_commands[];  // of the last work, to be executed
   Command          *m_fetches[];   // history to be sent
   uchar             m_reply[];
   MsgpackTree       m_tree;
   MsgpackWriter     m_writer;
   bool              m_is_welcomed; // since the last call of TookWelcome
   long              m_deals_from_msc;
   string            m_last_error;

public:
   Session           session;

                     Talk(Transport *transport, Memory *memory, Specs *specs, Watch *watch, Reports *reports, const Settings *settings) :
                     m_transport(transport), m_memory(memory), m_specs(specs), m_desk(NULL), m_watch(watch), m_reports(reports),
                     m_settings(settings), m_is_welcomed(false), m_deals_from_msc(0), m_last_error("")
     {
     }

                    ~Talk(void)
     {
      for(int i = 0; i < ArraySize(m_commands); i++)
         delete m_commands[i];
      for(int i = 0; i < ArraySize(m_fetches); i++)
         delete m_fetches[i];
     }

   void              Open(Desk *desk)
     {
      m_desk = desk;
      session.Open(m_memory.Session());
     }

   string            LastError(void) const
     {
      return(m_last_error);
     }

   // Take a reply, waiting at most `wait_ms`; true when there was one.
   bool              Receive(const int wait_ms)
     {
      if(session.Outstanding() == "")
         return(false);
      int size = m_transport.Answer(m_reply, wait_ms);
      if(size == -1)
         return(false);
      long now = Clock::NowMs();
      if(size < 0 || !m_tree.Read(m_reply, 0, size))
         Garbled(size < 0 ? "expected a reply of one frame" : m_tree.Problem(), now);
      else
         Reply(now);
      return(true);
     }

   // Send the next request when one is wanted.
   void              Send(const long now_ms)
     {
      string wanted = session.Wants(now_ms);
      if(wanted == "hello")
         SendHello(now_ms);
      else if(wanted == "request")
         SendRequest(now_ms);
     }

   // The next command to be executed; the caller deletes it. NULL = none.
   Command          *NextCommand(void)
     {
      return(Shift(m_commands));
     }

   // Whether the bridge welcomed us since this was asked last; then deals are to be told from `deals_from_msc` on.
   bool              TookWelcome(long &deals_from_msc)
     {
      bool is_welcomed = m_is_welcomed;
      m_is_welcomed = false;
      deals_from_msc = m_deals_from_msc;
      return(is_welcomed);
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

private:
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

   void              SendHello(const long now_ms)
     {
      if(!m_transport.Reopen(now_ms))
         g_log.Repeat(m_transport.Problem());
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
      m_writer.IntField("server_offset_s", Clock::ServerOffsetS());
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
         if(m_specs.Write(i, one))
           {
            rows.Raw(one.data, 0, one.Size());
            count++;
           }
         m_specs.NoteTold(i);
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
      Command *fetch = Shift(m_fetches);
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

   void              Garbled(const string problem, const long now_ms)
     {
      m_last_error = "a reply of the bridge can't be read: " + problem;
      g_log.Repeat(m_last_error);
      session.Garbled(now_ms);
     }

   void              Reply(const long now_ms)
     {
      Fields fields;
      fields.Begin(m_tree, 0);
      string type = fields.Text("type", "", true, 1, TEXT_BYTES_MAX);
      if(fields.Problem() == "" && type == "error")
        {
         Refused(fields, now_ms);
         return;
        }
      ulong version = fields.Uint("v", 0, true, 0, UINT_MAX);
      ulong number = fields.Uint("session", 0, true, 1, ULONG_MAX);
      long bridge_ms = fields.Ms("now_ms", 0, true);
      if(fields.Problem() == "" && version != WIRE_VERSION)
         Garbled("v: expected " + (string)WIRE_VERSION + ", found " + (string)version, now_ms);
      else if(fields.Problem() != "")
         Garbled(fields.Problem(), now_ms);
      else if(type == "welcome")
         Welcome(fields, number, bridge_ms, now_ms);
      else if(type == "work")
         Work(fields, number, bridge_ms, now_ms);
      else if(!session.Answered(type, number, bridge_ms, now_ms))
         m_last_error = "expected the reply to a request, found " + type;
     }

   void              Refused(Fields &fields, const long now_ms)
     {
      string code = fields.Text("code", "", true, 1, TEXT_BYTES_MAX);
      string message = fields.Text("message", "", false, 0, TEXT_BYTES_MAX);
      string expected = fields.Text("expected", "", false, 0, TEXT_BYTES_MAX);
      string found = fields.Text("found", "", false, 0, TEXT_BYTES_MAX);
      m_last_error = "the bridge says " + code + ": " + message + (expected == "" ? "" : ", expected " + expected + ", found " + found);
      if(code == "UNKNOWN_SESSION")
         Log::Say("the bridge restarted, greeting it anew");
      else
         g_log.Repeat(m_last_error);
      if(session.Outstanding() == "symbols")
         m_specs.Retry(now_ms);
      session.Refused(code, now_ms);
     }

   void              Welcome(Fields &fields, const ulong number, const long bridge_ms, const long now_ms)
     {
      string state = fields.Word("trading_state", "", true, "|active|reducing|halted|");
      long from_msc = fields.Ms("deals_from_msc", 0, true);
      ulong wait_ms = fields.Uint("wait_ms_max", WAIT_MS_MAX, true, 0, UINT_MAX);
      if(fields.Problem() != "")
        {
         Garbled(fields.Problem(), now_ms);
         return;
        }
      if(!session.Answered("welcome", number, bridge_ms, now_ms))
         return;
      Log::Say("welcomed by the bridge, trading is " + state);
      session.wait_ms_max = (int)MathMin(wait_ms, WAIT_MS_MAX);
      m_deals_from_msc = from_msc;
      m_is_welcomed = true;
      m_last_error = "";
      SetTradingState(state);
     }

   void              SetTradingState(const string state)
     {
      if(m_settings.HasDesk())
         m_desk.SetTradingState(state, "as the bridge has it");
     }

   void              Work(Fields &fields, const ulong number, const long bridge_ms, const long now_ms)
     {
      string state = fields.Word("trading_state", "", true, "|active|reducing|halted|");
      int commands = m_tree.Field(0, "commands");
      int acks = m_tree.Field(0, "acks");
      bool is_whole = fields.Problem() == "" && IsList(commands, COMMANDS_PER_WORK_MAX) && IsList(acks, ACKS_PER_WORK_MAX) && AreAcks(acks);
      if(!is_whole)
        {
         Garbled("work: expected trading_state, commands and acks. " + fields.Problem(), now_ms);
         return;
        }
      if(!session.Answered("work", number, bridge_ms, now_ms))
         return;
      TakeAcks(acks, now_ms);
      SetTradingState(state);
      int node = commands + 1;
      for(int i = 0; commands >= 0 && i < m_tree.Size(commands); i++)
        {
         TakeCommand(node);
         node = m_tree.Next(node);
        }
     }

   // An array of at most `most`, or nothing.
   bool              IsList(const int node, const int most) const
     {
      return(node < 0 || (m_tree.IsArray(node) && m_tree.Size(node) <= most));
     }

   bool              AreAcks(const int list) const
     {
      int node = list + 1;
      for(int i = 0; list >= 0 && i < m_tree.Size(list); i++)
        {
         if(!m_tree.IsArray(node) || m_tree.Size(node) != 2 || m_tree.Kind(node + 1) != MSGPACK_UINT || m_tree.Kind(node + 2) != MSGPACK_UINT)
            return(false);
         node = m_tree.Next(node);
        }
      return(true);
     }

   void              TakeAcks(const int list, const long now_ms)
     {
      int count = list < 0 ? 0 : m_tree.Size(list);
      if(count == 0)
         return;
      ulong sessions[];
      ulong seqs[];
      ArrayResize(sessions, count);
      ArrayResize(seqs, count);
      int node = list + 1;
      for(int i = 0; i < count; i++)
        {
         sessions[i] = m_tree.Bits(node + 1);
         seqs[i] = m_tree.Bits(node + 2);
         node = m_tree.Next(node);
        }
      m_memory.Acknowledge(sessions, seqs, count);
      if(session.clock.IsKnown())
         m_memory.commands.Forget(session.clock.NowMs(now_ms));
     }

   void              TakeCommand(const int node)
     {
      Command *command = new Command();
      bool is_fetch = command.Read(m_tree, node) && command.kind == "fetch_ticks" && command.problem == "";
      if(command.command_id == "" || StringLen(command.command_id) != ID_CHARS)
         Log::Say("a command can't be answered: " + command.problem);
      else if(is_fetch && m_settings.HasFeed())
        {
         if(ArraySize(m_fetches) < FETCHES_MAX && !IsFetching(command))
           {
            Push(m_fetches, command);
            return;
           }
        }
      else if(!is_fetch && m_settings.HasDesk())
        {
         Push(m_commands, command);
         return;
        }
      delete command;
     }

   bool              IsFetching(const Command *command) const
     {
      for(int i = 0; i < ArraySize(m_fetches); i++)
         if(m_fetches[i].command_id == command.command_id && m_fetches[i].skip == command.skip)
            return(true);
      return(false);
     }

   static void       Push(Command *&list[], Command *command)
     {
      int count = ArraySize(list);
      ArrayResize(list, count + 1, 64);
      list[count] = command;
     }

   static Command   *Shift(Command *&list[])
     {
      int count = ArraySize(list);
      if(count == 0)
         return(NULL);
      Command *first = list[0];
      for(int i = 1; i < count; i++)
         list[i - 1] = list[i];
      ArrayResize(list, count - 1, 64);
      return(first);
     }
  };

#endif
