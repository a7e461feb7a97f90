//+------------------------------------------------------------------+
//| MsgpackNodes.mqh - a MessagePack value as a flat tree, to look at |
//| and to write again. Nodes are numbered in the order of their     |
//| bytes; 0 is the root, the first child of node n is n + 1, Next(n) |
//| is what follows n and all that is in it.                         |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_MSGPACK_NODES_MQH
#define ZMQ_BRIDGE_MSGPACK_NODES_MQH

#include <ZmqBridge/Msgpack/Utf8.mqh>
#include <ZmqBridge/Msgpack/MsgpackWriter.mqh>

enum MSGPACK_KIND
  {
   MSGPACK_NIL,
   MSGPACK_BOOL,
   MSGPACK_UINT,      // bits
   MSGPACK_NEGATIVE,  // (long)bits
   MSGPACK_NUMBER,    // number
   MSGPACK_TEXT,      // begin, size
   MSGPACK_ARRAY,     // size items
   MSGPACK_MAP        // size pairs
  };

struct MsgpackNode
  {
   int               kind;    // MSGPACK_KIND
   int               begin;   // of the content in the bytes (texts), else of the value
   int               end;     // behind the value and all that is in it
   int               head;    // where the value begins
   int               size;    // bytes of a text, items of an array, pairs of a map
   int               next;    // node behind this one and all that is in it
   ulong             bits;    // integers; bool as 0 or 1
   double            number;  // float 64 and 32
  };

class MsgpackNodes
  {
protected:
   uchar             m_bytes[];
   MsgpackNode       m_nodes[];
   int               m_count;

public:
                     MsgpackNodes(void) : m_count(0)
     {
     }

   int               Count(void) const
     {
      return(m_count);
     }

   int               Kind(const int node) const
     {
      return(node < 0 ? -1 : m_nodes[node].kind);
     }

   int               Size(const int node) const
     {
      return(m_nodes[node].size);
     }

   int               Next(const int node) const
     {
      return(m_nodes[node].next);
     }

   bool              IsMap(const int node) const
     {
      return(Kind(node) == MSGPACK_MAP);
     }

   bool              IsArray(const int node) const
     {
      return(Kind(node) == MSGPACK_ARRAY);
     }

   bool              IsText(const int node) const
     {
      return(Kind(node) == MSGPACK_TEXT);
     }

   ulong             Bits(const int node) const
     {
      return(m_nodes[node].bits);
     }

   double            Number(const int node) const
     {
      return(m_nodes[node].number);
     }

   string            Text(const int node) const
     {
      return(Utf8::Text(m_bytes, m_nodes[node].begin, m_nodes[node].size));
     }

   // Whether a text has a NUL in it: MQL5 strings end there.
   bool              HasNul(const int node) const
     {
      for(int i = 0; i < m_nodes[node].size; i++)
         if(m_bytes[m_nodes[node].begin + i] == 0)
            return(true);
      return(false);
     }

   // The value of `key` in a map; -1 when it is not there.
   int               Field(const int map, const string key) const
     {
      uchar name[];
      int size = Utf8::Bytes(key, name);
      if(!IsMap(map))
         return(-1);
      int node = map + 1;
      for(int i = 0; i < m_nodes[map].size; i++)
        {
         int value = m_nodes[node].next;
         if(IsSame(node, name, size))
            return(value);
         node = m_nodes[value].next;
        }
      return(-1);
     }

   // Append the value's own bytes to `writer`.
   void              Copy(const int node, MsgpackWriter &writer) const
     {
      writer.Raw(m_bytes, m_nodes[node].head, m_nodes[node].end - m_nodes[node].head);
     }

   // The value's own bytes.
   void              Slice(const int node, uchar &bytes[]) const
     {
      int size = m_nodes[node].end - m_nodes[node].head;
      ArrayResize(bytes, size);
      ArrayCopy(bytes, m_bytes, 0, m_nodes[node].head, size);
     }

   // Write the value again from what was read of it.
   void              Write(const int node, MsgpackWriter &writer) const
     {
      int after = m_nodes[node].next;
      for(int i = node; i < after; i++)
         WriteOne(i, writer);
     }

protected:
   int               NewNode(const int kind, const int head, const int end)
     {
      if(m_count >= ArraySize(m_nodes))
         ArrayResize(m_nodes, 2 * m_count + 64);
      m_nodes[m_count].kind = kind;
      m_nodes[m_count].head = head;
      m_nodes[m_count].begin = head;
      m_nodes[m_count].end = end;
      m_nodes[m_count].size = 0;
      m_nodes[m_count].next = m_count + 1;
      m_nodes[m_count].bits = 0;
      m_nodes[m_count].number = 0.0;
      m_count++;
      return(m_count - 1);
     }

   bool              IsSameText(const int a, const int b) const
     {
      if(m_nodes[a].size != m_nodes[b].size)
         return(false);
      for(int i = 0; i < m_nodes[a].size; i++)
         if(m_bytes[m_nodes[a].begin + i] != m_bytes[m_nodes[b].begin + i])
            return(false);
      return(true);
     }

private:
   void              WriteOne(const int node, MsgpackWriter &writer) const
     {
      switch(m_nodes[node].kind)
        {
         case MSGPACK_NIL:
            writer.Nil();
            break;
         case MSGPACK_BOOL:
            writer.Bool(m_nodes[node].bits != 0);
            break;
         case MSGPACK_UINT:
            writer.Uint(m_nodes[node].bits);
            break;
         case MSGPACK_NEGATIVE:
            writer.Int((long)m_nodes[node].bits);
            break;
         case MSGPACK_NUMBER:
            writer.Number(m_nodes[node].number);
            break;
         case MSGPACK_TEXT:
            if(HasNul(node))
               writer.TextBytes(m_bytes, m_nodes[node].begin, m_nodes[node].size);
            else
               writer.Text(Text(node));
            break;
         case MSGPACK_ARRAY:
            writer.Array(m_nodes[node].size);
            break;
         case MSGPACK_MAP:
            writer.Map(m_nodes[node].size);
            break;
        }
     }

   bool              IsSame(const int node, const uchar &name[], const int size) const
     {
      if(m_nodes[node].size != size)
         return(false);
      int begin = m_nodes[node].begin;
      for(int i = 0; i < size; i++)
         if(m_bytes[begin + i] != name[i])
            return(false);
      return(true);
     }
  };

#endif
