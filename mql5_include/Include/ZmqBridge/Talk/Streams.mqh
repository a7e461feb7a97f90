//+------------------------------------------------------------------+
//| Streams.mqh - the last number sent of every topic but events, as |
//| the heartbeats name them. Tick topics count ticks, all others    |
//| messages, from 1 in each session.                                |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_STREAMS_MQH
#define ZMQ_BRIDGE_STREAMS_MQH

class Streams
  {
private:
   string            m_topics[];
   ulong             m_last[];

public:
   // The number of the topic; -1 when it has none yet.
   int               Find(const string topic) const
     {
      for(int i = 0; i < ArraySize(m_topics); i++)
         if(m_topics[i] == topic)
            return(i);
      return(-1);
     }

   // Make a place for a topic; returns its index.
   int               Open(const string topic)
     {
      int at = Find(topic);
      if(at >= 0)
         return(at);
      at = ArraySize(m_topics);
      ArrayResize(m_topics, at + 1, 64);
      ArrayResize(m_last, at + 1, 64);
      m_topics[at] = topic;
      m_last[at] = 0;
      return(at);
     }

   int               Count(void) const
     {
      return(ArraySize(m_topics));
     }

   string            Topic(const int i) const
     {
      return(m_topics[i]);
     }

   ulong             Last(const int i) const
     {
      return(m_last[i]);
     }

   // Take the next `count` numbers; returns the first of them.
   ulong             Take(const int i, const ulong count)
     {
      ulong first = m_last[i] + 1;
      m_last[i] += count;
      return(first);
     }
  };

#endif
