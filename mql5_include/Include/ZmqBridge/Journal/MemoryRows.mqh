//+------------------------------------------------------------------+
//| MemoryRows.mqh - what the terminal must not forget, and the rows |
//| that say it. A step of the file is a MessagePack array of rows:  |
//|   [journal, id] [session, n] [trading_state, text]               |
//|   [deal_told, ticket, msc]                                       |
//|   [intent, id, kind, expires_at_ms, command]                     |
//|   [recall, id, expires_at_ms]                                    |
//|   [outcome, expires_at_ms, result] [told, id]                    |
//|   [event, map] [acks, [[session, seq], ...]]                     |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_MEMORY_ROWS_MQH
#define ZMQ_BRIDGE_MEMORY_ROWS_MQH

#include <ZmqBridge/Journal/CommandJournal.mqh>
#include <ZmqBridge/Journal/EventLog.mqh>

class MemoryRows
  {
protected:
   MsgpackWriter     m_rows;          // of the step at hand
   int               m_row_count;
   ulong             m_login;
   ulong             m_session;
   ulong             m_last_seq;
   string            m_journal;       // identity of the file
   ulong             m_last_session;  // of an earlier start
   string            m_trading_state;
   ulong             m_deal_told;
   long              m_deal_told_msc;

public:
   CommandJournal    commands;
   EventLog          events;

                     MemoryRows(void) : m_row_count(0), m_login(0), m_session(0), m_last_seq(0), m_journal(""), m_last_session(0),
                     m_trading_state("halted"), m_deal_told(0), m_deal_told_msc(0)
     {
      m_rows.Limit(STEP_BYTES_MAX);
     }

   ulong             Session(void) const
     {
      return(m_session);
     }

   ulong             Login(void) const
     {
      return(m_login);
     }

   // Identity of the file, the same over restarts.
   string            Journal(void) const
     {
      return(m_journal);
     }

   // The last session of an earlier start, 0 = none.
   ulong             LastSession(void) const
     {
      return(m_last_session);
     }

   // Number of the last event of this session.
   ulong             LastSeq(void) const
     {
      return(m_last_seq);
     }

   string            TradingState(void) const
     {
      return(m_trading_state);
     }

   void              SetTradingState(const string state)
     {
      m_trading_state = state;
      Row("trading_state", 2);
      m_rows.Text(state);
     }

   // Highest deal ticket that became an event, 0 = none ever, and the time of the newest.
   ulong             DealTold(void) const
     {
      return(m_deal_told);
     }

   long              DealToldMsc(void) const
     {
      return(m_deal_told_msc);
     }

   void              NoteDeal(const ulong ticket, const long time_msc)
     {
      m_deal_told = MathMax(m_deal_told, ticket);
      m_deal_told_msc = MathMax(m_deal_told_msc, time_msc);
      DealToldRow();
     }

protected:
   void              Row(const string name, const int count)
     {
      m_rows.Array(count);
      m_rows.Text(name);
      m_row_count++;
     }

   void              DealToldRow(void)
     {
      Row("deal_told", 3);
      m_rows.Uint(m_deal_told);
      m_rows.Int(m_deal_told_msc);
     }

   void              IntentRow(const JournalEntry *entry)
     {
      Row("intent", 5);
      m_rows.Text(entry.command_id);
      m_rows.Text(entry.kind);
      m_rows.Int(entry.expires_at_ms);
      if(ArraySize(entry.raw) > 0)
         m_rows.Raw(entry.raw, 0, ArraySize(entry.raw));
      else
         m_rows.Nil();
     }

   void              RecallRow(const JournalEntry *entry)
     {
      Row("recall", 3);
      m_rows.Text(entry.command_id);
      m_rows.Int(entry.recalled_ms);
     }

   void              OutcomeRow(const JournalEntry *entry)
     {
      Row("outcome", 3);
      m_rows.Int(entry.expires_at_ms);
      entry.result.Write(m_rows);
     }

   void              EntryRows(const JournalEntry *entry)
     {
      if(!entry.IsFinal())
         IntentRow(entry);
      if(!entry.IsFinal() && entry.recalled_ms >= 0)
         RecallRow(entry);
      if(entry.has_result)
         OutcomeRow(entry);
      if(!entry.is_told)
         return;
      Row("told", 2);
      m_rows.Text(entry.command_id);
     }
  };

#endif
