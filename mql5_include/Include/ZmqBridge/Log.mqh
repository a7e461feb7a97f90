//+------------------------------------------------------------------+
//| Log.mqh - what the operator reads on the Experts tab. Every line |
//| says what was expected and what was found. A line that would     |
//| come again and again is said once in LOG_REPEAT_MS.              |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_LOG_MQH
#define ZMQ_BRIDGE_LOG_MQH

#include <ZmqBridge/Clock.mqh>

#define LOG_REPEAT_MS 30000
#define LOG_REMEMBERED 32

class Log
  {
private:
   string            m_lines[LOG_REMEMBERED];
   long              m_said_ms[LOG_REMEMBERED];
   int               m_next;

public:
                     Log(void) : m_next(0)
     {
      for(int i = 0; i < LOG_REMEMBERED; i++)
        {
         m_lines[i] = "";
         m_said_ms[i] = 0;
        }
     }

   static void       Say(const string line)
     {
      Print("ZmqBridge: ", line);
     }

   // Say a line that may repeat.
   void              Repeat(const string line)
     {
      long now = Clock::NowMs();
      for(int i = 0; i < LOG_REMEMBERED; i++)
        {
         if(m_lines[i] != line)
            continue;
         if(now - m_said_ms[i] < LOG_REPEAT_MS)
            return;
         m_said_ms[i] = now;
         Say(line);
         return;
        }
      m_lines[m_next] = line;
      m_said_ms[m_next] = now;
      m_next = (m_next + 1) % LOG_REMEMBERED;
      Say(line);
     }
  };

Log g_log;

#endif
