//+------------------------------------------------------------------+
//| Utf8.mqh - text to UTF-8 and back, exact.                        |
//| MQL5 strings are UTF-16. Unpaired surrogates, overlong forms and |
//| anything above U+10FFFF are refused, never replaced.             |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_UTF8_MQH
#define ZMQ_BRIDGE_UTF8_MQH

class Utf8
  {
public:
   // Number of bytes that `text` needs; -1 when it has an unpaired surrogate.
   static int        Size(const string text)
     {
      int length = StringLen(text);
      int bytes = 0;
      for(int i = 0; i < length; i++)
        {
         uint unit = (uint)StringGetCharacter(text, i);
         if(unit < 0x80)
            bytes += 1;
         else if(unit < 0x800)
            bytes += 2;
         else if(unit < 0xD800 || unit > 0xDFFF)
            bytes += 3;
         else
           {
            if(!IsPair(text, i, length))
               return(-1);
            bytes += 4;
            i++;
           }
        }
      return(bytes);
     }

   // Write `text` at `at`; there must be room. Returns the position behind it.
   static int        Put(const string text, uchar &bytes[], const int at)
     {
      int length = StringLen(text);
      int end = at;
      for(int i = 0; i < length; i++)
        {
         uint point = (uint)StringGetCharacter(text, i);
         if(point >= 0xD800 && point <= 0xDBFF)
           {
            i++;
            point = 0x10000 + ((point - 0xD800) << 10) + ((uint)StringGetCharacter(text, i) - 0xDC00);
           }
         end = PutPoint(point, bytes, end);
        }
      return(end);
     }

   // Say whether `size` bytes from `begin` on are UTF-8.
   static bool       IsValid(const uchar &bytes[], const int begin, const int size)
     {
      int at = begin;
      int end = begin + size;
      while(at < end)
        {
         uint point = 0;
         int used = Point(bytes, at, end, point);
         if(used == 0)
            return(false);
         at += used;
        }
      return(true);
     }

   // The text of `size` bytes from `begin` on, which must be valid.
   static string     Text(const uchar &bytes[], const int begin, const int size)
     {
      ushort units[];
      ArrayResize(units, size + 1);
      int count = 0;
      int at = begin;
      int end = begin + size;
      while(at < end)
        {
         uint point = 0;
         int used = Point(bytes, at, end, point);
         if(used == 0)
            break;
         if(point >= 0x10000)
           {
            units[count] = (ushort)(0xD800 + ((point - 0x10000) >> 10));
            count++;
            point = 0xDC00 + ((point - 0x10000) & 0x3FF);
           }
         units[count] = (ushort)point;
         count++;
         at += used;
        }
      return(count == 0 ? "" : ShortArrayToString(units, 0, count));
     }

   // The bytes of `text` into `bytes`, resized to fit; -1 when it can't be written.
   static int        Bytes(const string text, uchar &bytes[])
     {
      int size = Size(text);
      if(size < 0)
         return(-1);
      ArrayResize(bytes, size);
      Put(text, bytes, 0);
      return(size);
     }

private:
   static bool       IsPair(const string text, const int i, const int length)
     {
      uint high = (uint)StringGetCharacter(text, i);
      if(high > 0xDBFF || i + 1 >= length)
         return(false);
      uint low = (uint)StringGetCharacter(text, i + 1);
      return(low >= 0xDC00 && low <= 0xDFFF);
     }

   static int        PutPoint(const uint point, uchar &bytes[], const int at)
     {
      if(point < 0x80)
        {
         bytes[at] = (uchar)point;
         return(at + 1);
        }
      if(point < 0x800)
        {
         bytes[at] = (uchar)(0xC0 | (point >> 6));
         bytes[at + 1] = (uchar)(0x80 | (point & 0x3F));
         return(at + 2);
        }
      if(point < 0x10000)
        {
         bytes[at] = (uchar)(0xE0 | (point >> 12));
         bytes[at + 1] = (uchar)(0x80 | ((point >> 6) & 0x3F));
         bytes[at + 2] = (uchar)(0x80 | (point & 0x3F));
         return(at + 3);
        }
      bytes[at] = (uchar)(0xF0 | (point >> 18));
      bytes[at + 1] = (uchar)(0x80 | ((point >> 12) & 0x3F));
      bytes[at + 2] = (uchar)(0x80 | ((point >> 6) & 0x3F));
      bytes[at + 3] = (uchar)(0x80 | (point & 0x3F));
      return(at + 4);
     }

   // Read one code point; returns how many bytes it took, 0 when it is not valid.
   static int        Point(const uchar &bytes[], const int at, const int end, uint &point)
     {
      uint first = (uint)bytes[at];
      if(first < 0x80)
        {
         point = first;
         return(1);
        }
      int more = first >= 0xF0 ? 3 : (first >= 0xE0 ? 2 : 1);
      if(first < 0xC2 || first > 0xF4 || at + more >= end)
         return(0);
      point = first & (uint)(more == 3 ? 0x07 : (more == 2 ? 0x0F : 0x1F));
      for(int i = 1; i <= more; i++)
        {
         uint next = (uint)bytes[at + i];
         if((next & 0xC0) != 0x80)
            return(0);
         point = (point << 6) | (next & 0x3F);
        }
      if(more == 2 && (point < 0x800 || (point >= 0xD800 && point <= 0xDFFF)))
         return(0);
      if(more == 3 && (point < 0x10000 || point > 0x10FFFF))
         return(0);
      return(more + 1);
     }
  };

#endif
