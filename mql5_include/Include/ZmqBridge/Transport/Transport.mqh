//+------------------------------------------------------------------+
//| Transport.mqh - what the bridge's two sockets must do, whichever |
//| way they do it: a PUB that knows its subscriptions (5555) and a  |
//| REQ in lock-step (5557). No call waits longer than it says.      |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_TRANSPORT_MQH
#define ZMQ_BRIDGE_TRANSPORT_MQH

class Transport
  {
public:
   virtual          ~Transport(void)
     {
     }

   // Open both sides; false when that can never work, see Problem().
   virtual bool      Open(void)
     {
      return(false);
     }

   virtual void      Close(void)
     {
     }

   // Move bytes both ways and reconnect when it is time; to be called every turn.
   virtual void      Turn(const long now_ms)
     {
     }

   // Whether somebody subscribed to this topic.
   virtual bool      IsWanted(const string topic)
     {
      return(false);
     }

   // Send one frame; false when there is no room and it was not sent. What nobody subscribed to is dropped, as PUB does.
   virtual bool      Publish(const uchar &frame[], const int size)
     {
      return(false);
     }

   // Throw the REQ side away with all that is queued in it, and connect anew.
   virtual bool      Reopen(const long now_ms)
     {
      return(false);
     }

   // Send a request; false when it could not leave.
   virtual bool      Ask(const uchar &payload[], const int size)
     {
      return(false);
     }

   // Take the reply to the last request, waiting at most `wait_ms`. Returns its size, -1 = none yet.
   // -2 = something that is not one frame.
   virtual int       Answer(uchar &payload[], const int wait_ms)
     {
      return(-1);
     }

   // Whether the publishing side is connected to its peer, for the operator.
   virtual bool      IsConnected(void)
     {
      return(false);
     }

   // The last thing that went wrong, for the operator.
   virtual string    Problem(void)
     {
      return("");
     }
  };

#endif
