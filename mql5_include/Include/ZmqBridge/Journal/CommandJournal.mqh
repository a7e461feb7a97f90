//+------------------------------------------------------------------+
//| CommandJournal.mqh - every command at most once, whatever is     |
//| repeated, lost or killed: the decisions, without files and       |
//| without the broker (docs/wire.md, "At most once").               |
//|   has a final result, or accepted by this start  -> ANSWER       |
//|   being executed                                 -> IGNORE       |
//|   unknown, or begun by an earlier start          -> RESOLVE      |
//|   no trace, handed out before                    -> SEARCH       |
//|     not found, and would be refused: `unknown`   -> REFUSE       |
//|   expired, forbidden, unreadable, full           -> REFUSE       |
//|   no trace                                       -> EXECUTE      |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_COMMAND_JOURNAL_MQH
#define ZMQ_BRIDGE_COMMAND_JOURNAL_MQH

#include <ZmqBridge/Desk/Command.mqh>
#include <ZmqBridge/Desk/CommandResult.mqh>

#define REFUSALS_FACTOR 2  // refusals are remembered too, up to so many times JOURNAL_COMMANDS_MAX

enum JOURNAL_ACT
  {
   ACT_EXECUTE,
   ACT_ANSWER,
   ACT_IGNORE,
   ACT_RESOLVE,
   ACT_SEARCH,
   ACT_REFUSE
  };

class JournalEntry
  {
public:
   string            command_id;
   string            kind;
   long              expires_at_ms;
   bool              has_result;
   CommandResult     result;
   bool              is_ours;       // begun by this program start
   bool              is_told;       // the bridge acknowledged the final result
   long              open_since_ms; // monotonic; -1 = not being looked up
   long              recalled_ms;   // bridge clock: until when it may be begun again since it was recalled; -1 = it was not
   uchar             raw[];         // the command as it was asked, until its final result

                     JournalEntry(void) : command_id(""), kind(""), expires_at_ms(0), has_result(false), is_ours(false),
                     is_told(false), open_since_ms(-1), recalled_ms(-1)
     {
     }

   bool              IsFinal(void) const
     {
      return(has_result && result.IsFinal());
     }

   // Take in that it may be begun until an earlier time only; false when that is no news.
   bool              Recall(const long expires_ms)
     {
      if(IsFinal() || expires_ms >= (recalled_ms < 0 ? expires_at_ms : recalled_ms))
         return(false);
      recalled_ms = expires_ms;
      return(true);
     }
  };

class CommandJournal
  {
private:
   JournalEntry     *m_entries[];

public:
                    ~CommandJournal(void)
     {
      for(int i = 0; i < ArraySize(m_entries); i++)
         delete m_entries[i];
     }

   int               Count(void) const
     {
      return(ArraySize(m_entries));
     }

   JournalEntry     *At(const int i) const
     {
      return(m_entries[i]);
     }

   // NULL when the command is not known here.
   JournalEntry     *Find(const string command_id) const
     {
      for(int i = ArraySize(m_entries) - 1; i >= 0; i--)
         if(m_entries[i].command_id == command_id)
            return(m_entries[i]);
      return(NULL);
     }

   // What to do about a command; for REFUSE `refusal` says why. `forbidding` is the trading state that forbids it; "" = none.
   int               Decide(const Command &command, const bool is_expired, const string forbidding, const bool is_log_full,
                            const bool is_searched, CommandResult &refusal) const
     {
      JournalEntry *entry = Find(command.command_id);
      if(entry != NULL)
         return(Again(entry));
      if(!is_searched && command.attempt > 1 && Command::LeavesComment(command.kind))
         return(ACT_SEARCH);
      bool is_switch = command.kind == "set_trading_state" && command.problem == "";
      if(Count() >= REFUSALS_FACTOR * JOURNAL_COMMANDS_MAX && !is_switch)
         return(ACT_IGNORE);
      refusal.Set(command.command_id, "rejected", "");
      if(command.problem != "")
         refusal.message = command.problem;
      else if(is_expired)
         refusal.Set(command.command_id, "expired", "EXPIRED: expires_at_ms=" + (string)command.expires_at_ms);
      else if(forbidding != "")
         refusal.message = "TRADING_STATE: " + command.kind + (command.IsChange() ? " that does more than ease" : "")
                           + " is not permitted while " + forbidding;
      else if((is_log_full || Count() >= JOURNAL_COMMANDS_MAX) && !is_switch)
         refusal.message = "JOURNAL_FULL: " + (string)Count() + " commands kept, or too many events";
      else
         return(ACT_EXECUTE);
      if(is_searched && command.problem == "")
         refusal.Set(command.command_id, "unknown", "not found at the broker yet; " + refusal.message);
      return(ACT_REFUSE);
     }

   // Note that a command is begun; nothing is known of it yet.
   JournalEntry     *Begin(const string command_id, const string kind, const long expires_at_ms, const bool is_ours)
     {
      JournalEntry *entry = Find(command_id);
      if(entry != NULL)
         return(entry);
      entry = new JournalEntry();
      entry.command_id = command_id;
      entry.kind = kind;
      entry.expires_at_ms = expires_at_ms;
      entry.is_ours = is_ours;
      int count = ArraySize(m_entries);
      ArrayResize(m_entries, count + 1, 256);
      m_entries[count] = entry;
      return(entry);
     }

   // Take in a result. A final one is only ever replaced by the same status.
   bool              Finish(const CommandResult &result)
     {
      JournalEntry *entry = Find(result.command_id);
      if(entry == NULL || (entry.IsFinal() && entry.result.status != result.status))
         return(false);
      entry.result.CopyFrom(result);
      entry.has_result = true;
      if(result.IsFinal())
        {
         entry.open_since_ms = -1;
         ArrayResize(entry.raw, 0);
        }
      return(true);
     }

   // Note that the bridge acknowledged a final result; false when that is no news.
   bool              Told(const string command_id)
     {
      JournalEntry *entry = Find(command_id);
      if(entry == NULL || !entry.IsFinal() || entry.is_told)
         return(false);
      entry.is_told = true;
      return(true);
     }

   // Forget what can do no harm: final, told, and expired, so that even a repeat would not be executed.
   void              Forget(const long bridge_now_ms)
     {
      int kept = 0;
      int count = ArraySize(m_entries);
      for(int i = 0; i < count; i++)
        {
         JournalEntry *entry = m_entries[i];
         if(entry.is_told && entry.expires_at_ms <= bridge_now_ms)
           {
            delete entry;
            continue;
           }
         m_entries[kept] = entry;
         kept++;
        }
      ArrayResize(m_entries, kept, 256);
     }

private:
   static int        Again(const JournalEntry *entry)
     {
      if(!entry.has_result)
         return(entry.is_ours ? ACT_IGNORE : ACT_RESOLVE);
      bool is_left_open = !entry.result.IsFinal() && !entry.is_ours;
      return(is_left_open || entry.result.status == "unknown" ? ACT_RESOLVE : ACT_ANSWER);
     }
  };

#endif
