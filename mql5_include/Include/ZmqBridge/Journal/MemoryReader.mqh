//+------------------------------------------------------------------+
//| MemoryReader.mqh - the rows of the terminal's memory, read back  |
//| at the start. A row that is not known is damage, not a detail.   |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_MEMORY_READER_MQH
#define ZMQ_BRIDGE_MEMORY_READER_MQH

#include <ZmqBridge/Journal/MemoryRows.mqh>

class MemoryReader : public MemoryRows
  {
private:
   MsgpackTree       m_tree;

protected:
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

private:
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
      else if(name == "recall")
         RestoreRecall(first);
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

   void              RestoreRecall(const int first)
     {
      JournalEntry *entry = commands.Find(m_tree.Text(first));
      if(entry != NULL)
         entry.Recall((long)m_tree.Bits(m_tree.Next(first)));
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
