//+------------------------------------------------------------------+
//| MsgpackWriter.mqh - writes MessagePack as docs/wire.md wants it: |
//| the shortest format of integers, texts, arrays and maps, numbers |
//| always as float 64. NaN, infinities, unpaired surrogates and     |
//| frames above their limit make the whole message fail: it is then |
//| not sent (`IsGood`), never sent wrong.                           |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_MSGPACK_WRITER_MQH
#define ZMQ_BRIDGE_MSGPACK_WRITER_MQH

#include <ZmqBridge/Bounds.mqh>
#include <ZmqBridge/Msgpack/Utf8.mqh>

union DoubleBits
  {
   double            value;
   ulong             bits;
  };

class MsgpackWriter
  {
private:
   int               m_size;
   int               m_limit;
   string            m_problem;

public:
   uchar             data[];     // the bytes written; only the first Size() count

                     MsgpackWriter(void) : m_size(0), m_limit(FRAME_BYTES_MAX), m_problem("")
     {
      ArrayResize(data, 1024);
     }

   void              Clear(void)
     {
      m_size = 0;
      m_problem = "";
     }

   void              Limit(const int bytes)
     {
      m_limit = bytes;
     }

   int               Size(void) const
     {
      return(m_size);
     }

   // Whether everything so far could be written; if not, Problem() says what was wrong.
   bool              IsGood(void) const
     {
      return(m_problem == "");
     }

   string            Problem(void) const
     {
      return(m_problem);
     }

   void              Nil(void)
     {
      Byte(0xC0);
     }

   void              Bool(const bool value)
     {
      Byte(value ? 0xC3 : 0xC2);
     }

   void              Uint(const ulong value)
     {
      if(value < 0x80)
         Byte((uint)value);
      else if(value <= 0xFF)
         Tagged(0xCC, value, 1);
      else if(value <= 0xFFFF)
         Tagged(0xCD, value, 2);
      else if(value <= 0xFFFFFFFF)
         Tagged(0xCE, value, 4);
      else
         Tagged(0xCF, value, 8);
     }

   void              Int(const long value)
     {
      if(value >= 0)
         Uint((ulong)value);
      else if(value >= -32)
         Byte((uint)(0x100 + value));
      else if(value >= -128)
         Tagged(0xD0, (ulong)value, 1);
      else if(value >= -32768)
         Tagged(0xD1, (ulong)value, 2);
      else if(value >= -2147483647 - 1)
         Tagged(0xD2, (ulong)value, 4);
      else
         Tagged(0xD3, (ulong)value, 8);
     }

   void              Number(const double value)
     {
      if(!MathIsValidNumber(value))
        {
         Fail("number: expected a finite one, found " + DoubleToString(value, 8));
         return;
        }
      DoubleBits both;
      both.value = value;
      Tagged(0xCB, both.bits, 8);
     }

   void              Text(const string value)
     {
      int size = Utf8::Size(value);
      if(size < 0)
        {
         Fail("text: expected Unicode, found an unpaired surrogate");
         return;
        }
      if(!TextHead(size))
         return;
      m_size = Utf8::Put(value, data, m_size);
     }

   // A text that is UTF-8 already.
   void              TextBytes(const uchar &bytes[], const int begin, const int size)
     {
      if(!TextHead(size))
         return;
      ArrayCopy(data, bytes, m_size, begin, size);
      m_size += size;
     }

   void              Array(const int count)
     {
      if(count < 16)
         Byte((uint)(0x90 | count));
      else if(count <= 0xFFFF)
         Tagged(0xDC, (ulong)count, 2);
      else
         Tagged(0xDD, (ulong)count, 4);
     }

   void              Map(const int count)
     {
      if(count < 16)
         Byte((uint)(0x80 | count));
      else if(count <= 0xFFFF)
         Tagged(0xDE, (ulong)count, 2);
      else
         Tagged(0xDF, (ulong)count, 4);
     }

   // Bytes that are MessagePack already, or a topic before it.
   void              Raw(const uchar &bytes[], const int begin, const int size)
     {
      if(size <= 0 || !Room(size))
         return;
      ArrayCopy(data, bytes, m_size, begin, size);
      m_size += size;
     }

   // The topic of a published frame and its NUL.
   void              Topic(const string topic)
     {
      int size = Utf8::Size(topic);
      if(size < 0 || size > TOPIC_BYTES_MAX)
        {
         Fail("topic: expected at most " + (string)TOPIC_BYTES_MAX + " bytes, found " + topic);
         return;
        }
      if(!Room(size + 1))
         return;
      m_size = Utf8::Put(topic, data, m_size);
      data[m_size] = 0;
      m_size++;
     }

   void              UintField(const string key, const ulong value)
     {
      Text(key);
      Uint(value);
     }

   void              IntField(const string key, const long value)
     {
      Text(key);
      Int(value);
     }

   void              NumberField(const string key, const double value)
     {
      Text(key);
      Number(value);
     }

   void              TextField(const string key, const string value)
     {
      Text(key);
      Text(value);
     }

   void              BoolField(const string key, const bool value)
     {
      Text(key);
      Bool(value);
     }

   void              ArrayField(const string key, const int count)
     {
      Text(key);
      Array(count);
     }

   void              Fail(const string problem)
     {
      if(m_problem == "")
         m_problem = problem;
     }

private:
   bool              TextHead(const int size)
     {
      if(size < 32)
         Byte((uint)(0xA0 | size));
      else if(size <= 0xFF)
         Tagged(0xD9, (ulong)size, 1);
      else if(size <= 0xFFFF)
         Tagged(0xDA, (ulong)size, 2);
      else
         Tagged(0xDB, (ulong)size, 4);
      return(Room(size));
     }

   bool              Room(const int bytes)
     {
      if(m_problem != "")
         return(false);
      if(bytes > m_limit - m_size)
        {
         Fail("message: expected at most " + (string)m_limit + " bytes, found " + (string)((long)m_size + bytes));
         return(false);
        }
      if(m_size + bytes > ArraySize(data) && ArrayResize(data, 2 * (m_size + bytes)) < 0)
        {
         Fail("message: no memory, error " + (string)GetLastError());
         return(false);
        }
      return(true);
     }

   void              Byte(const uint value)
     {
      if(!Room(1))
         return;
      data[m_size] = (uchar)(value & 0xFF);
      m_size++;
     }

   void              Tagged(const uint tag, const ulong value, const int bytes)
     {
      if(!Room(bytes + 1))
         return;
      data[m_size] = (uchar)tag;
      for(int i = 0; i < bytes; i++)
         data[m_size + bytes - i] = (uchar)((value >> (8 * i)) & 0xFF);
      m_size += bytes + 1;
     }
  };

#endif
