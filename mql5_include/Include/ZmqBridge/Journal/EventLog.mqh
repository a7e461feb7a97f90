//+------------------------------------------------------------------+
//| EventLog.mqh - events, numbered and kept until acknowledged, in  |
//| the order of (session, seq). Each is kept as the bytes of its    |
//| whole map: v, type, login, session, seq, kind, data.             |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_EVENT_LOG_MQH
#define ZMQ_BRIDGE_EVENT_LOG_MQH

#include <ZmqBridge/Msgpack/MsgpackWriter.mqh>

#define COMPACT_AFTER 1024

class KeptEvent
  {
public:
   ulong             session;
   ulong             seq;
   string            kind;
   string            command_id;  // of a command_result
   ulong             deal;        // of a deal
   bool              is_saved;    // on disk; only then it may be sent
   bool              is_gone;     // acknowledged
   uchar             bytes[];

                     KeptEvent(void) : session(0), seq(0), kind(""), command_id(""), deal(0), is_saved(false), is_gone(false)
     {
     }
  };

class EventLog
  {
private:
   KeptEvent        *m_events[];
   int               m_first;     // the oldest that may be unacknowledged
   int               m_kept;

public:
                     EventLog(void) : m_first(0), m_kept(0)
     {
     }

                    ~EventLog(void)
     {
      for(int i = 0; i < ArraySize(m_events); i++)
         delete m_events[i];
     }

   // How many are not acknowledged.
   int               Kept(void) const
     {
      return(m_kept);
     }

   bool              IsFull(void) const
     {
      return(m_kept >= JOURNAL_EVENTS_MAX);
     }

   // The bounds of the indices to be looked through with At().
   int               First(void) const
     {
      return(m_first);
     }

   int               End(void) const
     {
      return(ArraySize(m_events));
     }

   KeptEvent        *At(const int i) const
     {
      return(m_events[i]);
     }

   // Keep an event that is newer than all before it.
   void              Add(KeptEvent *event)
     {
      int count = ArraySize(m_events);
      ArrayResize(m_events, count + 1, 1024);
      m_events[count] = event;
      m_kept++;
     }

   // NULL when it is not kept.
   KeptEvent        *Find(const ulong session, const ulong seq) const
     {
      int low = m_first;
      int high = ArraySize(m_events) - 1;
      while(low <= high)
        {
         int middle = (low + high) / 2;
         KeptEvent *event = m_events[middle];
         if(event.session == session && event.seq == seq)
            return(event.is_gone ? NULL : event);
         if(event.session < session || (event.session == session && event.seq < seq))
            low = middle + 1;
         else
            high = middle - 1;
        }
      return(NULL);
     }

   // Forget an event that the bridge has committed.
   void              Remove(KeptEvent *event)
     {
      event.is_gone = true;
      m_kept--;
      while(m_first < ArraySize(m_events) && m_events[m_first].is_gone)
         m_first++;
      if(m_first >= COMPACT_AFTER && 2 * m_first >= ArraySize(m_events))
         Compact();
     }

private:
   void              Compact(void)
     {
      for(int i = 0; i < m_first; i++)
         delete m_events[i];
      int count = ArraySize(m_events) - m_first;
      for(int i = 0; i < count; i++)
         m_events[i] = m_events[m_first + i];
      ArrayResize(m_events, count, 1024);
      m_first = 0;
     }
  };

#endif
