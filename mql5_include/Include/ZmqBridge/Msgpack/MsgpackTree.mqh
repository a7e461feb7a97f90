//+------------------------------------------------------------------+
//| MsgpackTree.mqh - reads one MessagePack value into a flat tree.  |
//| Everything that docs/wire.md refuses is refused here, before     |
//| anything is acted on: bin, ext, timestamps, NaN, infinities,     |
//| texts that are not UTF-8, keys that are not text or come twice,  |
//| too deep, too many, cut short, bytes behind the value.           |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_MSGPACK_TREE_MQH
#define ZMQ_BRIDGE_MSGPACK_TREE_MQH

#include <ZmqBridge/Bounds.mqh>
#include <ZmqBridge/Msgpack/MsgpackNodes.mqh>

union FloatBits
  {
   float             value;
   uint              bits;
  };

class MsgpackTree : public MsgpackNodes
  {
private:
   int               m_at;
   int               m_end;
   string            m_problem;
   bool              m_is_too_large;

public:
                     MsgpackTree(void) : m_at(0), m_end(0), m_problem(""), m_is_too_large(false)
     {
     }

   // Read the bytes from `begin` to `end` as exactly one value; false when they are not, see Problem().
   bool              Read(const uchar &bytes[], const int begin, const int end)
     {
      int size = end - begin;
      ArrayResize(m_bytes, size, 4096);
      if(size > 0)
         ArrayCopy(m_bytes, bytes, 0, begin, size);
      m_count = 0;
      m_at = 0;
      m_end = size;
      m_problem = "";
      m_is_too_large = false;
      if(size > FRAME_BYTES_MAX)
         return(TooLarge("frame", size, FRAME_BYTES_MAX));
      if(!Value(0))
         return(false);
      if(m_at != m_end)
         return(Fail("expected one value, found " + (string)(m_end - m_at) + " bytes behind it"));
      return(true);
     }

   string            Problem(void) const
     {
      return(m_problem);
     }

   // The wire's code of what was wrong.
   string            Code(void) const
     {
      return(m_is_too_large ? "TOO_LARGE" : "MALFORMED");
     }

private:
   bool              Fail(const string problem)
     {
      m_problem = "at byte " + (string)m_at + ": " + problem;
      return(false);
     }

   bool              TooLarge(const string what, const long found, const long most)
     {
      m_is_too_large = true;
      return(Fail(what + ": expected at most " + (string)most + ", found " + (string)found));
     }

   // Take `bytes` bytes as one big-endian number.
   bool              Big(const int bytes, ulong &value)
     {
      if(bytes > m_end - m_at)
         return(Fail("expected " + (string)bytes + " bytes more, found the end"));
      value = 0;
      for(int i = 0; i < bytes; i++)
         value = (value << 8) | (ulong)m_bytes[m_at + i];
      m_at += bytes;
      return(true);
     }

   bool              Value(const int depth)
     {
      int head = m_at;
      ulong tag = 0;
      if(!Big(1, tag))
         return(false);
      if(tag < 0x80)
         return(Whole(head, MSGPACK_UINT, tag));
      if(tag >= 0xE0)
         return(Whole(head, MSGPACK_NEGATIVE, tag | 0xFFFFFFFFFFFFFF00));
      if(tag < 0x90)
         return(Container(head, MSGPACK_MAP, (long)(tag & 0x0F), depth));
      if(tag < 0xA0)
         return(Container(head, MSGPACK_ARRAY, (long)(tag & 0x0F), depth));
      if(tag < 0xC0)
         return(TextValue(head, (long)(tag & 0x1F)));
      return(LongValue(head, (int)tag, depth));
     }

   bool              LongValue(const int head, const int tag, const int depth)
     {
      if(tag == 0xC0)
         return(Whole(head, MSGPACK_NIL, 0));
      if(tag == 0xC2 || tag == 0xC3)
         return(Whole(head, MSGPACK_BOOL, (ulong)(tag - 0xC2)));
      if(tag == 0xCA || tag == 0xCB)
         return(Float(head, tag == 0xCA));
      int bytes = LengthBytes(tag);
      if(bytes == 0)
         return(Fail("expected a value of the wire, found the format " + StringFormat("%02x", tag)));
      ulong value = 0;
      if(!Big(bytes, value))
         return(false);
      if(tag >= 0xCC && tag <= 0xCF)
         return(Whole(head, MSGPACK_UINT, value));
      if(tag >= 0xD0 && tag <= 0xD3)
         return(Signed(head, value, bytes));
      if(tag >= 0xD9 && tag <= 0xDB)
         return(TextValue(head, (long)value));
      return(Container(head, tag <= 0xDD ? MSGPACK_ARRAY : MSGPACK_MAP, (long)value, depth));
     }

   // Bytes that say a value or a length, by format; 0 for formats that the wire refuses.
   static int        LengthBytes(const int tag)
     {
      if(tag >= 0xCC && tag <= 0xCF)
         return(1 << (tag - 0xCC));
      if(tag >= 0xD0 && tag <= 0xD3)
         return(1 << (tag - 0xD0));
      if(tag >= 0xD9 && tag <= 0xDB)
         return(1 << (tag - 0xD9));
      if(tag == 0xDC || tag == 0xDE)
         return(2);
      if(tag == 0xDD || tag == 0xDF)
         return(4);
      return(0);
     }

   bool              Whole(const int head, const int kind, const ulong bits)
     {
      int node = NewNode(kind, head, m_at);
      m_nodes[node].bits = bits;
      return(true);
     }

   bool              Signed(const int head, const ulong value, const int bytes)
     {
      int shift = 64 - 8 * bytes;
      long extended = (long)(value << shift);
      if(extended >= 0)
         return(Whole(head, MSGPACK_UINT, value));
      ulong ones = shift == 0 ? 0 : 0xFFFFFFFFFFFFFFFF << (8 * bytes);
      return(Whole(head, MSGPACK_NEGATIVE, value | ones));
     }

   bool              Float(const int head, const bool is_short)
     {
      ulong bits = 0;
      if(!Big(is_short ? 4 : 8, bits))
         return(false);
      DoubleBits both;
      both.bits = bits;
      if(is_short)
        {
         FloatBits small;
         small.bits = (uint)bits;
         both.value = (double)small.value;
        }
      if(!MathIsValidNumber(both.value))
         return(Fail("expected a finite number, found NaN or infinity"));
      int node = NewNode(MSGPACK_NUMBER, head, m_at);
      m_nodes[node].number = both.value;
      return(true);
     }

   bool              TextValue(const int head, const long size)
     {
      if(size > (long)(m_end - m_at))
         return(Fail("expected a text of " + (string)size + " bytes, found the end"));
      if(!Utf8::IsValid(m_bytes, m_at, (int)size))
         return(Fail("expected UTF-8, found other bytes"));
      int begin = m_at;
      m_at += (int)size;
      int node = NewNode(MSGPACK_TEXT, head, m_at);
      m_nodes[node].begin = begin;
      m_nodes[node].size = (int)size;
      return(true);
     }

   bool              Container(const int head, const int kind, const long size, const int depth)
     {
      if(depth >= DEPTH_MAX)
         return(TooLarge("nesting", depth + 1, DEPTH_MAX));
      bool is_map = kind == MSGPACK_MAP;
      long most = is_map ? MAP_KEYS_MAX : ARRAY_ITEMS_MAX;
      if((is_map ? 2 * size : size) > (long)(m_end - m_at))
         return(Fail("expected " + (string)size + " items, found the end"));
      if(size > most)
         return(TooLarge(is_map ? "map" : "array", size, most));
      int node = NewNode(kind, head, m_at);
      m_nodes[node].size = (int)size;
      for(int i = 0; i < (int)size; i++)
        {
         if(is_map && !Key(node, i))
            return(false);
         if(!Value(depth + 1))
            return(false);
        }
      m_nodes[node].end = m_at;
      m_nodes[node].next = m_count;
      return(true);
     }

   // Read the key of a map's pair `index`: a text that no earlier pair has.
   bool              Key(const int map, const int index)
     {
      int key = m_count;
      int tag = m_at < m_end ? (int)m_bytes[m_at] : 0xC0;
      bool is_text = (tag >= 0xA0 && tag < 0xC0) || (tag >= 0xD9 && tag <= 0xDB);
      if(!is_text)
         return(Fail("expected a text as key, found the format " + StringFormat("%02x", tag)));
      if(!Value(DEPTH_MAX))
         return(false);
      int other = map + 1;
      for(int i = 0; i < index; i++)
        {
         if(IsSameText(other, key))
            return(Fail("expected each key once, found " + Text(key) + " twice"));
         other = m_nodes[m_nodes[other].next].next;
        }
      return(true);
     }
  };

#endif
