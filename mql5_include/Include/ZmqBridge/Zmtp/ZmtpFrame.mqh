//+------------------------------------------------------------------+
//| ZmtpFrame.mqh - ZMTP 3.1 frames: flags (1 more, 2 long,          |
//| 4 command), a length of 1 or 8 bytes, the body. Bytes in, frames |
//| out, however the bytes were cut.                                 |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_ZMTP_FRAME_MQH
#define ZMQ_BRIDGE_ZMTP_FRAME_MQH

#include <ZmqBridge/Bounds.mqh>
#include <ZmqBridge/Zmtp/ByteQueue.mqh>

#define ZMTP_MORE    1
#define ZMTP_LONG    2
#define ZMTP_COMMAND 4

class ZmtpFrame
  {
private:
   string            m_problem;

public:
   uchar             body[];      // the first `size` bytes of it
   int               size;
   bool              has_more;
   bool              is_command;

                     ZmtpFrame(void) : m_problem(""), size(0), has_more(false), is_command(false)
     {
     }

   // What was wrong with the bytes; the connection can't be used any more.
   string            Problem(void) const
     {
      return(m_problem);
     }

   // Take the next frame from `queue`; false when it is not whole yet, or Problem().
   bool              Take(ByteQueue &queue)
     {
      m_problem = "";
      if(queue.Size() < 2)
         return(false);
      int flags = (int)queue.At(0);
      if((flags & 0xF8) != 0 || ((flags & ZMTP_COMMAND) != 0 && (flags & ZMTP_MORE) != 0))
         return(Fail("frame: expected flags of ZMTP 3, found " + (string)flags));
      int head = (flags & ZMTP_LONG) != 0 ? 9 : 2;
      if(queue.Size() < head)
         return(false);
      ulong length = 0;
      for(int i = 1; i < head; i++)
         length = (length << 8) | (ulong)queue.At(i);
      ulong most = (flags & ZMTP_COMMAND) != 0 ? COMMAND_BYTES_MAX : FRAME_BYTES_MAX;
      if(length > most)
         return(Fail("frame: expected at most " + (string)most + " bytes, found " + (string)length));
      if(queue.Size() < head + (int)length)
         return(false);
      queue.Drop(head);
      size = queue.Peek(body, (int)length);
      queue.Drop(size);
      has_more = (flags & ZMTP_MORE) != 0;
      is_command = (flags & ZMTP_COMMAND) != 0;
      return(true);
     }

   // Append a frame to `queue`.
   static void       Put(ByteQueue &queue, const uchar &bytes[], const int begin, const int count, const int flags)
     {
      if(count > 255)
        {
         queue.PutByte((uint)(flags | ZMTP_LONG));
         queue.PutBig((ulong)count, 8);
        }
      else
        {
         queue.PutByte((uint)flags);
         queue.PutByte((uint)count);
        }
      queue.Put(bytes, begin, count);
     }

   // Whether this is the command `name` (in bytes: its length, its letters).
   bool              IsNamed(const string name) const
     {
      int length = StringLen(name);
      if(!is_command || size < length + 1 || (int)body[0] != length)
         return(false);
      for(int i = 0; i < length; i++)
         if((int)body[i + 1] != (int)StringGetCharacter(name, i))
            return(false);
      return(true);
     }

private:
   bool              Fail(const string problem)
     {
      m_problem = problem;
      return(false);
     }
  };

#endif
