//+------------------------------------------------------------------+
//| Session.mqh - the terminal's side of the session with the bridge:|
//| the table of docs/wire.md, "Sessions". No sockets; monotonic     |
//| times are arguments. A request unanswered past its time is taken |
//| as lost, and the session greets anew.                            |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_SESSION_MQH
#define ZMQ_BRIDGE_SESSION_MQH

#include <ZmqBridge/Bounds.mqh>
#include <ZmqBridge/Clock.mqh>

enum SESSION_STATE
  {
   SESSION_DISCONNECTED,
   SESSION_GREETING,
   SESSION_READY,
   SESSION_AWAITING,
   SESSION_STOPPED
  };

enum SESSION_INPUT
  {
   INPUT_HELLO_SENT,
   INPUT_REQUEST_SENT,
   INPUT_WELCOMED,
   INPUT_ANSWERED,
   INPUT_REFUSED,
   INPUT_FORGOTTEN,
   INPUT_SUPERSEDED,
   INPUT_TIMED_OUT,
   INPUT_GARBLED,
   INPUT_FAREWELL
  };

#define SESSION_SAME -1  // cannot happen in this state, or is ignored

class Session
  {
private:
   int               m_state;
   string            m_outstanding;    // type of the request that waits for its reply; "" = none
   long              m_sent_ms;
   long              m_due_ms;         // when the outstanding request counts as lost
   long              m_not_before_ms;
   long              m_backoff_ms;
   long              m_heard_ms;
   ulong             m_number;

public:
   BridgeClock       clock;
   int               wait_ms_max;      // longest long poll that the bridge honours

                     Session(void) : m_state(SESSION_DISCONNECTED), m_outstanding(""), m_sent_ms(0), m_due_ms(0), m_not_before_ms(0),
                     m_backoff_ms(BACKOFF_FIRST_MS), m_heard_ms(-LIVENESS_MS), m_number(0), wait_ms_max(WAIT_MS_MAX)
     {
     }

   void              Open(const ulong number)
     {
      m_number = number;
     }

   int               State(void) const
     {
      return(m_state);
     }

   string            Outstanding(void) const
     {
      return(m_outstanding);
     }

   string            StateName(void) const
     {
      switch(m_state)
        {
         case SESSION_DISCONNECTED: return("not connected");
         case SESSION_GREETING: return("greeting");
         case SESSION_STOPPED: return("stopped");
        }
      return("connected");
     }

   bool              IsConnected(const long now_ms) const
     {
      return((m_state == SESSION_READY || m_state == SESSION_AWAITING) && now_ms - m_heard_ms < LIVENESS_MS);
     }

   // What to send now: "hello", "request" or ""; takes note of a request that timed out.
   string            Wants(const long now_ms)
     {
      if(m_outstanding != "" && now_ms >= m_due_ms)
         Apply(INPUT_TIMED_OUT, now_ms);
      if(now_ms < m_not_before_ms)
         return("");
      if(m_state == SESSION_DISCONNECTED)
         return("hello");
      return(m_state == SESSION_READY ? "request" : "");
     }

   // Take note that a request has left.
   void              Sent(const string type, const int wait_ms, const long now_ms)
     {
      Apply(type == "hello" ? INPUT_HELLO_SENT : INPUT_REQUEST_SENT, now_ms);
      m_outstanding = type;
      m_sent_ms = now_ms;
      m_due_ms = now_ms + wait_ms + REPLY_GRACE_MS;
     }

   // Take in a reply of `type` to the outstanding request; false when it does not belong to it (the session greets anew).
   bool              Answered(const string type, const ulong number, const long bridge_ms, const long now_ms)
     {
      if(type != ReplyTo(m_outstanding) || number != m_number)
        {
         Apply(INPUT_GARBLED, now_ms);
         return(false);
        }
      clock.Learn(m_sent_ms, now_ms, bridge_ms);
      m_heard_ms = now_ms;
      Apply(type == "welcome" ? INPUT_WELCOMED : (type == "farewell" ? INPUT_FAREWELL : INPUT_ANSWERED), now_ms);
      return(true);
     }

   // Take in an error of the bridge.
   void              Refused(const string code, const long now_ms)
     {
      if(code == "SUPERSEDED")
         Apply(INPUT_SUPERSEDED, now_ms);
      else if(code == "UNKNOWN_SESSION")
         Apply(INPUT_FORGOTTEN, now_ms);
      else
         Apply(INPUT_REFUSED, now_ms);
     }

   // Take note that the reply could not be read.
   void              Garbled(const long now_ms)
     {
      if(m_outstanding != "")
         Apply(INPUT_GARBLED, now_ms);
     }

private:
   static string     ReplyTo(const string request)
     {
      if(request == "hello")
         return("welcome");
      if(request == "pull")
         return("work");
      if(request == "bye")
         return("farewell");
      return(request == "" ? "" : "received");
     }

   // The table.
   static int        Following(const int state, const int happened)
     {
      if(state == SESSION_DISCONNECTED)
         return(happened == INPUT_HELLO_SENT ? SESSION_GREETING : SESSION_SAME);
      if(state == SESSION_READY && happened == INPUT_HELLO_SENT)
         return(SESSION_GREETING); // the trade server's clock was moved
      if(state == SESSION_READY)
         return(happened == INPUT_REQUEST_SENT ? SESSION_AWAITING : SESSION_SAME);
      bool is_greeting = state == SESSION_GREETING;
      if(!is_greeting && state != SESSION_AWAITING)
         return(SESSION_SAME);
      switch(happened)
        {
         case INPUT_WELCOMED: return(is_greeting ? SESSION_READY : SESSION_SAME);
         case INPUT_ANSWERED: return(is_greeting ? SESSION_SAME : SESSION_READY);
         case INPUT_REFUSED: return(is_greeting ? SESSION_DISCONNECTED : SESSION_READY);
         case INPUT_FORGOTTEN: return(SESSION_DISCONNECTED);
         case INPUT_TIMED_OUT: return(SESSION_DISCONNECTED);
         case INPUT_GARBLED: return(SESSION_DISCONNECTED);
         case INPUT_SUPERSEDED: return(SESSION_STOPPED);
         case INPUT_FAREWELL: return(is_greeting ? SESSION_SAME : SESSION_STOPPED);
        }
      return(SESSION_SAME);
     }

   void              Apply(const int happened, const long now_ms)
     {
      int following = Following(m_state, happened);
      if(following == SESSION_SAME)
         return;
      m_state = following;
      m_outstanding = "";
      bool backs_off = happened == INPUT_REFUSED || happened == INPUT_FORGOTTEN || happened == INPUT_TIMED_OUT || happened == INPUT_GARBLED;
      if(backs_off)
        {
         m_not_before_ms = now_ms + m_backoff_ms * (long)(768 + m_number % 512) / 1024;
         m_backoff_ms = MathMin(2 * m_backoff_ms, BACKOFF_MAX_MS);
        }
      if(happened == INPUT_ANSWERED)
         m_backoff_ms = BACKOFF_FIRST_MS;
     }
  };

#endif
