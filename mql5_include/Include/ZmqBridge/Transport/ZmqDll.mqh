//+------------------------------------------------------------------+
//| ZmqDll.mqh - libzmq.dll (x64): its functions and numbers, and a  |
//| socket and a context that are closed when their object ends.     |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_ZMQ_DLL_MQH
#define ZMQ_BRIDGE_ZMQ_DLL_MQH

#include <ZmqBridge/Msgpack/Utf8.mqh>

#import "libzmq.dll"
long zmq_ctx_new(void);
int zmq_ctx_shutdown(long context);
int zmq_ctx_term(long context);
long zmq_socket(long context, int type);
int zmq_close(long socket);
int zmq_connect(long socket, const uchar &endpoint[]);
int zmq_send(long socket, const uchar &data[], ulong size, int flags);
int zmq_recv(long socket, uchar &data[], ulong size, int flags);
int zmq_setsockopt(long socket, int option, const uchar &value[], ulong size);
int zmq_getsockopt(long socket, int option, uchar &value[], ulong &size);
int zmq_errno(void);
#import

#define ZMQ_REQ                3
#define ZMQ_XPUB               9
#define ZMQ_DONTWAIT           1

#define ZMQ_RCVMORE            13
#define ZMQ_LINGER             17
#define ZMQ_RECONNECT_IVL      18
#define ZMQ_RECONNECT_IVL_MAX  21
#define ZMQ_MAXMSGSIZE         22
#define ZMQ_SNDHWM             23
#define ZMQ_RCVTIMEO           27
#define ZMQ_SNDTIMEO           28
#define ZMQ_PLAIN_USERNAME     45
#define ZMQ_PLAIN_PASSWORD     46
#define ZMQ_CURVE_PUBLICKEY    48
#define ZMQ_CURVE_SECRETKEY    49
#define ZMQ_CURVE_SERVERKEY    50
#define ZMQ_REQ_CORRELATE      52
#define ZMQ_REQ_RELAXED        53
#define ZMQ_XPUB_NODROP        69
#define ZMQ_HEARTBEAT_IVL      75
#define ZMQ_HEARTBEAT_TIMEOUT  77

class ZmqContext
  {
private:
   long              m_handle;

public:
                     ZmqContext(void) : m_handle(0)
     {
     }

                    ~ZmqContext(void)
     {
      Close();
     }

   bool              Open(void)
     {
      if(m_handle == 0)
         m_handle = zmq_ctx_new();
      return(m_handle != 0);
     }

   // All sockets must be closed before; waits for their linger time at most.
   void              Close(void)
     {
      if(m_handle == 0)
         return;
      zmq_ctx_term(m_handle);
      m_handle = 0;
     }

   long              Handle(void) const
     {
      return(m_handle);
     }
  };

class ZmqSocket
  {
private:
   long              m_handle;
   string            m_problem;

public:
                     ZmqSocket(void) : m_handle(0), m_problem("")
     {
     }

                    ~ZmqSocket(void)
     {
      Close();
     }

   bool              Open(const ZmqContext &context, const int type)
     {
      Close();
      m_handle = zmq_socket(context.Handle(), type);
      return(m_handle != 0 ? true : Failed("zmq_socket"));
     }

   void              Close(void)
     {
      if(m_handle != 0)
         zmq_close(m_handle);
      m_handle = 0;
     }

   bool              IsOpen(void) const
     {
      return(m_handle != 0);
     }

   string            Problem(void) const
     {
      return(m_problem);
     }

   bool              SetInt(const int option, const int value)
     {
      uchar bytes[4];
      for(int i = 0; i < 4; i++)
         bytes[i] = (uchar)((value >> (8 * i)) & 0xFF);
      return(zmq_setsockopt(m_handle, option, bytes, 4) == 0 ? true : Failed("zmq_setsockopt " + (string)option));
     }

   bool              SetLong(const int option, const long value)
     {
      uchar bytes[8];
      for(int i = 0; i < 8; i++)
         bytes[i] = (uchar)((value >> (8 * i)) & 0xFF);
      return(zmq_setsockopt(m_handle, option, bytes, 8) == 0 ? true : Failed("zmq_setsockopt " + (string)option));
     }

   // The value is sent without its NUL; CURVE keys are told with it, as 41 bytes.
   bool              SetText(const int option, const string value, const bool with_nul)
     {
      uchar bytes[];
      int size = Utf8::Bytes(value, bytes);
      if(size < 0)
        {
         m_problem = "option " + (string)option + ": expected Unicode, found an unpaired surrogate";
         return(false);
        }
      ArrayResize(bytes, size + 1);
      bytes[size] = 0;
      ulong told = (ulong)(with_nul ? size + 1 : size);
      return(zmq_setsockopt(m_handle, option, bytes, told) == 0 ? true : Failed("zmq_setsockopt " + (string)option));
     }

   bool              Connect(const string endpoint)
     {
      uchar bytes[];
      int size = Utf8::Bytes(endpoint, bytes);
      ArrayResize(bytes, size + 1);
      bytes[size] = 0;
      return(zmq_connect(m_handle, bytes) == 0 ? true : Failed("zmq_connect " + endpoint));
     }

   // Send one frame without waiting; false when it could not be queued.
   bool              Send(const uchar &data[], const int size)
     {
      return(zmq_send(m_handle, data, (ulong)size, ZMQ_DONTWAIT) >= 0);
     }

   // Take one frame, at most what fits; -1 = none.
   int               Receive(uchar &data[], const bool may_wait)
     {
      return(zmq_recv(m_handle, data, (ulong)ArraySize(data), may_wait ? 0 : ZMQ_DONTWAIT));
     }

   bool              HasMore(void)
     {
      uchar value[4];
      ulong size = 4;
      ArrayInitialize(value, 0);
      return(zmq_getsockopt(m_handle, ZMQ_RCVMORE, value, size) == 0 && value[0] != 0);
     }

private:
   bool              Failed(const string what)
     {
      m_problem = what + ": libzmq error " + (string)zmq_errno();
      return(false);
     }
  };

#endif
