//+------------------------------------------------------------------+
//| ZmtpLink.mqh - one ZMTP connection that comes back: connecting,  |
//| handshake, frames both ways, PING and PONG, and after a failure  |
//| a pause that doubles. Frames are handed out whole and in order.  |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_ZMTP_LINK_MQH
#define ZMQ_BRIDGE_ZMTP_LINK_MQH

#include <ZmqBridge/Log.mqh>
#include <ZmqBridge/Zmtp/TcpStream.mqh>
#include <ZmqBridge/Zmtp/ZmtpHandshake.mqh>

class ZmtpLink
  {
private:
   string            m_socket_type;
   string            m_host;
   uint              m_port;
   string            m_username;
   string            m_password;
   TcpStream         m_stream;
   ZmtpHandshake     m_handshake;
   ByteQueue         m_in;
   ByteQueue         m_out;
   long              m_opened_ms;
   long              m_unanswered_ms; // of the first ping since anything was heard; -1 = none
   long              m_ping_due_ms;
   long              m_not_before_ms;
   long              m_pause_ms;
   bool              m_is_new;      // ready since the last call of TookNews
   string            m_problem;

public:
                     ZmtpLink(void) : m_socket_type(""), m_host(""), m_port(0), m_username(""), m_password(""), m_opened_ms(0),
                     m_unanswered_ms(-1), m_ping_due_ms(0), m_not_before_ms(0), m_pause_ms(RECONNECT_FIRST_MS), m_is_new(false), m_problem("")
     {
     }

   void              Configure(const string socket_type, const string host, const uint port, const string username,
                               const string password)
     {
      m_socket_type = socket_type;
      m_host = host;
      m_port = port;
      m_username = username;
      m_password = password;
     }

   bool              IsReady(void) const
     {
      return(m_stream.IsOpen() && m_handshake.Step() == ZMTP_DONE);
     }

   string            Problem(void) const
     {
      return(m_problem);
     }

   // Bytes that wait to be sent.
   int               Waiting(void) const
     {
      return(m_out.Size());
     }

   // Drop the connection and all that is queued; the next turn connects anew.
   void              Reset(void)
     {
      m_stream.Close();
      m_in.Clear();
      m_out.Clear();
      m_is_new = false;
     }

   // Drop the connection, and wait before the next one.
   void              Drop(const string problem, const long now_ms)
     {
      m_problem = m_socket_type + " " + m_host + ":" + (string)m_port + ": " + problem;
      g_log.Repeat(m_problem);
      Reset();
      m_not_before_ms = now_ms + m_pause_ms * 3 / 4 + (long)(MathRand() % (int)(m_pause_ms / 2 + 1));
      m_pause_ms = MathMin(2 * m_pause_ms, RECONNECT_MAX_MS);
     }

   // Connect when it is time, read, shake hands, send. With `wait_ms` wait so long for something to read.
   void              Turn(const long now_ms, const int wait_ms)
     {
      if(!m_stream.IsOpen() && !Connect(now_ms))
         return;
      if(!m_stream.Write(m_out))
        {
         Drop(m_stream.Problem(), now_ms);
         return;
        }
      int before = m_in.Size();
      bool is_alive = m_stream.Read(m_in, wait_ms);
      if(m_in.Size() > before)
         m_unanswered_ms = -1;
      if(m_handshake.Step() != ZMTP_DONE)
         Shake(now_ms);
      if(!is_alive && m_in.Size() == before)
        {
         Drop(m_stream.Problem(), now_ms);
         return;
        }
      if(!is_alive)
         m_not_before_ms = MathMax(m_not_before_ms, now_ms + m_pause_ms); // what came before the end is still handed out
      if(IsReady())
         KeepAlive(now_ms);
      if(m_stream.IsOpen() && !m_stream.Write(m_out))
         Drop(m_stream.Problem(), now_ms);
     }

   // Take the next message frame; PING, PONG and their like are dealt with here. False: none yet.
   // SUBSCRIBE and CANCEL are commands too, and are handed out with is_command.
   bool              Take(ZmtpFrame &frame, const long now_ms)
     {
      while(m_handshake.Step() == ZMTP_DONE && frame.Take(m_in))
        {
         if(!frame.is_command || frame.IsNamed("SUBSCRIBE") || frame.IsNamed("CANCEL"))
            return(true);
         if(frame.IsNamed("PING"))
            Pong(frame);
         if(frame.IsNamed("ERROR"))
           {
            Drop("the peer reported an error", now_ms);
            return(false);
           }
        }
      if(frame.Problem() != "" && m_stream.IsOpen())
         Drop(frame.Problem(), now_ms);
      return(false);
     }

   void              Put(const uchar &bytes[], const int begin, const int size, const bool has_more)
     {
      ZmtpFrame::Put(m_out, bytes, begin, size, has_more ? ZMTP_MORE : 0);
     }

   // Send what is queued as far as it goes at once.
   void              Flush(const long now_ms)
     {
      if(m_stream.IsOpen() && !m_stream.Write(m_out))
         Drop(m_stream.Problem(), now_ms);
     }

   // Whether the connection became ready since this was asked last.
   bool              TookNews(void)
     {
      bool is_new = m_is_new;
      m_is_new = false;
      return(is_new);
     }

private:
   bool              Connect(const long now_ms)
     {
      if(now_ms < m_not_before_ms)
         return(false);
      Reset();
      if(!m_stream.Open(m_host, m_port))
        {
         Drop(m_stream.Problem(), Clock::NowMs());
         return(false);
        }
      m_opened_ms = Clock::NowMs();
      m_unanswered_ms = -1;
      m_handshake.Begin(m_socket_type, m_username, m_password, m_out);
      return(true);
     }

   void              Shake(const long now_ms)
     {
      m_handshake.Turn(m_in, m_out);
      if(m_handshake.Step() == ZMTP_FAILED)
         Drop(m_handshake.Problem(), now_ms);
      else if(m_handshake.Step() == ZMTP_DONE)
        {
         m_is_new = true;
         m_pause_ms = RECONNECT_FIRST_MS;
         m_problem = "";
         m_ping_due_ms = now_ms + PING_MS;
        }
      else if(now_ms - m_opened_ms > HANDSHAKE_MS)
         Drop("handshake: expected its end within " + (string)HANDSHAKE_MS + " ms, found none", now_ms);
     }

   void              KeepAlive(const long now_ms)
     {
      if(m_unanswered_ms >= 0 && now_ms - m_unanswered_ms > LIVENESS_MS)
        {
         Drop("expected an answer to PING within " + (string)LIVENESS_MS + " ms, found none", now_ms);
         return;
        }
      if(now_ms < m_ping_due_ms)
         return;
      m_ping_due_ms = now_ms + PING_MS;
      if(m_unanswered_ms < 0)
         m_unanswered_ms = now_ms;
      uchar ping[7] = {4, 'P', 'I', 'N', 'G', 0, 0};
      ZmtpFrame::Put(m_out, ping, 0, 7, ZMTP_COMMAND);
     }

   // PING: 2 bytes of time to live, up to 16 of context, which PONG returns.
   void              Pong(const ZmtpFrame &ping)
     {
      uchar pong[21] = {4, 'P', 'O', 'N', 'G'};
      int context = MathMin(MathMax(0, ping.size - 7), 16);
      for(int i = 0; i < context; i++)
         pong[5 + i] = ping.body[7 + i];
      ZmtpFrame::Put(m_out, pong, 0, 5 + context, ZMTP_COMMAND);
     }
  };

#endif
