//+------------------------------------------------------------------+
//| ZmtpHandshake.mqh - ZMTP 3.1 from the first byte to READY, as a  |
//| client: greeting, then NULL (READY both ways) or PLAIN (HELLO,   |
//| WELCOME, INITIATE, READY). No sockets: bytes in, bytes out.      |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_ZMTP_HANDSHAKE_MQH
#define ZMQ_BRIDGE_ZMTP_HANDSHAKE_MQH

#include <ZmqBridge/Zmtp/ByteQueue.mqh>
#include <ZmqBridge/Msgpack/Utf8.mqh>
#include <ZmqBridge/Zmtp/ZmtpFrame.mqh>

#define GREETING_BYTES 64

enum ZMTP_STEP
  {
   ZMTP_GREETING,  // waiting for the peer's greeting
   ZMTP_WELCOME,   // PLAIN: waiting for WELCOME
   ZMTP_READY,     // waiting for READY
   ZMTP_DONE,
   ZMTP_FAILED
  };

class ZmtpHandshake
  {
private:
   int               m_step;
   string            m_socket_type;
   string            m_username;
   string            m_password;
   string            m_problem;

public:
                     ZmtpHandshake(void) : m_step(ZMTP_FAILED), m_socket_type(""), m_username(""), m_password(""), m_problem("")
     {
     }

   // Begin anew; our greeting goes into `out`.
   void              Begin(const string socket_type, const string username, const string password, ByteQueue &out)
     {
      m_step = ZMTP_GREETING;
      m_socket_type = socket_type;
      m_username = username;
      m_password = password;
      m_problem = "";
      PutGreeting(out);
     }

   int               Step(void) const
     {
      return(m_step);
     }

   string            Problem(void) const
     {
      return(m_problem);
     }

   // Take what has come; answers go into `out`. To be called until nothing changes.
   void              Turn(ByteQueue &in, ByteQueue &out)
     {
      if(m_step == ZMTP_GREETING && !Greeting(in, out))
         return;
      ZmtpFrame frame;
      while((m_step == ZMTP_WELCOME || m_step == ZMTP_READY) && frame.Take(in))
         Command(frame, out);
      if(frame.Problem() != "")
         Fail(frame.Problem());
     }

private:
   string            Mechanism(void) const
     {
      return(m_username == "" ? "NULL" : "PLAIN");
     }

   void              PutGreeting(ByteQueue &out) const
     {
      string mechanism = Mechanism();
      out.PutByte(0xFF);
      out.PutBig(0, 8);
      out.PutByte(0x7F);
      out.PutByte(3);
      out.PutByte(1);
      for(int i = 0; i < 20; i++)
         out.PutByte(i < StringLen(mechanism) ? (uint)StringGetCharacter(mechanism, i) : 0);
      for(int i = 0; i < 32; i++)
         out.PutByte(0);
     }

   // Check the peer's greeting as early as its bytes allow; true when it is whole and good.
   bool              Greeting(ByteQueue &in, ByteQueue &out)
     {
      int size = in.Size();
      if(size >= 1 && in.At(0) != 0xFF)
         return(Fail("greeting: expected ZMTP, found the byte " + (string)in.At(0)));
      if(size >= 10 && (in.At(9) & 1) == 0)
         return(Fail("greeting: expected ZMTP 3, found an older one"));
      if(size >= 11 && in.At(10) < 3)
         return(Fail("greeting: expected ZMTP 3, found " + (string)in.At(10)));
      if(size < GREETING_BYTES)
         return(false);
      string mechanism = "";
      for(int i = 12; i < 32 && in.At(i) != 0; i++)
         mechanism += ShortToString((ushort)in.At(i));
      if(mechanism != Mechanism())
         return(Fail("greeting: expected the mechanism " + Mechanism() + ", found " + mechanism));
      in.Drop(GREETING_BYTES);
      if(m_username == "")
         PutMetadata("READY", out);
      else
         PutHello(out);
      m_step = m_username == "" ? ZMTP_READY : ZMTP_WELCOME;
      return(true);
     }

   void              Command(const ZmtpFrame &frame, ByteQueue &out)
     {
      int reason = ErrorReason(frame);
      if(reason > 0)
        {
         int length = frame.size > reason ? MathMin((int)frame.body[reason], frame.size - reason - 1) : 0;
         bool is_text = Utf8::IsValid(frame.body, reason + 1, length);
         Fail("handshake: refused by the peer: " + (is_text ? Utf8::Text(frame.body, reason + 1, length) : "?"));
        }
      else if(m_step == ZMTP_WELCOME && frame.IsNamed("WELCOME"))
        {
         PutMetadata("INITIATE", out);
         m_step = ZMTP_READY;
        }
      else if(m_step == ZMTP_READY && frame.IsNamed("READY"))
         CheckPeer(frame);
      else
         Fail("handshake: expected " + (m_step == ZMTP_READY ? "READY" : "WELCOME") + ", found another frame");
     }

   // Where an ERROR's reason stands; 0 = it is none. libzmq's PLAIN writes the name as ^RROR, without its length.
   static int        ErrorReason(const ZmtpFrame &frame)
     {
      if(frame.IsNamed("ERROR"))
         return(6);
      if(!frame.is_command || frame.size < 5 || frame.body[0] != 0x5E)
         return(0);
      return(frame.body[1] == 'R' && frame.body[2] == 'R' && frame.body[3] == 'O' && frame.body[4] == 'R' ? 5 : 0);
     }

   // The peer's metadata must be well formed; its socket type must suit ours.
   void              CheckPeer(const ZmtpFrame &frame)
     {
      int at = 6;
      while(at < frame.size)
        {
         int name = (int)frame.body[at];
         if(at + 1 + name + 4 > frame.size)
           {
            Fail("READY: expected a property, found the end");
            return;
           }
         ulong size = 0;
         for(int i = 0; i < 4; i++)
            size = (size << 8) | (ulong)frame.body[at + 1 + name + i];
         int value = at + 5 + name;
         if(size > (ulong)(frame.size - value))
           {
            Fail("READY: expected a value of " + (string)size + " bytes, found the end");
            return;
           }
         if(IsName(frame, at + 1, name, "socket-type") && !IsSuitable(frame, value, (int)size))
           {
            Fail("READY: expected a peer for " + m_socket_type + ", found another socket type: are the ports mixed up?");
            return;
           }
         at = value + (int)size;
        }
      m_step = ZMTP_DONE;
     }

   bool              IsSuitable(const ZmtpFrame &frame, const int begin, const int size) const
     {
      if(m_socket_type == "REQ")
         return(IsName(frame, begin, size, "router") || IsName(frame, begin, size, "rep"));
      return(IsName(frame, begin, size, "xsub") || IsName(frame, begin, size, "sub"));
     }

   // Compare without regard to case.
   static bool       IsName(const ZmtpFrame &frame, const int begin, const int size, const string name)
     {
      if(size != StringLen(name))
         return(false);
      for(int i = 0; i < size; i++)
        {
         int letter = (int)frame.body[begin + i];
         if(letter >= 'A' && letter <= 'Z')
            letter += 32;
         if(letter != (int)StringGetCharacter(name, i))
            return(false);
        }
      return(true);
     }

   static void       PutShortText(ByteQueue &body, const string text)
     {
      uchar bytes[];
      int size = MathMax(0, Utf8::Bytes(text, bytes));
      body.PutByte((uint)MathMin(size, 255));
      body.Put(bytes, 0, MathMin(size, 255));
     }

   static void       PutProperty(ByteQueue &body, const string name, const string value)
     {
      PutShortText(body, name);
      body.PutBig((ulong)StringLen(value), 4);
      uchar bytes[];
      int size = Utf8::Bytes(value, bytes);
      body.Put(bytes, 0, size);
     }

   void              PutMetadata(const string command, ByteQueue &out) const
     {
      ByteQueue body;
      PutShortText(body, command);
      PutProperty(body, "Socket-Type", m_socket_type);
      if(m_socket_type == "REQ")
         PutProperty(body, "Identity", "");
      ZmtpFrame::Put(out, body.data, body.Begin(), body.Size(), ZMTP_COMMAND);
     }

   void              PutHello(ByteQueue &out) const
     {
      ByteQueue body;
      PutShortText(body, "HELLO");
      PutShortText(body, m_username);
      PutShortText(body, m_password);
      ZmtpFrame::Put(out, body.data, body.Begin(), body.Size(), ZMTP_COMMAND);
     }

   bool              Fail(const string problem)
     {
      m_step = ZMTP_FAILED;
      m_problem = problem;
      return(false);
     }
  };

#endif
