//+------------------------------------------------------------------+
//| Fields.mqh - reads the fields of a map by the rules of           |
//| docs/wire.md: the first field that is missing, of a wrong type   |
//| or out of range is named in Problem(); unknown keys are ignored; |
//| an integer may stand for a number, nothing else for anything.    |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_FIELDS_MQH
#define ZMQ_BRIDGE_FIELDS_MQH

#include <ZmqBridge/Msgpack/MsgpackTree.mqh>

class Fields
  {
private:
   const MsgpackTree *m_tree;
   int               m_map;
   string            m_problem;

public:
                     Fields(void) : m_tree(NULL), m_map(-1), m_problem("")
     {
     }

   void              Begin(const MsgpackTree &tree, const int map)
     {
      m_tree = GetPointer(tree);
      m_map = map;
      m_problem = tree.IsMap(map) ? "" : "expected a map";
     }

   // What was wrong with the first bad field; "" = nothing.
   string            Problem(void) const
     {
      return(m_problem);
     }

   ulong             Uint(const string key, const ulong absent, const bool is_needed, const ulong least, const ulong most)
     {
      int node = Find(key, is_needed);
      if(node < 0)
         return(absent);
      if(m_tree.Kind(node) != MSGPACK_UINT)
         return((ulong)Bad(key, "an integer of 0 or more"));
      ulong value = m_tree.Bits(node);
      if(value < least || value > most)
         return((ulong)Bad(key, (string)least + " to " + (string)most + ", found " + (string)value));
      return(value);
     }

   // Milliseconds.
   long              Ms(const string key, const long absent, const bool is_needed)
     {
      return((long)Uint(key, (ulong)absent, is_needed, 0, (ulong)LONG_MAX));
     }

   double            Number(const string key, const double absent, const bool is_needed)
     {
      int node = Find(key, is_needed);
      if(node < 0)
         return(absent);
      int kind = m_tree.Kind(node);
      if(kind == MSGPACK_NUMBER)
         return(m_tree.Number(node));
      if(kind == MSGPACK_UINT)
         return((double)m_tree.Bits(node));
      if(kind == MSGPACK_NEGATIVE)
         return((double)(long)m_tree.Bits(node));
      return((double)Bad(key, "a number"));
     }

   bool              Flag(const string key, const bool absent, const bool is_needed)
     {
      int node = Find(key, is_needed);
      if(node < 0)
         return(absent);
      if(m_tree.Kind(node) != MSGPACK_BOOL)
         return(Bad(key, "true or false") != 0);
      return(m_tree.Bits(node) != 0);
     }

   // A text of `least` to `most` bytes.
   string            Text(const string key, const string absent, const bool is_needed, const int least, const int most)
     {
      int node = Find(key, is_needed);
      if(node < 0)
         return(absent);
      if(!m_tree.IsText(node))
        {
         Bad(key, "a text");
         return("");
        }
      if(m_tree.HasNul(node))
        {
         Bad(key, "a text without NUL");
         return("");
        }
      int size = m_tree.Size(node);
      if(size < least || size > most)
        {
         Bad(key, (string)least + " to " + (string)most + " bytes, found " + (string)size);
         return("");
        }
      return(m_tree.Text(node));
     }

   // One of the words in `words`, which is "|one|two|".
   string            Word(const string key, const string absent, const bool is_needed, const string words)
     {
      string value = Text(key, absent, is_needed, 0, TEXT_BYTES_MAX);
      if(m_problem == "" && (StringFind(value, "|") >= 0 || StringFind(words, "|" + value + "|") < 0))
         Bad(key, words + ", found " + StringSubstr(value, 0, 40));
      return(value);
     }

private:
   int               Find(const string key, const bool is_needed)
     {
      if(m_problem != "")
         return(-1);
      int node = m_tree.Field(m_map, key);
      if(node < 0 && is_needed)
         m_problem = key + ": expected it, found nothing";
      return(node);
     }

   int               Bad(const string key, const string expected)
     {
      m_problem = key + ": expected " + expected;
      return(0);
     }
  };

#endif
