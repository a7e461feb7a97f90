//+------------------------------------------------------------------+
//| ServerOffset.mqh - whether the bridge has to be told that the    |
//| trade server's clock was moved (summer time): another offset     |
//| than the last hello said, for long enough to be no wavering of   |
//| the PC's clock, and not told that way a moment ago.              |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_SERVER_OFFSET_MQH
#define ZMQ_BRIDGE_SERVER_OFFSET_MQH

#include <ZmqBridge/Bounds.mqh>

class ServerOffset
  {
private:
   long              m_told_s;      // by the last hello
   long              m_found_s;     // another one, looked at since
   long              m_since_ms;    // monotonic; -1 = it is as told
   long              m_again_ms;    // before this moment it is not told again

public:
                     ServerOffset(void) : m_told_s(0), m_found_s(0), m_since_ms(-1), m_again_ms(0)
     {
     }

   // A hello says it.
   void              Told(const long offset_s)
     {
      m_told_s = offset_s;
      m_since_ms = -1;
     }

   // Whether it is to be told now, by a hello for its own sake: then it counts as told.
   bool              IsDue(const long offset_s, const long now_ms)
     {
      if(offset_s == m_told_s)
         m_since_ms = -1;
      else if(m_since_ms < 0 || offset_s != m_found_s)
         m_since_ms = now_ms;
      m_found_s = offset_s;
      if(m_since_ms < 0 || now_ms - m_since_ms < OFFSET_HOLDS_MS || now_ms < m_again_ms)
         return(false);
      m_again_ms = now_ms + OFFSET_AGAIN_MS;
      return(true);
     }
  };

#endif
