//+------------------------------------------------------------------+
//| Desk.mqh - commands through the journal: each is executed at     |
//| most once and answered as often as it is asked. The intent is on |
//| disk before the broker hears of it, the result and its deals     |
//| before the bridge does. What nobody answered is `unknown` and is |
//| looked up until the broker's own records end it; an order is     |
//| never sent twice. A change or cancellation may be, while it has  |
//| not expired, was not recalled, and the bridge is heard. A switch |
//| that an earlier start had begun is not set again: the bridge     |
//| says what holds. Writes the events command_result, trading_state.|
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_DESK_MQH
#define ZMQ_BRIDGE_DESK_MQH

#include <ZmqBridge/Desk/Easing.mqh>
#include <ZmqBridge/Desk/Executor.mqh>
#include <ZmqBridge/Journal/Memory.mqh>
#include <ZmqBridge/Desk/Resolver.mqh>
#include <ZmqBridge/Books/Watch.mqh>

class Desk
  {
private:
   Memory           *m_memory;       // the owner's
   Watch            *m_watch;        // the owner's
   const BridgeClock *m_clock;       // the session's
   Executor          m_executor;
   long              m_settles_ms;   // 0 = an unknown outcome stays unknown
   long              m_look_again_ms;
   long              m_heard_ms;     // when the bridge last handed work out: a recall would have come with it; -1 = never
   string            m_last;         // for the operator

public:
                     Desk(Memory *memory, Watch *watch, const BridgeClock *clock) : m_memory(memory), m_watch(watch), m_clock(clock),
                     m_settles_ms(UNKNOWN_SETTLES_MS), m_look_again_ms(0), m_heard_ms(-1), m_last("none")
     {
     }

   void              Open(const double volume_max, const int unknown_settles_s)
     {
      m_executor.Open(volume_max);
      m_settles_ms = (long)unknown_settles_s * 1000;
     }

   string            Last(void) const
     {
      return(m_last);
     }

   // The bridge answered a pull: what it says of commands is of this moment.
   void              Heard(const long now_ms)
     {
      m_heard_ms = now_ms;
     }

   // Act on a command; what is to be told of it is in the memory afterwards.
   void              Handle(const Command &command, const long now_ms)
     {
      m_memory.Recall(command);
      CommandResult result;
      int act = Decide(command, now_ms, false, result);
      if(act == ACT_SEARCH)
        {
         if(Resolver::Find(command.command_id, result))
           {
            Settle(command, result);
            return;
           }
         act = Decide(command, now_ms, true, result);
        }
      if(act == ACT_REFUSE)
         Settle(command, result);
      else if(act == ACT_EXECUTE)
         Execute(command, now_ms);
      else if(act == ACT_ANSWER)
         TellResult(m_memory.commands.Find(command.command_id).result);
      else if(act == ACT_RESOLVE)
         Resolve(command.command_id, now_ms);
      m_memory.Save();
     }

   // At the start: repeat results that may not have been told, and look up what an earlier life left open.
   void              ResolveEarlier(const long now_ms)
     {
      for(int i = 0; i < m_memory.commands.Count(); i++)
        {
         JournalEntry *entry = m_memory.commands.At(i);
         if(entry.IsFinal() && !entry.is_told && !IsKept(entry.command_id))
            TellResult(entry.result);
         if(!entry.IsFinal() && !entry.is_ours)
            Resolve(entry.command_id, now_ms);
        }
      m_memory.Save();
     }

   // Look up commands that are unknown or accepted, when it is time.
   void              LookAgain(const long now_ms)
     {
      if(now_ms < m_look_again_ms)
         return;
      m_look_again_ms = now_ms + LOOK_AGAIN_MS;
      for(int i = 0; i < m_memory.commands.Count(); i++)
        {
         JournalEntry *entry = m_memory.commands.At(i);
         if(!entry.IsFinal() && entry.open_since_ms >= 0)
            Resolve(entry.command_id, now_ms);
        }
      m_memory.Save();
     }

   // Something happened to an order: look at open commands at once.
   void              Hurry(void)
     {
      m_look_again_ms = 0;
     }

   // Enforce a kill switch from here on, over restarts; told when it is another.
   void              SetTradingState(const string state, const string reason)
     {
      if(state == m_memory.TradingState())
         return;
      m_memory.SetTradingState(state);
      MsgpackWriter writer;
      writer.Map(2);
      writer.TextField("state", state);
      writer.TextField("reason", reason);
      m_memory.Tell("trading_state", writer, "", 0);
      m_memory.Save();
      Log::Say("trading is " + state + ": " + reason);
     }

private:
   int               Decide(const Command &command, const long now_ms, const bool is_searched, CommandResult &refusal) const
     {
      bool is_expired = m_clock.IsExpired(command.expires_at_ms, now_ms);
      string forbidding = IsPermitted(command) ? "" : m_memory.TradingState();
      return(m_memory.commands.Decide(command, is_expired, forbidding, m_memory.events.IsFull(), is_searched, refusal));
     }

   // By the kill switch, now.
   bool              IsPermitted(const Command &command) const
     {
      string state = m_memory.TradingState();
      return(command.IsPermitted(state, state != "active" && Easing::Only(command)));
     }

   // Whether a result of the command waits for acknowledgement.
   bool              IsKept(const string command_id) const
     {
      for(int i = m_memory.events.First(); i < m_memory.events.End(); i++)
        {
         KeptEvent *event = m_memory.events.At(i);
         if(!event.is_gone && event.command_id == command_id)
            return(true);
        }
      return(false);
     }

   // A result without an execution: refused, or found by a search.
   void              Settle(const Command &command, const CommandResult &result)
     {
      if(m_memory.Finish(result, command.kind, command.expires_at_ms))
         TellResult(result);
      JournalEntry *entry = m_memory.commands.Find(command.command_id);
      if(entry != NULL && !entry.IsFinal())
         entry.open_since_ms = Clock::NowMs();
      m_last = command.kind + " " + result.status + " " + result.message;
      m_memory.Save();
     }

   void              Execute(const Command &command, const long now_ms)
     {
      CommandResult result;
      m_memory.Begin(command);
      if(!m_memory.Save())
         result.Set(command.command_id, "rejected", "JOURNAL_NOT_WRITTEN: " + m_memory.Problem());
      else
         Carry(command, result);
      for(int i = 0; i < ArraySize(result.deals); i++)
         m_watch.Deal(result.deals[i], Clock::NowMs());
      Finish(result, Clock::NowMs());
      m_last = command.kind + " " + result.status + " " + result.retcode_name;
     }

   void              Carry(const Command &command, CommandResult &result)
     {
      if(command.kind != "set_trading_state")
        {
         m_executor.Execute(command, result);
         return;
        }
      SetTradingState(command.state, command.reason);
      result.Set(command.command_id, "done", "trading is " + command.state);
     }

   // Keep and tell a result that is news.
   void              Finish(const CommandResult &result, const long now_ms)
     {
      JournalEntry *entry = m_memory.commands.Find(result.command_id);
      if(entry == NULL)
         return;
      bool is_news = !entry.has_result || entry.result.status != result.status || result.IsFinal();
      if(!result.IsFinal() && entry.open_since_ms < 0)
         entry.open_since_ms = now_ms;
      if(is_news && m_memory.Finish(result, entry.kind, entry.expires_at_ms))
         TellResult(result);
     }

   void              TellResult(const CommandResult &result)
     {
      MsgpackWriter writer;
      result.Write(writer);
      m_memory.Tell("command_result", writer, result.command_id, 0);
     }

   // Find out what became of a command that has no final result.
   void              Resolve(const string command_id, const long now_ms)
     {
      JournalEntry *entry = m_memory.commands.Find(command_id);
      if(entry == NULL || entry.IsFinal() || TerminalInfoInteger(TERMINAL_CONNECTED) == 0)
         return;
      if(entry.open_since_ms < 0)
         entry.open_since_ms = now_ms;
      Command command;
      bool is_known = ArraySize(entry.raw) > 0 && command.ReadRaw(entry.raw);
      CommandResult result;
      if(Resolver::Find(command_id, result))
         Complete(is_known, command, result);
      else if(is_known && command.kind == "set_trading_state" && m_heard_ms >= 0)
         result.Set(command_id, "done", "trading is " + m_memory.TradingState() + ", as the bridge has it");
      else if(!is_known || Command::LeavesComment(command.kind) || !Repeated(command, entry, now_ms, result))
         NotThere(entry, now_ms, result);
      for(int i = 0; i < ArraySize(result.deals); i++)
         m_watch.Deal(result.deals[i], now_ms);
      Finish(result, now_ms);
     }

   // A close_all that was cut off has closed only some: done when nothing is left open, else to be repeated.
   static void       Complete(const bool is_known, const Command &command, CommandResult &result)
     {
      if(!is_known || command.kind != "close_all")
         return;
      for(int i = PositionsTotal() - 1; i >= 0; i--)
         if(PositionGetTicket(i) != 0 && (command.symbol == "" || PositionGetString(POSITION_SYMBOL) == command.symbol))
           {
            result.Reject("INTERRUPTED: positions are still open; close them again");
            return;
           }
     }

   // A command that does no harm twice: in effect already, or done once more while it may be. False: can't tell yet.
   bool              Repeated(const Command &command, JournalEntry *entry, const long now_ms, CommandResult &result)
     {
      if(command.kind == "set_trading_state")
         return(false);
      result.Set(command.command_id, "done", "found in effect");
      if(Resolver::IsInEffect(command))
         return(true);
      if(MayRepeat(command, entry, now_ms))
        {
         if(m_heard_ms < 0 || now_ms - m_heard_ms > LIVENESS_MS)
            return(false); // a recall may be on its way
         m_executor.Execute(command, result);
         entry.open_since_ms = Clock::NowMs(); // what is on its way has its time anew
         return(true);
        }
      if(!m_clock.IsKnown() || !IsSettled(entry, now_ms))
         return(false);
      result.Reject("NOT_IN_EFFECT: and too late to ask again");
      return(true);
     }

   bool              MayRepeat(const Command &command, const JournalEntry *entry, const long now_ms) const
     {
      long until_ms = entry.recalled_ms < 0 ? command.expires_at_ms : entry.recalled_ms;
      return(command.kind != "close_by" && !m_clock.IsExpired(until_ms, now_ms)
             && IsPermitted(command));
     }

   // Whether what would show at the broker would have shown by now.
   bool              IsSettled(const JournalEntry *entry, const long now_ms) const
     {
      return(m_settles_ms > 0 && now_ms - entry.open_since_ms >= m_settles_ms);
     }

   void              NotThere(const JournalEntry *entry, const long now_ms, CommandResult &result) const
     {
      result.Set(entry.command_id, "unknown", "not found at the broker yet");
      bool would_show = entry.kind == "" || Command::LeavesComment(entry.kind);
      if(!IsSettled(entry, now_ms) || !would_show)
         return;
      result.Reject("NEVER_ARRIVED: no order or deal of it at the broker " + (string)m_settles_ms + " ms later");
      bool was_begun_here = ArraySize(entry.raw) > 0;
      if(!was_begun_here && m_clock.IsExpired(entry.expires_at_ms, now_ms))
         result.status = "expired";
     }
  };

#endif
