//+------------------------------------------------------------------+
//| ByteQueue.mqh - bytes in at the back, out at the front.          |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_BYTE_QUEUE_MQH
#define ZMQ_BRIDGE_BYTE_QUEUE_MQH

class ByteQueue
  {
private:
   int               m_begin;
   int               m_end;

public:
   uchar             data[];     // what is queued begins at Begin()

                     ByteQueue(void) : m_begin(0), m_end(0)
     {
     }

   void              Clear(void)
     {
      m_begin = 0;
      m_end = 0;
     }

   int               Begin(void) const
     {
      return(m_begin);
     }

   int               Size(void) const
     {
      return(m_end - m_begin);
     }

   // The byte that is `offset` behind the front.
   uchar             At(const int offset) const
     {
      return(data[m_begin + offset]);
     }

   void              Put(const uchar &bytes[], const int begin, const int size)
     {
      if(size <= 0)
         return;
      Room(size);
      ArrayCopy(data, bytes, m_end, begin, size);
      m_end += size;
     }

   void              PutByte(const uint value)
     {
      Room(1);
      data[m_end] = (uchar)value;
      m_end++;
     }

   void              PutBig(const ulong value, const int bytes)
     {
      for(int i = bytes - 1; i >= 0; i--)
         PutByte((uint)((value >> (8 * i)) & 0xFF));
     }

   // Take `size` bytes from the front away.
   void              Drop(const int size)
     {
      m_begin += size;
      if(m_begin >= m_end)
         Clear();
     }

   // Copy up to `size` bytes from the front, without taking them; returns how many.
   int               Peek(uchar &bytes[], const int size) const
     {
      int count = MathMin(size, Size());
      ArrayResize(bytes, count, 65536);
      if(count > 0)
         ArrayCopy(bytes, data, 0, m_begin, count);
      return(count);
     }

private:
   void              Room(const int size)
     {
      if(m_end + size <= ArraySize(data))
         return;
      int used = Size();
      if(m_begin > 0 && used > 0)
        {
         uchar kept[];
         ArrayCopy(kept, data, 0, m_begin, used);
         ArrayCopy(data, kept, 0, 0, used);
        }
      m_begin = 0;
      m_end = used;
      if(m_end + size > ArraySize(data))
         ArrayResize(data, 2 * (m_end + size));
     }
  };

#endif
