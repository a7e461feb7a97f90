//+------------------------------------------------------------------+
//| Memory.mqh - what the terminal must not forget, in one file:     |
//| session, kill switch, commands, unacknowledged events, deals     |
//| told. One step of the file holds all that must become true       |
//| together: a MessagePack array of rows (MemoryRows.mqh).          |
//| A step that could not be written is kept, and the whole file is  |
//| written anew as soon as that works; until then Save() is false   |
//| and no command is begun.                                         |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_MEMORY_MQH
#define ZMQ_BRIDGE_MEMORY_MQH

#include <ZmqBridge/Clock.mqh>
#include <ZmqBridge/Log.mqh>
#include <ZmqBridge/Journal/MemoryReader.mqh>
#include <ZmqBridge/Journal/RecordFile.mqh>

#define PLACES 4  // roles of one login, and one to spare

class Memory : public MemoryReader
  {
private:
   RecordFile        m_file;
   bool              m_is_whole;      // the file holds all that was saved
   long              m_size_rewritten;
   ulong             m_published;     // seq up to which events of this session were handed to PUB
   ulong             m_saved;         // seq up to which they are on disk

public:
                     Memory(void) : m_is_whole(true), m_size_rewritten(0), m_published(0), m_saved(0)
     {
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

   // Note that a command of which no end is known may be begun until an earlier time only: it was told again so.
   void              Recall(const Command &command)
     {
      JournalEntry *entry = commands.Find(command.command_id);
      if(entry != NULL && entry.Recall(command.expires_at_ms))
         RecallRow(entry);
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
  };

#endif
