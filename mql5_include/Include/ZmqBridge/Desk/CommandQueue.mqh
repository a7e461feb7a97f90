//+------------------------------------------------------------------+
//| CommandQueue.mqh - commands that wait, first in, first out; it   |
//| owns them until they are taken.                                  |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_COMMAND_QUEUE_MQH
#define ZMQ_BRIDGE_COMMAND_QUEUE_MQH

#include <ZmqBridge/Desk/Command.mqh>

class CommandQueue
  {
private:
   Command          *m_list[];

public:
                    ~CommandQueue(void)
     {
      for(int i = 0; i < ArraySize(m_list); i++)
         delete m_list[i];
     }

   int               Count(void) const
     {
      return(ArraySize(m_list));
     }

   void              Push(Command *command)
     {
      int count = ArraySize(m_list);
      ArrayResize(m_list, count + 1, 64);
      m_list[count] = command;
     }

   // The first; the caller deletes it. NULL = none.
   Command          *Shift(void)
     {
      int count = ArraySize(m_list);
      if(count == 0)
         return(NULL);
      Command *first = m_list[0];
      for(int i = 1; i < count; i++)
         m_list[i - 1] = m_list[i];
      ArrayResize(m_list, count - 1, 64);
      return(first);
     }

   // Whether a request for the same part of the history waits already.
   bool              HasFetch(const Command &command) const
     {
      for(int i = 0; i < ArraySize(m_list); i++)
         if(m_list[i].command_id == command.command_id && m_list[i].skip == command.skip)
            return(true);
      return(false);
     }
  };

#endif
