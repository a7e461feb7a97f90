//+------------------------------------------------------------------+
//| DllTransport.mqh - the two sockets by libzmq.dll. The publishing |
//| side is an XPUB, which is a PUB that tells its subscriptions,    |
//| and which refuses a frame instead of dropping it when the peer   |
//| has no room. libzmq gives a connection up for good once its peer |
//| spoke something else than ZeroMQ, and does not say so: who hears |
//| of no subscription for a while connects anew.                    |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_DLL_TRANSPORT_MQH
#define ZMQ_BRIDGE_DLL_TRANSPORT_MQH

#include <ZmqBridge/Bounds.mqh>
#include <ZmqBridge/Settings.mqh>
#include <ZmqBridge/Transport/Subscriptions.mqh>
#include <ZmqBridge/Transport/Transport.mqh>
#include <ZmqBridge/Transport/ZmqDll.mqh>

class DllTransport : public Transport
  {
private:
   const Settings   *m_settings;      // the owner's
   ZmqContext        m_context;
   ZmqSocket         m_publisher;
   ZmqSocket         m_requester;
   Subscriptions     m_subscriptions;
   uchar             m_inbox[];
   int               m_wait_ms;    // as the requester was told last
   long              m_alone_since_ms; // nobody subscribed to anything; -1 = somebody did
   long              m_patience_ms;    // before the publisher is connected anew; doubled each time
   string            m_problem;

public:
                     DllTransport(const Settings *settings) : m_settings(settings), m_wait_ms(-1), m_alone_since_ms(-1),
                     m_patience_ms(ALONE_FIRST_MS), m_problem("")
     {
      ArrayResize(m_inbox, FRAME_BYTES_MAX);
     }

                    ~DllTransport(void)
     {
      Close();
     }

   virtual bool      Open(void) override
     {
      if(!m_context.Open())
        {
         m_problem = "zmq_ctx_new: libzmq error " + (string)zmq_errno();
         return(false);
        }
      if(!OpenPublisher())
        {
         m_problem = m_publisher.Problem();
         return(false);
        }
      return(Reopen(0));
     }

   virtual void      Close(void) override
     {
      m_publisher.Close();
      m_requester.Close();
      m_context.Close();
      m_subscriptions.Clear();
     }

   virtual void      Turn(const long now_ms) override
     {
      int size = m_publisher.IsOpen() ? m_publisher.Receive(m_inbox, false) : -1;
      for(int i = 0; size >= 0 && i < SUBSCRIPTIONS_MAX; i++)
        {
         TakeSubscription(size);
         size = m_publisher.Receive(m_inbox, false);
        }
      WatchOver(now_ms);
     }

   virtual bool      IsWanted(const string topic) override
     {
      return(m_subscriptions.MatchesTopic(topic));
     }

   virtual bool      Publish(const uchar &frame[], const int size) override
     {
      return(m_publisher.IsOpen() && m_publisher.Send(frame, size));
     }

   virtual bool      Reopen(const long now_ms) override
     {
      m_wait_ms = -1;
      bool is_open = m_requester.Open(m_context, ZMQ_REQ)
                     && m_requester.SetInt(ZMQ_REQ_RELAXED, 1)
                     && m_requester.SetInt(ZMQ_REQ_CORRELATE, 1)
                     && m_requester.SetInt(ZMQ_LINGER, 0)
                     && m_requester.SetInt(ZMQ_SNDTIMEO, 0)
                     && m_requester.SetLong(ZMQ_MAXMSGSIZE, FRAME_BYTES_MAX)
                     && SetCommon(m_requester)
                     && m_requester.Connect(Endpoint(m_settings.request_port));
      if(!is_open)
         m_problem = m_requester.Problem();
      return(is_open);
     }

   virtual bool      Ask(const uchar &payload[], const int size) override
     {
      return(m_requester.IsOpen() && m_requester.Send(payload, size));
     }

   virtual int       Answer(uchar &payload[], const int wait_ms) override
     {
      if(!m_requester.IsOpen())
         return(-1);
      if(wait_ms != m_wait_ms && wait_ms > 0 && m_requester.SetInt(ZMQ_RCVTIMEO, wait_ms))
         m_wait_ms = wait_ms;
      int size = m_requester.Receive(m_inbox, wait_ms > 0 && m_wait_ms == wait_ms);
      if(size < 0)
         return(-1);
      bool is_single = true;
      while(m_requester.HasMore() && m_requester.Receive(m_inbox, false) >= 0)
         is_single = false;
      if(!is_single || size > FRAME_BYTES_MAX)
         return(-2);
      ArrayResize(payload, size, 65536);
      if(size > 0)
         ArrayCopy(payload, m_inbox, 0, 0, size);
      return(size);
     }

   virtual bool      IsConnected(void) override
     {
      return(m_subscriptions.Count() > 0);
     }

   virtual string    Problem(void) override
     {
      return(m_problem);
     }

private:
   string            Endpoint(const uint port) const
     {
      return("tcp://" + m_settings.host + ":" + (string)port);
     }

   // Connect the publisher anew when it was alone for too long: nobody was there who could miss a frame.
   void              WatchOver(const long now_ms)
     {
      if(m_subscriptions.Count() > 0)
        {
         m_alone_since_ms = -1;
         m_patience_ms = ALONE_FIRST_MS;
         return;
        }
      if(m_alone_since_ms < 0)
         m_alone_since_ms = now_ms;
      if(now_ms - m_alone_since_ms < m_patience_ms)
         return;
      m_alone_since_ms = now_ms;
      m_patience_ms = MathMin(2 * m_patience_ms, ALONE_MAX_MS);
      if(!OpenPublisher())
         m_problem = m_publisher.Problem();
     }

   bool              OpenPublisher(void)
     {
      return(m_publisher.Open(m_context, ZMQ_XPUB)
             && m_publisher.SetInt(ZMQ_SNDHWM, PUB_FRAMES_MAX)
             && m_publisher.SetInt(ZMQ_XPUB_NODROP, 1)
             && m_publisher.SetInt(ZMQ_LINGER, LINGER_MS)
             && m_publisher.SetLong(ZMQ_MAXMSGSIZE, FRAME_BYTES_MAX)
             && SetCommon(m_publisher)
             && m_publisher.Connect(Endpoint(m_settings.publish_port)));
     }

   bool              SetCommon(ZmqSocket &socket)
     {
      bool is_set = socket.SetInt(ZMQ_RECONNECT_IVL, RECONNECT_FIRST_MS)
                    && socket.SetInt(ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS)
                    && socket.SetInt(ZMQ_HEARTBEAT_IVL, PING_MS)
                    && socket.SetInt(ZMQ_HEARTBEAT_TIMEOUT, LIVENESS_MS);
      if(is_set && m_settings.username != "")
         is_set = socket.SetText(ZMQ_PLAIN_USERNAME, m_settings.username, false)
                  && socket.SetText(ZMQ_PLAIN_PASSWORD, m_settings.password, false);
      if(is_set && m_settings.server_key != "")
         is_set = socket.SetText(ZMQ_CURVE_SERVERKEY, m_settings.server_key, true)
                  && socket.SetText(ZMQ_CURVE_PUBLICKEY, m_settings.public_key, true)
                  && socket.SetText(ZMQ_CURVE_SECRETKEY, m_settings.secret_key, true);
      return(is_set);
     }

   void              TakeSubscription(const int size)
     {
      if(size < 1 || size > FRAME_BYTES_MAX)
         return;
      if(m_inbox[0] == 1)
         m_subscriptions.Add(m_inbox, 1, size - 1);
      else if(m_inbox[0] == 0)
         m_subscriptions.Remove(m_inbox, 1, size - 1);
     }
  };

#endif
