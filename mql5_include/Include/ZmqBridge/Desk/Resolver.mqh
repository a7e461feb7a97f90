//+------------------------------------------------------------------+
//| Resolver.mqh - what became of a command that nobody answered:    |
//| found in the broker's own records, by its comment (the           |
//| command_id on orders, positions and history) or by its effect    |
//| (changes and cancellations leave no comment). Not found:         |
//| nothing is concluded here.                                       |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_RESOLVER_MQH
#define ZMQ_BRIDGE_RESOLVER_MQH

#include <ZmqBridge/Clock.mqh>
#include <ZmqBridge/Desk/Command.mqh>
#include <ZmqBridge/Books/Deals.mqh>
#include <ZmqBridge/Desk/Market.mqh>
#include <ZmqBridge/Desk/Retcodes.mqh>
#include <ZmqBridge/Words.mqh>

#define LOOK_BACK_S 86400      // before the command was made: clocks and offsets may be wrong

class Resolver
  {
public:
   // Look a command up by its comment; false when there is no trace of it.
   static bool       Find(const string command_id, CommandResult &result)
     {
      result.Set(command_id, "done", "found at the broker");
      if(FindResting(command_id, result))
         return(true);
      SelectSince(command_id);
      ulong orders[];
      double wanted = 0.0;
      bool is_market = true;
      string last_state = "";
      int total = HistoryOrdersTotal();
      for(int i = 0; i < total; i++)
        {
         ulong ticket = HistoryOrderGetTicket(i);
         if(ticket == 0 || !IsMarked(HistoryOrderGetString(ticket, ORDER_COMMENT), command_id))
            continue;
         AddTicket(orders, ticket);
         wanted += HistoryOrderGetDouble(ticket, ORDER_VOLUME_INITIAL);
         string type = Words::OrderType(HistoryOrderGetInteger(ticket, ORDER_TYPE));
         is_market = type == "buy" || type == "sell" || type == "";
         last_state = Words::OrderState(HistoryOrderGetInteger(ticket, ORDER_STATE));
        }
      AddOrdersOfDeals(command_id, orders);
      int count = ArraySize(orders);
      if(count == 0)
         return(FindPosition(command_id, result));
      double lots = CollectAll(orders, result);
      result.order = orders[count - 1];
      if(lots > 0.0)
         SetRetcode(result, is_market && lots < wanted - STEP_TOLERANCE ? TRADE_RETCODE_DONE_PARTIAL : TRADE_RETCODE_DONE);
      else if(is_market)
         WithoutDeals(last_state, result);
      else
         SetRetcode(result, TRADE_RETCODE_DONE);
      return(true);
     }

   // Whether what a change or a cancellation asks for is already so.
   static bool       IsInEffect(const Command &command)
     {
      if(command.kind == "modify_position")
         return(PositionSelectByTicket(command.position)
                && Market::IsSame(PositionGetString(POSITION_SYMBOL), PositionGetDouble(POSITION_SL), command.sl)
                && Market::IsSame(PositionGetString(POSITION_SYMBOL), PositionGetDouble(POSITION_TP), command.tp));
      if(command.kind == "modify_order")
         return(OrderSelect(command.order) && IsOrderAsAsked(command));
      if(command.kind == "cancel_order")
         return(!OrderSelect(command.order) && HistoryOrderSelect(command.order)
                && HistoryOrderGetInteger(command.order, ORDER_STATE) == ORDER_STATE_CANCELED);
      if(command.kind == "close_by")
         return(!PositionSelectByTicket(command.position) && !PositionSelectByTicket(command.position_by));
      return(false);
     }

private:
   static bool       IsMarked(const string comment, const string command_id)
     {
      return(StringFind(comment, command_id) == 0);
     }

   static void       SetRetcode(CommandResult &result, const uint retcode)
     {
      result.retcode = retcode;
      result.retcode_name = Retcodes::Name(retcode);
     }

   static void       AddTicket(ulong &tickets[], const ulong ticket)
     {
      int count = ArraySize(tickets);
      for(int i = 0; i < count; i++)
         if(tickets[i] == ticket)
            return;
      ArrayResize(tickets, count + 1);
      tickets[count] = ticket;
     }

   static bool       SelectSince(const string command_id)
     {
      long made_s = Command::MadeMs(command_id) / 1000 + Clock::ServerOffsetS();
      long now_s = Clock::MarketMsc() / 1000;
      long from_s = MathMax(0, MathMin(made_s, now_s) - LOOK_BACK_S);
      return(HistorySelect((datetime)from_s, (datetime)FOREVER_S));
     }

   // An order with the comment that is still at the broker: a pending one rests, a market order is on its way.
   static bool       FindResting(const string command_id, CommandResult &result)
     {
      for(int i = OrdersTotal() - 1; i >= 0; i--)
        {
         ulong ticket = OrderGetTicket(i);
         if(ticket == 0 || !IsMarked(OrderGetString(ORDER_COMMENT), command_id))
            continue;
         string type = Words::OrderType(OrderGetInteger(ORDER_TYPE));
         bool is_market = type == "buy" || type == "sell";
         result.order = ticket;
         SelectSince(command_id);
         Deals::Collect(ticket, result);
         result.status = is_market ? "accepted" : "done";
         SetRetcode(result, is_market ? TRADE_RETCODE_PLACED : TRADE_RETCODE_DONE);
         return(true);
        }
      return(false);
     }

   // A position that the history does not show yet: the order was filled, its deal comes.
   static bool       FindPosition(const string command_id, CommandResult &result)
     {
      for(int i = PositionsTotal() - 1; i >= 0; i--)
        {
         ulong ticket = PositionGetTicket(i);
         if(ticket == 0 || !IsMarked(PositionGetString(POSITION_COMMENT), command_id))
            continue;
         result.position = ticket;
         result.status = "accepted";
         SetRetcode(result, TRADE_RETCODE_PLACED);
         result.message = "its position is there, its deal is not in the history yet";
         return(true);
        }
      return(false);
     }

   // Orders whose own comment the broker changed, found by their deals.
   static void       AddOrdersOfDeals(const string command_id, ulong &orders[])
     {
      int total = HistoryDealsTotal();
      for(int i = 0; i < total; i++)
        {
         ulong ticket = HistoryDealGetTicket(i);
         if(ticket != 0 && IsMarked(HistoryDealGetString(ticket, DEAL_COMMENT), command_id))
            AddTicket(orders, (ulong)HistoryDealGetInteger(ticket, DEAL_ORDER));
        }
     }

   static double     CollectAll(const ulong &orders[], CommandResult &result)
     {
      double lots = 0.0;
      for(int i = 0; i < ArraySize(orders); i++)
         lots += Deals::Collect(orders[i], result);
      if(lots > 0.0)
         result.volume = NormalizeDouble(lots, 8);
      return(lots);
     }

   // A market order that ended without a fill; the history may be behind, so a filled one is awaited.
   static void       WithoutDeals(const string state, CommandResult &result)
     {
      bool is_coming = state == "filled" || state == "partial" || state == "started" || state == "placed" || state == "";
      result.status = is_coming ? "accepted" : "rejected";
      SetRetcode(result, is_coming ? TRADE_RETCODE_PLACED : TRADE_RETCODE_REJECT);
      result.message = is_coming ? "at the broker, its deal is not in the history yet" : "order ended " + state;
     }

   static bool       IsOrderAsAsked(const Command &command)
     {
      string symbol = OrderGetString(ORDER_SYMBOL);
      return(Market::IsSame(symbol, OrderGetDouble(ORDER_PRICE_OPEN), command.price)
             && Market::IsSame(symbol, OrderGetDouble(ORDER_PRICE_STOPLIMIT), command.stoplimit)
             && Market::IsSame(symbol, OrderGetDouble(ORDER_SL), command.sl)
             && Market::IsSame(symbol, OrderGetDouble(ORDER_TP), command.tp)
             && OrderGetInteger(ORDER_TIME_EXPIRATION) == command.expiration_msc / 1000);
     }
  };

#endif
