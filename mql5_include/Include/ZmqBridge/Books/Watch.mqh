//+------------------------------------------------------------------+
//| Watch.mqh - deals, orders and specifications become the events   |
//| `deal`, `order` and `symbol`. Every deal at least once, whatever |
//| was down meanwhile: by DEAL_ADD at once, and by re-reading the   |
//| history with overlap. The bridge knows a deal by its ticket.     |
//| Transactions come in any order and only say where to look.       |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_WATCH_MQH
#define ZMQ_BRIDGE_WATCH_MQH

#include <ZmqBridge/Books/Books.mqh>
#include <ZmqBridge/Books/Deals.mqh>
#include <ZmqBridge/Journal/Memory.mqh>
#include <ZmqBridge/Books/Specs.mqh>
#include <ZmqBridge/Books/TicketSet.mqh>

class Watch
  {
private:
   Memory           *m_memory;         // the owner's
   Specs            *m_specs;          // the owner's
   TicketSet         m_told;           // deals told by this start
   ulong             m_missing[];      // deals heard of whose details the history doesn't show yet
   long              m_missing_until[];
   ulong             m_orders[];       // orders to look at
   ulong             m_placed[];       // resting orders and the hash of what was told of them
   ulong             m_placed_hash[];
   ulong             m_unsettled[];    // positions that deals told of and the terminal doesn't show yet
   ulong             m_unsettled_seq[];  // last event before that deal's
   long              m_unsettled_until[];

public:
                     Watch(Memory *memory, Specs *specs) : m_memory(memory), m_specs(specs)
     {
     }

   // Take in a transaction; true when books changed.
   bool              Take(const MqlTradeTransaction &transaction, const long now_ms)
     {
      if(transaction.order != 0)
         AddOrder(transaction.order);
      if(transaction.type == TRADE_TRANSACTION_DEAL_ADD && transaction.deal != 0)
         Deal(transaction.deal, now_ms);
      return(transaction.order != 0 || transaction.deal != 0 || transaction.type == TRADE_TRANSACTION_POSITION);
     }

   // Tell a deal now, or as soon as its details are there.
   void              Deal(const ulong ticket, const long now_ms)
     {
      if(m_told.Has(ticket))
         return;
      if(HistoryDealSelect(ticket))
        {
         TellDeal(ticket, now_ms);
         return;
        }
      int count = ArraySize(m_missing);
      for(int i = 0; i < count; i++)
         if(m_missing[i] == ticket)
            return;
      if(count >= PENDING_MAX)
         return; // the re-read of every minute finds it
      ArrayResize(m_missing, count + 1, 64);
      ArrayResize(m_missing_until, count + 1, 64);
      m_missing[count] = ticket;
      m_missing_until[count] = now_ms + SETTLE_MS;
      Unsettle(0, now_ms);
     }

   // Look at what transactions named.
   void              Turn(const long now_ms)
     {
      Missing(now_ms);
      for(int i = 0; i < ArraySize(m_orders); i++)
         TellOrder(m_orders[i]);
      ArrayResize(m_orders, 0, 64);
     }

   // Whether there is something to look at.
   bool              IsBusy(void) const
     {
      return(ArraySize(m_missing) > 0 || ArraySize(m_orders) > 0);
     }

   // Tell deals since a time that this start has not told.
   int               Reread(const long from_msc, const long now_ms)
     {
      ResetLastError();
      if(!HistorySelect((datetime)(MathMax(0, from_msc) / 1000), (datetime)FOREVER_S))
        {
         g_log.Repeat("deals can't be read, error " + (string)GetLastError());
         return(0);
        }
      int told = 0;
      int total = HistoryDealsTotal();
      for(int i = 0; i < total; i++)
        {
         ulong ticket = HistoryDealGetTicket(i);
         if(ticket == 0 || m_told.Has(ticket))
            continue;
         TellDeal(ticket, now_ms);
         told++;
        }
      return(told);
     }

   // The usual re-read: from before the newest deal that was ever told, or from before now.
   int               RereadOverlap(const long now_ms)
     {
      long newest = m_memory.DealToldMsc();
      long now = Clock::MarketMsc();
      if(newest <= 0 || newest > now)
         newest = now;
      return(Reread(newest - DEALS_OVERLAP_MS, now_ms));
     }

   // Tell every deal since a time again, unless it waits for acknowledgement anyway: the bridge asked for it.
   int               Retell(const long from_msc, const long now_ms)
     {
      m_told.Clear();
      for(int i = m_memory.events.First(); i < m_memory.events.End(); i++)
        {
         KeptEvent *event = m_memory.events.At(i);
         if(!event.is_gone && event.deal != 0)
            m_told.Add(event.deal);
        }
      return(Reread(from_msc, now_ms));
     }

   // Tell specifications that differ from what the bridge has; or only those that lack a probe and can have one now.
   void              ChangedSpecs(const bool only_probes)
     {
      for(int i = 0; i < m_specs.Count(); i++)
        {
         if(only_probes ? !m_specs.CanBeProbed(i) : m_specs.IsTold(i))
            continue;
         MsgpackWriter writer;
         if(m_specs.Tell(i, writer))
            m_memory.Tell("symbol", writer, "", 0);
        }
     }

   // The last event whose effect the terminal's books show: what a snapshot may claim to include.
   ulong             BooksSeq(const long now_ms)
     {
      ulong seq = m_memory.LastSeq();
      int kept = 0;
      for(int i = 0; i < ArraySize(m_unsettled); i++)
        {
         bool is_there = m_unsettled[i] != 0 ? PositionSelectByTicket(m_unsettled[i]) : ArraySize(m_missing) == 0;
         if(is_there || now_ms >= m_unsettled_until[i])
            continue;
         seq = MathMin(seq, m_unsettled_seq[i]);
         m_unsettled[kept] = m_unsettled[i];
         m_unsettled_seq[kept] = m_unsettled_seq[i];
         m_unsettled_until[kept] = m_unsettled_until[i];
         kept++;
        }
      ResizeUnsettled(kept);
      return(seq);
     }

private:
   void              ResizeUnsettled(const int count)
     {
      ArrayResize(m_unsettled, count, 64);
      ArrayResize(m_unsettled_seq, count, 64);
      ArrayResize(m_unsettled_until, count, 64);
     }

   // From here on books are behind until the position shows; 0 = until the missing deals do.
   void              Unsettle(const ulong position, const long now_ms)
     {
      int count = ArraySize(m_unsettled);
      if(count >= PENDING_MAX)
         return;
      ResizeUnsettled(count + 1);
      m_unsettled[count] = position;
      m_unsettled_seq[count] = m_memory.LastSeq();
      m_unsettled_until[count] = now_ms + SETTLE_MS;
     }

   // The deal is in the selected history.
   void              TellDeal(const ulong ticket, const long now_ms)
     {
      MsgpackWriter writer;
      bool is_known = Books::Deal(writer, ticket);
      long time_msc = HistoryDealGetInteger(ticket, DEAL_TIME_MSC);
      ulong position = (ulong)HistoryDealGetInteger(ticket, DEAL_POSITION_ID);
      bool opens = HistoryDealGetInteger(ticket, DEAL_ENTRY) == DEAL_ENTRY_IN && position != 0;
      bool is_new = time_msc > Clock::MarketMsc() - SETTLE_MS - 1000;
      m_told.Add(ticket);
      if(!is_known)
        {
         Log::Say("deal " + (string)ticket + " is not told: expected a type and entry of the wire, found "
                  + (string)HistoryDealGetInteger(ticket, DEAL_TYPE) + ", " + (string)HistoryDealGetInteger(ticket, DEAL_ENTRY));
         return;
        }
      if(opens && is_new && !PositionSelectByTicket(position))
         Unsettle(position, now_ms);
      m_memory.Tell("deal", writer, "", ticket);
      m_memory.NoteDeal(ticket, time_msc);
     }

   void              Missing(const long now_ms)
     {
      int kept = 0;
      for(int i = 0; i < ArraySize(m_missing); i++)
        {
         if(m_told.Has(m_missing[i]))
            continue;
         if(HistoryDealSelect(m_missing[i]))
           {
            TellDeal(m_missing[i], now_ms);
            continue;
           }
         if(now_ms >= m_missing_until[i])
           {
            g_log.Repeat("deal " + (string)m_missing[i] + " is not in the history yet; the next re-read looks for it");
            continue;
           }
         m_missing[kept] = m_missing[i];
         m_missing_until[kept] = m_missing_until[i];
         kept++;
        }
      ArrayResize(m_missing, kept, 64);
      ArrayResize(m_missing_until, kept, 64);
     }

   void              AddOrder(const ulong ticket)
     {
      int count = ArraySize(m_orders);
      for(int i = 0; i < count; i++)
         if(m_orders[i] == ticket)
            return;
      if(count >= PENDING_MAX)
         return; // the next snapshot shows it
      ArrayResize(m_orders, count + 1, 64);
      m_orders[count] = ticket;
     }

   // Tell the present state of an order, if it is another than told last.
   void              TellOrder(const ulong ticket)
     {
      bool is_open = OrderSelect(ticket);
      if(!is_open && !HistoryOrderSelect(ticket))
         return;
      MsgpackWriter writer;
      string state = Words::OrderState(is_open ? OrderGetInteger(ORDER_STATE) : HistoryOrderGetInteger(ticket, ORDER_STATE));
      if(state == "started" || !Books::Order(writer, ticket, !is_open) || !IsNews(ticket, Hash(writer), is_open))
         return;
      m_memory.Tell("order", writer, "", 0);
     }

   // Remember what is told of a resting order; one that has ended is forgotten.
   bool              IsNews(const ulong ticket, const ulong hash, const bool is_open)
     {
      int count = ArraySize(m_placed);
      int at = 0;
      while(at < count && m_placed[at] != ticket)
         at++;
      if(at < count && m_placed_hash[at] == hash)
         return(false);
      if(at == count && (is_open || count < PENDING_MAX))
        {
         ArrayResize(m_placed, count + 1, 64);
         ArrayResize(m_placed_hash, count + 1, 64);
         m_placed[at] = ticket;
        }
      if(at < ArraySize(m_placed))
         m_placed_hash[at] = hash;
      if(ArraySize(m_placed) > PENDING_MAX)
         ForgetOldest();
      return(true);
     }

   // The oldest half goes; its orders may be told twice, which does no harm.
   void              ForgetOldest(void)
     {
      int count = ArraySize(m_placed) / 2;
      int first = ArraySize(m_placed) - count;
      for(int i = 0; i < count; i++)
        {
         m_placed[i] = m_placed[first + i];
         m_placed_hash[i] = m_placed_hash[first + i];
        }
      ArrayResize(m_placed, count, 64);
      ArrayResize(m_placed_hash, count, 64);
     }

   static ulong      Hash(const MsgpackWriter &writer)
     {
      ulong hash = 14695981039346656037;
      for(int i = 0; i < writer.Size(); i++)
         hash = (hash ^ (ulong)writer.data[i]) * 1099511628211;
      return(hash);
     }
  };

#endif
