//+------------------------------------------------------------------+
//| Deals.mqh - the deals that an order made, from the terminal's    |
//| own history.                                                     |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_DEALS_MQH
#define ZMQ_BRIDGE_DEALS_MQH

#include <ZmqBridge/Clock.mqh>
#include <ZmqBridge/Desk/CommandResult.mqh>

#define FOREVER_S 4102444800      // 2100-01-01: the end of a selection that shall have no end
#define RECENT_S 3600             // how far back the deals of an order just sent are looked for

class Deals
  {
public:
   // Add the deals of an order that was just sent to `result`, with their volume, price and position.
   static void       OfOrder(const ulong order, CommandResult &result)
     {
      datetime from = (datetime)(Clock::MarketMsc() / 1000 - RECENT_S);
      if(order == 0 || !HistorySelect(from, (datetime)FOREVER_S))
         return;
      Collect(order, result);
     }

   // The same from the history that is selected; returns the lots.
   static double     Collect(const ulong order, CommandResult &result)
     {
      double lots = 0.0;
      double amount = 0.0;
      int total = HistoryDealsTotal();
      for(int i = 0; i < total; i++)
        {
         ulong ticket = HistoryDealGetTicket(i);
         if(ticket == 0 || (ulong)HistoryDealGetInteger(ticket, DEAL_ORDER) != order)
            continue;
         double volume = HistoryDealGetDouble(ticket, DEAL_VOLUME);
         lots += volume;
         amount += volume * HistoryDealGetDouble(ticket, DEAL_PRICE);
         result.AddDeal(ticket);
         result.position = (ulong)HistoryDealGetInteger(ticket, DEAL_POSITION_ID);
        }
      if(lots > 0.0)
        {
         result.volume = NormalizeDouble(lots, 8);
         result.price = ArraySize(result.deals) == 1 ? HistoryDealGetDouble(result.deals[0], DEAL_PRICE) : NormalizeDouble(amount / lots, 8);
        }
      return(lots);
     }
  };

#endif
