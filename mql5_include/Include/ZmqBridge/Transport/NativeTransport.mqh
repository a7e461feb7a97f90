//+------------------------------------------------------------------+
//| NativeTransport.mqh - the two sockets by native MQL5 sockets and |
//| ZMTP 3.1, without any DLL.                                       |
//| REQ sends [id MORE][empty MORE][payload], as libzmq does with    |
//| REQ_CORRELATE; a reply with another id is of a request that was  |
//| given up, and is dropped.                                        |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_NATIVE_TRANSPORT_MQH
#define ZMQ_BRIDGE_NATIVE_TRANSPORT_MQH

#include <ZmqBridge/Settings.mqh>
#include <ZmqBridge/Transport/Subscriptions.mqh>
#include <ZmqBridge/Transport/Transport.mqh>
#include <ZmqBridge/Zmtp/ZmtpLink.mqh>

#define ENVELOPE_FRAMES 3
#define REQUEST_ID_BYTES 4

class NativeTransport : public Transport
  {
private:
   ZmtpLink          m_publisher;
   ZmtpLink          m_requester;
   Subscriptions     m_subscriptions;
   uint              m_request_id;
   uchar             m_unsent[];     // the request that waits for the connection
   int               m_unsent_size;  // -1 = none
   int               m_part;         // frames of the reply at hand
   bool              m_is_ours;      // whether its envelope is that of the last request
   ZmtpFrame         m_frame;

public:
                     NativeTransport(const Settings *settings) : m_request_id(0), m_unsent_size(-1), m_part(0), m_is_ours(false)
     {
      m_publisher.Configure("PUB", settings.host, settings.publish_port, settings.username, settings.password);
      m_requester.Configure("REQ", settings.host, settings.request_port, settings.username, settings.password);
      m_request_id = (uint)MathRand() << 15 | (uint)MathRand();
     }

                    ~NativeTransport(void)
     {
      Close();
     }

   virtual bool      Open(void) override
     {
      return(true);
     }

   virtual void      Close(void) override
     {
      long now = Clock::NowMs();
      m_publisher.Flush(now);
      m_publisher.Reset();
      m_requester.Reset();
      m_subscriptions.Clear();
     }

   virtual void      Turn(const long now_ms) override
     {
      m_publisher.Turn(now_ms, 0);
      if(m_publisher.TookNews() || !m_publisher.IsReady())
         m_subscriptions.Clear();
      while(m_publisher.Take(m_frame, now_ms))
         TakeSubscription(now_ms);
      m_requester.Turn(now_ms, 0);
      SendUnsent(now_ms);
     }

   virtual bool      IsWanted(const string topic) override
     {
      return(m_publisher.IsReady() && m_subscriptions.MatchesTopic(topic));
     }

   virtual bool      Publish(const uchar &frame[], const int size) override
     {
      if(!m_publisher.IsReady() || !m_subscriptions.Matches(frame, size))
         return(true);
      if(m_publisher.Waiting() + size > PUB_BYTES_MAX)
        {
         m_publisher.Flush(Clock::NowMs());
         if(m_publisher.Waiting() + size > PUB_BYTES_MAX)
            return(false);
        }
      m_publisher.Put(frame, 0, size, false);
      m_publisher.Flush(Clock::NowMs());
      return(true);
     }

   virtual bool      Reopen(const long now_ms) override
     {
      m_requester.Reset();
      m_unsent_size = -1;
      m_part = 0;
      return(true);
     }

   virtual bool      Ask(const uchar &payload[], const int size) override
     {
      ArrayResize(m_unsent, size, 65536);
      ArrayCopy(m_unsent, payload, 0, 0, size);
      m_unsent_size = size;
      m_request_id++;
      SendUnsent(Clock::NowMs());
      return(true);
     }

   virtual int       Answer(uchar &payload[], const int wait_ms) override
     {
      long now = Clock::NowMs();
      int size = TakeReply(payload, now);
      if(size != -1)
         return(size);
      m_requester.Turn(now, wait_ms);
      SendUnsent(Clock::NowMs());
      return(TakeReply(payload, Clock::NowMs()));
     }

   virtual bool      IsConnected(void) override
     {
      return(m_publisher.IsReady());
     }

   virtual string    Problem(void) override
     {
      return(m_publisher.Problem() != "" ? m_publisher.Problem() : m_requester.Problem());
     }

private:
   void              PutRequestId(uchar &id[]) const
     {
      for(int i = 0; i < REQUEST_ID_BYTES; i++)
         id[i] = (uchar)((m_request_id >> (8 * i)) & 0xFF);
     }

   void              SendUnsent(const long now_ms)
     {
      if(m_requester.TookNews())
         m_part = 0;
      if(m_unsent_size < 0 || !m_requester.IsReady())
         return;
      uchar id[REQUEST_ID_BYTES];
      PutRequestId(id);
      m_requester.Put(id, 0, REQUEST_ID_BYTES, true);
      m_requester.Put(id, 0, 0, true);
      m_requester.Put(m_unsent, 0, m_unsent_size, false);
      m_unsent_size = -1;
      m_requester.Flush(now_ms);
     }

   // -1 = none yet, -2 = not one frame in the envelope.
   int               TakeReply(uchar &payload[], const long now_ms)
     {
      while(m_requester.Take(m_frame, now_ms))
        {
         if(m_frame.is_command)
            continue;
         CheckPart();
         m_part++;
         if(m_frame.has_more)
            continue;
         int parts = m_part;
         m_part = 0;
         if(!m_is_ours)
            continue;
         if(parts != ENVELOPE_FRAMES)
            return(-2);
         ArrayResize(payload, m_frame.size, 65536);
         ArrayCopy(payload, m_frame.body, 0, 0, m_frame.size);
         return(m_frame.size);
        }
      return(-1);
     }

   // Compare the frame with its place in the envelope.
   void              CheckPart(void)
     {
      if(m_part == 0)
        {
         uchar id[REQUEST_ID_BYTES];
         PutRequestId(id);
         m_is_ours = m_frame.size == REQUEST_ID_BYTES;
         for(int i = 0; m_is_ours && i < REQUEST_ID_BYTES; i++)
            m_is_ours = id[i] == m_frame.body[i];
        }
      else if(m_part == 1)
         m_is_ours = m_is_ours && m_frame.size == 0;
     }

   // A subscription is a command (ZMTP 3.1) or a message of one frame that begins with 1 or 0 (3.0).
   void              TakeSubscription(const long now_ms)
     {
      bool is_kept = true;
      if(m_frame.IsNamed("SUBSCRIBE"))
         is_kept = m_subscriptions.Add(m_frame.body, 10, m_frame.size - 10);
      else if(m_frame.IsNamed("CANCEL"))
         m_subscriptions.Remove(m_frame.body, 7, m_frame.size - 7);
      else if(!m_frame.is_command && m_frame.size > 0 && m_frame.body[0] == 1)
         is_kept = m_subscriptions.Add(m_frame.body, 1, m_frame.size - 1);
      else if(!m_frame.is_command && m_frame.size > 0 && m_frame.body[0] == 0)
         m_subscriptions.Remove(m_frame.body, 1, m_frame.size - 1);
      if(!is_kept)
         m_publisher.Drop("expected at most " + (string)SUBSCRIPTIONS_MAX + " subscriptions, found more", now_ms);
     }
  };

#endif
