//+------------------------------------------------------------------+
//| Memory.mqh - what the terminal must not forget, in one file:     |
//| session, kill switch, commands, unacknowledged events, deals     |
//| told. One step of the file holds all that must become true       |
//| together. A step is a MessagePack array of rows:                 |
//|   [journal, id] [session, n] [trading_state, text]               |
//|   [deal_told, ticket, msc]                                       |
//|   [intent, id, kind, expires_at_ms, command]                     |
//|   [outcome, expires_at_ms, result] [told, id]                    |
//|   [event, map] [acks, [[session, seq], ...]]                     |
//| A step that could not be written is kept, and the whole file is  |
//| written anew as soon as that works; until then Save() is false   |
//| and no command is begun.                                         |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_MEMORY_MQH
#define ZMQ_BRIDGE_MEMORY_MQH

#include <ZmqBridge/Clock.mqh>
#include <ZmqBridge/CommandJournal.mqh>
#include <ZmqBridge/EventLog.mqh>
#include <ZmqBridge/Log.mqh>
#include <ZmqBridge/RecordFile.mqh>

#define PLACES 4  // roles of one login, and one to spare

class Memory
  {
private:
   RecordFile        m_file;
   MsgpackWriter     m_rows;          // of the step at hand
   int               m_row_count;
   bool              m_is_whole;      // the file holds all that was saved
   long              m_size_rewritten;
   ulong             m_login;
   ulong             m_session;
   ulong             m_last_seq;
   string            m_journal;       // identity of the file
   ulong             m_last_session;  // of an earlier start
   string            m_trading_state;
   ulong             m_deal_told;
   long              m_deal_told_msc;
   ulong             m_published;     // seq up to which events of this session were handed to PUB
   ulong             m_saved;         // seq up to which they are on disk
   MsgpackTree       m_tree;

public:
   CommandJournal    commands;
   EventLog          events;

                     Memory(void) : m_row_count(0), m_is_whole(true), m_size_rewritten(0), m_login(0), m_session(0), m_last_seq(0),
                     m_journal(""), m_last_session(0), m_trading_state("halted"), m_deal_told(0), m_deal_told_msc(0), m_published(0), m_saved(0)
     {
      m_rows.Limit(STEP_BYTES_MAX);
     }

   // Read the file back, draw a new session number and put it on disk; false = Problem(). Programs of one login that
   // start at once get different numbers by their `place` (0 to 3).
   bool              Open(const string name, const ulong login, const long now_ms, const ulong place)
     {
      m_login = login;
      if(!m_file.Open(name))
         return(false);
      uchar step[];
      while(m_file.Next(step))
         if(!RestoreStep(step))
            return(false);
      if(m_file.Problem() != "")
         return(false);
      m_session = (ulong)MathMax(now_ms, (long)m_last_session + 1);
      while(m_session % PLACES != place)
         m_session++;
      if(m_journal == "")
         m_journal = NewIdentity(now_ms);
      m_is_whole = Rewrite();
      return(m_is_whole);
     }

   string            Problem(void) const
     {
      return(m_file.Problem() != "" ? m_file.Problem() : "journal: expected rows of a terminal's memory, found others");
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

   // Make an event of `data`; it may be sent after the next Save(). Returns its number, 0 = it could not be written.
   ulong             Tell(const string kind, const MsgpackWriter &data, const string command_id, const ulong deal)
     {
      MsgpackWriter writer;
      writer.Map(7);
      writer.UintField("v", WIRE_VERSION);
      writer.TextField("type", "event");
      writer.UintField("login", m_login);
      writer.UintField("session", m_session);
      writer.UintField("seq", m_last_seq + 1);
      writer.TextField("kind", kind);
      writer.Text("data");
      writer.Raw(data.data, 0, data.Size());
      if(!data.IsGood() || !writer.IsGood())
        {
         Log::Say("event " + kind + " could not be written: " + data.Problem() + writer.Problem());
         return(0);
        }
      m_last_seq++;
      KeptEvent *event = new KeptEvent();
      event.session = m_session;
      event.seq = m_last_seq;
      event.kind = kind;
      event.command_id = command_id;
      event.deal = deal;
      ArrayResize(event.bytes, writer.Size());
      ArrayCopy(event.bytes, writer.data, 0, 0, writer.Size());
      events.Add(event);
      if(m_rows.Size() > STEP_SPLIT_BYTES)
         Write(true);
      Row("event", 2);
      m_rows.Raw(event.bytes, 0, ArraySize(event.bytes));
      return(m_last_seq);
     }

   // Note the intent to execute a command, with the whole command.
   void              Begin(const Command &command)
     {
      JournalEntry *entry = commands.Begin(command.command_id, command.kind, command.expires_at_ms, true);
      ArrayCopy(entry.raw, command.raw, 0, 0, ArraySize(command.raw));
      IntentRow(entry);
     }

   // Note what became of a command; false when it ended otherwise before.
   bool              Finish(const CommandResult &result, const string kind, const long expires_at_ms)
     {
      JournalEntry *entry = commands.Begin(result.command_id, kind, expires_at_ms, true);
      if(!commands.Finish(result))
         return(false);
      OutcomeRow(entry);
      return(true);
     }

   // Forget events that the bridge has committed. Losing this costs a repeat, so nobody waits for the disk.
   void              Acknowledge(const ulong &sessions[], const ulong &seqs[], const int count)
     {
      Save();
      MsgpackWriter pairs;
      int gone = 0;
      for(int i = 0; i < count; i++)
        {
         KeptEvent *event = events.Find(sessions[i], seqs[i]);
         if(event == NULL)
            continue;
         pairs.Array(2);
         pairs.Uint(event.session);
         pairs.Uint(event.seq);
         gone++;
         if(event.command_id != "" && commands.Told(event.command_id))
           {
            Row("told", 2);
            m_rows.Text(event.command_id);
           }
         events.Remove(event);
        }
      if(gone == 0)
         return;
      Row("acks", 2);
      m_rows.Array(gone);
      m_rows.Raw(pairs.data, 0, pairs.Size());
      Write(false);
     }

   // Bring everything since the last time to the disk, as one step.
   bool              Save(void)
     {
      if(m_row_count > 0 && !Write(true))
         return(false);
      if(m_row_count == 0 && !m_is_whole && !Rewritten())
         return(false);
      MarkSaved();
      if(m_file.Size() > m_size_rewritten + JOURNAL_GROWTH_BYTES)
         Rewritten();
      return(m_is_whole);
     }

   // The next event of this session that is on disk and was not handed to PUB yet; NULL = none.
   KeptEvent        *NextToPublish(void)
     {
      while(m_published < m_saved)
        {
         m_published++;
         KeptEvent *event = events.Find(m_session, m_published);
         if(event != NULL)
            return(event);
        }
      return(NULL);
     }

   // Number of the last event of this session that was handed to PUB.
   ulong             Published(void) const
     {
      return(m_published);
     }

   void              Close(void)
     {
      Save();
      m_file.Close();
     }

private:
   static string     NewIdentity(const long now_ms)
     {
      MathSrand((int)(GetMicrosecondCount() % 2147483647));
      string text = (string)now_ms;
      for(int i = 0; i < 4; i++)
         text += "-" + (string)MathRand();
      return(text);
     }

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

   void              OutcomeRow(const JournalEntry *entry)
     {
      Row("outcome", 3);
      m_rows.Int(entry.expires_at_ms);
      entry.result.Write(m_rows);
     }

   // Make a step of the rows: their array's head, then the rows.
   void              Step(MsgpackWriter &step)
     {
      step.Limit(STEP_BYTES_MAX);
      step.Array(m_row_count);
      step.Raw(m_rows.data, 0, m_rows.Size());
      if(!m_rows.IsGood())
         step.Fail(m_rows.Problem());
      m_rows.Clear();
      m_row_count = 0;
     }

   bool              Write(const bool is_durable)
     {
      MsgpackWriter step;
      Step(step);
      if(!m_is_whole)
         return(Rewritten());
      m_is_whole = step.IsGood() && m_file.Append(step.data, step.Size(), is_durable);
      return(m_is_whole ? true : Rewritten());
     }

   bool              Rewritten(void)
     {
      m_is_whole = Rewrite();
      if(!m_is_whole)
         g_log.Repeat("the journal can't be written, no command is begun until it can: " + m_file.Problem());
      return(m_is_whole);
     }

   void              MarkSaved(void)
     {
      for(int i = events.End() - 1; i >= events.First(); i--)
        {
         KeptEvent *event = events.At(i);
         if(event.is_saved)
            break;
         event.is_saved = true;
        }
      m_saved = m_last_seq;
     }

   // Write the file anew with what is still of use.
   bool              Rewrite(void)
     {
      m_rows.Clear();
      m_row_count = 0;
      if(!m_file.Begin())
         return(false);
      Row("journal", 2);
      m_rows.Text(m_journal);
      Row("session", 2);
      m_rows.Uint(m_session);
      Row("trading_state", 2);
      m_rows.Text(m_trading_state);
      DealToldRow();
      for(int i = 0; i < commands.Count(); i++)
        {
         EntryRows(commands.At(i));
         if(m_rows.Size() > STEP_SPLIT_BYTES && !AddStep())
            return(false);
        }
      if(!AddStep())
         return(false);
      for(int i = events.First(); i < events.End(); i++)
        {
         KeptEvent *event = events.At(i);
         if(event.is_gone)
            continue;
         Row("event", 2);
         m_rows.Raw(event.bytes, 0, ArraySize(event.bytes));
         if(m_rows.Size() > STEP_SPLIT_BYTES && !AddStep())
            return(false);
        }
      if(!AddStep() || !m_file.Replace())
         return(false);
      m_size_rewritten = m_file.Size();
      return(true);
     }

   bool              AddStep(void)
     {
      MsgpackWriter step;
      Step(step);
      return(step.IsGood() && m_file.Add(step.data, step.Size()));
     }

   void              EntryRows(const JournalEntry *entry)
     {
      if(!entry.IsFinal())
         IntentRow(entry);
      if(entry.has_result)
         OutcomeRow(entry);
      if(!entry.is_told)
         return;
      Row("told", 2);
      m_rows.Text(entry.command_id);
     }

   bool              RestoreStep(const uchar &step[])
     {
      if(!m_tree.Read(step, 0, ArraySize(step)) || !m_tree.IsArray(0))
         return(false);
      int row = 1;
      for(int i = 0; i < m_tree.Size(0); i++)
        {
         if(!m_tree.IsArray(row) || m_tree.Size(row) < 2 || !RestoreRow(m_tree.Text(row + 1), m_tree.Next(row + 1)))
            return(false);
         row = m_tree.Next(row);
        }
      return(true);
     }

   // `first` is the node behind the row's name.
   bool              RestoreRow(const string name, const int first)
     {
      if(name == "session")
         m_last_session = m_tree.Bits(first);
      else if(name == "journal")
         m_journal = m_tree.Text(first);
      else if(name == "trading_state")
         m_trading_state = m_tree.Text(first);
      else if(name == "deal_told")
        {
         m_deal_told = m_tree.Bits(first);
         m_deal_told_msc = (long)m_tree.Bits(m_tree.Next(first));
        }
      else if(name == "intent")
         RestoreIntent(first);
      else if(name == "outcome")
         return(RestoreOutcome(first));
      else if(name == "told")
         commands.Told(m_tree.Text(first));
      else if(name == "event")
         RestoreEvent(first);
      else if(name == "acks")
         RestoreAcks(first);
      else
         return(false);
      return(true);
     }

   void              RestoreIntent(const int first)
     {
      int kind = m_tree.Next(first);
      int expires = m_tree.Next(kind);
      int raw = m_tree.Next(expires);
      JournalEntry *entry = commands.Begin(m_tree.Text(first), m_tree.Text(kind), (long)m_tree.Bits(expires), false);
      if(m_tree.IsMap(raw))
         m_tree.Slice(raw, entry.raw);
     }

   bool              RestoreOutcome(const int first)
     {
      CommandResult result;
      if(!result.Read(m_tree, m_tree.Next(first)))
         return(false);
      commands.Begin(result.command_id, "", (long)m_tree.Bits(first), false);
      return(commands.Finish(result));
     }

   void              RestoreEvent(const int map)
     {
      KeptEvent *event = new KeptEvent();
      event.session = m_tree.Bits(m_tree.Field(map, "session"));
      event.seq = m_tree.Bits(m_tree.Field(map, "seq"));
      event.kind = m_tree.Text(m_tree.Field(map, "kind"));
      event.is_saved = true;
      int data = m_tree.Field(map, "data");
      if(event.kind == "command_result")
         event.command_id = m_tree.Text(m_tree.Field(data, "command_id"));
      if(event.kind == "deal")
         event.deal = m_tree.Bits(m_tree.Field(data, "ticket"));
      m_tree.Slice(map, event.bytes);
      events.Add(event);
     }

   void              RestoreAcks(const int list)
     {
      int pair = list + 1;
      for(int i = 0; i < m_tree.Size(list); i++)
        {
         KeptEvent *event = events.Find(m_tree.Bits(pair + 1), m_tree.Bits(m_tree.Next(pair + 1)));
         if(event != NULL)
            events.Remove(event);
         pair = m_tree.Next(pair);
        }
     }
  };

#endif
