//+------------------------------------------------------------------+
//| Checksum.mqh - CRC-32 (the one of zip and Ethernet).             |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_CHECKSUM_MQH
#define ZMQ_BRIDGE_CHECKSUM_MQH

class Checksum
  {
private:
   uint              m_table[256];

public:
                     Checksum(void)
     {
      for(int i = 0; i < 256; i++)
        {
         uint value = (uint)i;
         for(int bit = 0; bit < 8; bit++)
            value = (value & 1) != 0 ? 0xEDB88320 ^ (value >> 1) : value >> 1;
         m_table[i] = value;
        }
     }

   uint              Of(const uchar &bytes[], const int begin, const int size) const
     {
      uint sum = 0xFFFFFFFF;
      for(int i = 0; i < size; i++)
         sum = m_table[(int)((sum ^ (uint)bytes[begin + i]) & 0xFF)] ^ (sum >> 8);
      return(sum ^ 0xFFFFFFFF);
     }
  };

#endif
