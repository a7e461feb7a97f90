//+------------------------------------------------------------------+
//| Talk.mqh - the talk with the bridge: what each reply means.      |
//| Reads welcome, work, received, farewell and error.               |
//| Commands of a `work` wait here in order, and the program carries |
//| them out; the table of states is Session's.                      |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_TALK_MQH
#define ZMQ_BRIDGE_TALK_MQH

#include <ZmqBridge/Desk/Desk.mqh>
#include <ZmqBridge/Talk/TalkRequests.mqh>

class Talk : public TalkRequests
  {
private:
   Desk             *m_desk;        // the owner's
   CommandQueue      m_commands;    // of the last work, to be executed
   uchar             m_reply[];
   MsgpackTree       m_tree;
   bool              m_is_welcomed; // since the last call of TookWelcome
   long              m_deals_from_msc;
   string            m_last_error;

public:
                     Talk(Transport *transport, Memory *memory, Specs *specs, Reports *reports, const Settings *settings) :
                     TalkRequests(transport, memory, specs, reports, settings), m_desk(NULL), m_is_welcomed(false),
                     m_deals_from_msc(0), m_last_error("")
     {
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

   // The next command to be executed; the caller deletes it. NULL = none.
   Command          *NextCommand(void)
     {
      return(m_commands.Shift());
     }

   // Whether the bridge welcomed us since this was asked last; then deals are to be told from `deals_from_msc` on.
   bool              TookWelcome(long &deals_from_msc)
     {
      bool is_welcomed = m_is_welcomed;
      m_is_welcomed = false;
      deals_from_msc = m_deals_from_msc;
      return(is_welcomed);
     }

private:
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
      m_desk.Heard(now_ms);
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
         if(m_fetches.Count() < FETCHES_MAX && !m_fetches.HasFetch(command))
           {
            m_fetches.Push(command);
            return;
           }
        }
      else if(!is_fetch && m_settings.HasDesk())
        {
         m_commands.Push(command);
         return;
        }
      delete command;
     }
  };

#endif
