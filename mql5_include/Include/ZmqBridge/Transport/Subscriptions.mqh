//+------------------------------------------------------------------+
//| Subscriptions.mqh - the prefixes that the peer of a PUB wants,   |
//| each counted as often as it was asked for.                       |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_SUBSCRIPTIONS_MQH
#define ZMQ_BRIDGE_SUBSCRIPTIONS_MQH

#include <ZmqBridge/Bounds.mqh>
#include <ZmqBridge/Msgpack/Utf8.mqh>

class Prefix
  {
public:
   uchar             bytes[];
   int               count;

                     Prefix(void) : count(1)
     {
     }
  };

class Subscriptions
  {
private:
   Prefix           *m_prefixes[];

public:
                    ~Subscriptions(void)
     {
      Clear();
     }

   void              Clear(void)
     {
      for(int i = 0; i < ArraySize(m_prefixes); i++)
         delete m_prefixes[i];
      ArrayResize(m_prefixes, 0);
     }

   int               Count(void) const
     {
      return(ArraySize(m_prefixes));
     }

   // Take in one more subscription; false when there are too many.
   bool              Add(const uchar &bytes[], const int begin, const int size)
     {
      int found = Find(bytes, begin, size);
      if(found >= 0)
        {
         m_prefixes[found].count++;
         return(true);
        }
      int count = ArraySize(m_prefixes);
      if(count >= SUBSCRIPTIONS_MAX)
         return(false);
      ArrayResize(m_prefixes, count + 1, 64);
      Prefix *prefix = new Prefix();
      ArrayResize(prefix.bytes, size);
      if(size > 0)
         ArrayCopy(prefix.bytes, bytes, 0, begin, size);
      m_prefixes[count] = prefix;
      return(true);
     }

   void              Remove(const uchar &bytes[], const int begin, const int size)
     {
      int found = Find(bytes, begin, size);
      if(found < 0)
         return;
      m_prefixes[found].count--;
      if(m_prefixes[found].count > 0)
         return;
      delete m_prefixes[found];
      int last = ArraySize(m_prefixes) - 1;
      m_prefixes[found] = m_prefixes[last];
      ArrayResize(m_prefixes, last);
     }

   // Whether a frame (or a topic) of `size` bytes begins with a prefix.
   bool              Matches(const uchar &frame[], const int size) const
     {
      for(int i = 0; i < ArraySize(m_prefixes); i++)
         if(IsPrefix(i, frame, size))
            return(true);
      return(false);
     }

   bool              MatchesTopic(const string topic) const
     {
      uchar bytes[];
      int size = Utf8::Bytes(topic, bytes);
      if(size < 0)
         return(false);
      ArrayResize(bytes, size + 1);
      bytes[size] = 0;
      return(Matches(bytes, size + 1));
     }

private:
   bool              IsPrefix(const int i, const uchar &frame[], const int size) const
     {
      int length = ArraySize(m_prefixes[i].bytes);
      if(length > size)
         return(false);
      for(int k = 0; k < length; k++)
         if(m_prefixes[i].bytes[k] != frame[k])
            return(false);
      return(true);
     }

   int               Find(const uchar &bytes[], const int begin, const int size) const
     {
      for(int i = 0; i < ArraySize(m_prefixes); i++)
        {
         if(ArraySize(m_prefixes[i].bytes) != size)
            continue;
         int k = 0;
         while(k < size && m_prefixes[i].bytes[k] == bytes[begin + k])
            k++;
         if(k == size)
            return(i);
        }
      return(-1);
     }
  };

#endif
