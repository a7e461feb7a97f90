//+------------------------------------------------------------------+
//| TcpStream.mqh - one native socket, closed when its object ends.  |
//| Knows the traps: a timeout of 0 means two minutes; IsReadable    |
//| may say 1 of an empty buffer; a read of more than is there waits |
//| for its whole timeout; a send may take less than it was given.   |
//| Every wait is bounded: connecting CONNECT_TIMEOUT_MS, sending    |
//| SEND_TIMEOUT_MS, reading READ_TIMEOUT_MS or what the caller says.|
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_TCP_STREAM_MQH
#define ZMQ_BRIDGE_TCP_STREAM_MQH

#include <ZmqBridge/Bounds.mqh>
#include <ZmqBridge/Zmtp/ByteQueue.mqh>

class TcpStream
  {
private:
   int               m_socket;
   string            m_problem;
   uchar             m_chunk[];

public:
                     TcpStream(void) : m_socket(INVALID_HANDLE), m_problem("")
     {
     }

                    ~TcpStream(void)
     {
      Close();
     }

   bool              IsOpen(void) const
     {
      return(m_socket != INVALID_HANDLE);
     }

   string            Problem(void) const
     {
      return(m_problem);
     }

   bool              Open(const string host, const uint port)
     {
      Close();
      ResetLastError();
      m_socket = SocketCreate();
      if(m_socket == INVALID_HANDLE)
         return(Failed("SocketCreate"));
      if(!SocketTimeouts(m_socket, SEND_TIMEOUT_MS, READ_TIMEOUT_MS))
         return(Failed("SocketTimeouts"));
      if(!SocketConnect(m_socket, host, port, CONNECT_TIMEOUT_MS))
         return(Failed("SocketConnect " + host + ":" + (string)port));
      m_problem = "";
      return(true);
     }

   void              Close(void)
     {
      if(m_socket != INVALID_HANDLE)
         SocketClose(m_socket);
      m_socket = INVALID_HANDLE;
     }

   // Read what is there into `queue`; with `wait_ms` above 0 wait so long for the first byte. False: the connection ended.
   bool              Read(ByteQueue &queue, const int wait_ms)
     {
      if(!IsOpen())
         return(false);
      if(wait_ms > 0 && SocketIsReadable(m_socket) == 0 && !Take(queue, 1, wait_ms))
         return(false);
      for(int i = 0; i < READS_PER_TURN_MAX; i++)
        {
         uint there = SocketIsReadable(m_socket);
         if(there == 0)
            break;
         int before = queue.Size();
         if(!Take(queue, (uint)MathMin(there, READ_CHUNK_BYTES), READ_TIMEOUT_MS))
            return(false);
         if(queue.Size() == before)
            break;
        }
      return(SocketIsConnected(m_socket) ? true : Failed("the peer closed the connection"));
     }

   // Send what can be sent of `queue` now, and keep the rest. False: the connection ended.
   bool              Write(ByteQueue &queue)
     {
      while(IsOpen() && queue.Size() > 0)
        {
         if(!SocketIsConnected(m_socket))
            return(Failed("the peer closed the connection"));
         if(!SocketIsWritable(m_socket))
            return(true);
         int asked = queue.Peek(m_chunk, READ_CHUNK_BYTES);
         ResetLastError();
         int sent = SocketSend(m_socket, m_chunk, (uint)asked);
         if(sent < 0)
            return(Failed("SocketSend"));
         queue.Drop(sent);
         if(sent < asked)
            return(true);
        }
      return(IsOpen());
     }

private:
   // One read of at most `most` bytes. Nothing within the time is no failure while the connection stands.
   bool              Take(ByteQueue &queue, const uint most, const uint wait_ms)
     {
      ArrayResize(m_chunk, 0, READ_CHUNK_BYTES);
      ResetLastError();
      int got = SocketRead(m_socket, m_chunk, most, wait_ms);
      if(got > 0)
         queue.Put(m_chunk, 0, got);
      if(got < 0 && !SocketIsConnected(m_socket))
         return(Failed("SocketRead"));
      return(true);
     }

   bool              Failed(const string what)
     {
      int error = GetLastError();
      m_problem = what + (error == 0 ? "" : ", error " + (string)error + " " + ErrorName(error));
      Close();
      return(false);
     }

   static string     ErrorName(const int error)
     {
      switch(error)
        {
         case 4014:
            return("(not allowed: is the address on the list in Tools, Options, Expert Advisors?)");
         case ERR_NETSOCKET_INVALIDHANDLE:
            return("(invalid socket)");
         case ERR_NETSOCKET_TOO_MANY_OPENED:
            return("(too many sockets)");
         case ERR_NETSOCKET_CANNOT_CONNECT:
            return("(cannot connect: is the bridge running there, and the address allowed?)");
         case ERR_NETSOCKET_IO_ERROR:
            return("(the connection broke)");
         case ERR_NETSOCKET_HANDSHAKE_FAILED:
            return("(TLS handshake failed)");
        }
      return("");
     }
  };

#endif
