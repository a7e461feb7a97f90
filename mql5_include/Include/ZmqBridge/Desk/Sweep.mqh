//+------------------------------------------------------------------+
//| Sweep.mqh - close_all: every position, and every pending order   |
//| if asked for, of one symbol or of all. Reports the worst that    |
//| came of it, and all deals.                                       |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_SWEEP_MQH
#define ZMQ_BRIDGE_SWEEP_MQH

#include <ZmqBridge/Desk/Command.mqh>
#include <ZmqBridge/Desk/OrderSender.mqh>

class Sweep
  {
public:
   // Close one after the other; what failed does not keep the rest from being closed.
   static void       CloseAll(const Command &command, CommandResult &result)
     {
      ulong positions[];
      ulong orders[];
      Tickets(command, positions, orders);
      int done = 0;
      string worst = "done";
      result.Set(command.command_id, "done", "");
      CommandResult one;
      for(int i = 0; i < ArraySize(positions) + ArraySize(orders); i++)
        {
         one.Set(command.command_id, "done", "");
         if(i < ArraySize(positions))
            CloseOne(command, positions[i], one);
         else
            OrderSender::Remove(orders[i - ArraySize(positions)], one);
         if(one.status == "done")
            done++;
         Add(one, result, worst);
        }
      int count = ArraySize(positions) + ArraySize(orders);
      result.status = worst;
      result.message = count == 0 ? "nothing open" : (string)done + " of " + (string)count + " done. " + result.message;
      if(result.retcode == 0 && worst == "done")
        {
         result.retcode = TRADE_RETCODE_DONE;
         result.retcode_name = "DONE";
        }
     }

private:
   static void       Tickets(const Command &command, ulong &positions[], ulong &orders[])
     {
      for(int i = PositionsTotal() - 1; i >= 0; i--)
        {
         ulong ticket = PositionGetTicket(i);
         if(ticket != 0 && (command.symbol == "" || PositionGetString(POSITION_SYMBOL) == command.symbol))
            Push(positions, ticket);
        }
      for(int i = command.cancel_pending ? OrdersTotal() - 1 : -1; i >= 0; i--)
        {
         ulong ticket = OrderGetTicket(i);
         if(ticket != 0 && (command.symbol == "" || OrderGetString(ORDER_SYMBOL) == command.symbol))
            Push(orders, ticket);
        }
     }

   static void       Push(ulong &tickets[], const ulong ticket)
     {
      int count = ArraySize(tickets);
      ArrayResize(tickets, count + 1, 64);
      tickets[count] = ticket;
     }

   // A position that is gone by now is closed.
   static void       CloseOne(const Command &command, const ulong ticket, CommandResult &one)
     {
      if(!PositionSelectByTicket(ticket))
         return;
      MqlTradeRequest request;
      TradeRequests::Closing(request, PositionGetDouble(POSITION_VOLUME), command.deviation, command.Mark());
      OrderSender::Send(request, one);
     }

   // Sum up: the worst status decides, with its retcode and message; deals are all of them.
   static void       Add(const CommandResult &one, CommandResult &sum, string &worst)
     {
      for(int i = 0; i < ArraySize(one.deals); i++)
         sum.AddDeal(one.deals[i]);
      sum.volume += one.volume;
      if(Rank(one.status) > Rank(worst))
         return;
      worst = one.status;
      sum.retcode = one.retcode;
      sum.retcode_name = one.retcode_name;
      sum.message = one.message;
     }

   static int        Rank(const string status)
     {
      return(status == "unknown" ? 0 : (status == "rejected" ? 1 : (status == "accepted" ? 2 : 3)));
     }
  };

#endif
