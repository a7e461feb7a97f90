//+------------------------------------------------------------------+
//| TicketSet.mqh - a set of tickets, kept sorted: those that come   |
//| are mostly higher than all before.                               |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_TICKET_SET_MQH
#define ZMQ_BRIDGE_TICKET_SET_MQH

class TicketSet
  {
private:
   ulong             m_tickets[];
   int               m_count;

public:
                     TicketSet(void) : m_count(0)
     {
     }

   void              Clear(void)
     {
      m_count = 0;
     }

   int               Count(void) const
     {
      return(m_count);
     }

   ulong             At(const int i) const
     {
      return(m_tickets[i]);
     }

   bool              Has(const ulong ticket) const
     {
      int at = Place(ticket);
      return(at < m_count && m_tickets[at] == ticket);
     }

   void              Add(const ulong ticket)
     {
      int at = Place(ticket);
      if(at < m_count && m_tickets[at] == ticket)
         return;
      if(m_count >= ArraySize(m_tickets))
         ArrayResize(m_tickets, 2 * m_count + 64);
      for(int i = m_count; i > at; i--)
         m_tickets[i] = m_tickets[i - 1];
      m_tickets[at] = ticket;
      m_count++;
     }

private:
   // Where the ticket is or would be.
   int               Place(const ulong ticket) const
     {
      int low = 0;
      int high = m_count;
      while(low < high)
        {
         int middle = (low + high) / 2;
         if(m_tickets[middle] < ticket)
            low = middle + 1;
         else
            high = middle;
        }
      return(low);
     }
  };

#endif
