//+------------------------------------------------------------------+
//| Executor.mqh - commands to trade requests, and the broker's      |
//| answers to results. Knows no journal and no socket. Volume and   |
//| prices are put on the symbol's steps; what cannot pass is        |
//| rejected here with retcode 0, and nothing is sent.               |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_EXECUTOR_MQH
#define ZMQ_BRIDGE_EXECUTOR_MQH

#include <ZmqBridge/Command.mqh>
#include <ZmqBridge/CommandResult.mqh>
#include <ZmqBridge/Deals.mqh>
#include <ZmqBridge/Log.mqh>
#include <ZmqBridge/Market.mqh>
#include <ZmqBridge/Retcodes.mqh>
#include <ZmqBridge/Words.mqh>

class Executor
  {
private:
   double            m_volume_max;   // the operator's; 0 = none

public:
                     Executor(void) : m_volume_max(0.0)
     {
     }

   void              Open(const double volume_max)
     {
      m_volume_max = volume_max;
     }

   // Carry out a trade command; the intent is on disk.
   void              Execute(const Command &command, CommandResult &result) const
     {
      result.Set(command.command_id, "rejected", "");
      if(TerminalInfoInteger(TERMINAL_CONNECTED) == 0)
         result.Reject("BROKER_AWAY: no connection to the trade server, nothing was sent");
      else if(command.kind == "place_order")
         PlaceOrder(command, result);
      else if(command.kind == "close_position")
         ClosePosition(command, result);
      else if(command.kind == "close_by")
         CloseBy(command, result);
      else if(command.kind == "modify_position")
         ModifyPosition(command, result);
      else if(command.kind == "modify_order")
         ModifyOrder(command, result);
      else if(command.kind == "cancel_order")
         CancelOrder(command, result);
      else if(command.kind == "close_all")
         CloseAll(command, result);
      else
         result.Reject("UNKNOWN_KIND: " + command.kind);
     }

private:
   // Send one request. What went wrong before it left is a rejection; what nobody answered is unknown.
   void              Send(const MqlTradeRequest &request, CommandResult &result) const
     {
      MqlTradeResult answer;
      ZeroMemory(answer);
      ResetLastError();
      bool is_sent = OrderSend(request, answer);
      int error = GetLastError();
      result.retcode = answer.retcode;
      result.retcode_name = Retcodes::Name(answer.retcode);
      result.status = Retcodes::Status(answer.retcode);
      result.message = answer.comment;
      result.order = answer.order;
      if(answer.retcode == TRADE_RETCODE_NO_CHANGES)
         result.status = "done"; // everything is as it was asked to be
      if(answer.retcode == 0)
         NotAnswered(is_sent, error, result);
      if(result.status == "done" && request.action == TRADE_ACTION_DEAL)
        {
         result.volume = answer.volume;
         result.price = answer.price;
         result.AddDeal(answer.deal);
         Deals::OfOrder(answer.order, result);
        }
      if(result.status == "done" && request.action == TRADE_ACTION_CLOSE_BY)
         Deals::OfOrder(answer.order, result);
      if(result.status != "done")
         Log::Say("command " + result.command_id + " " + result.status + ": " + (string)result.retcode + " " + result.retcode_name
                  + " " + result.message + (error != 0 ? ", error " + (string)error : ""));
     }

   static void       NotAnswered(const bool is_sent, const int error, CommandResult &result)
     {
      bool is_local = !is_sent && (error == ERR_TRADE_DISABLED || error == ERR_TRADE_WRONG_PROPERTY);
      result.status = is_local ? "rejected" : "unknown";
      result.message = (is_local ? "NOT_SENT: error " : "NO_ANSWER: error ") + (string)error + " " + result.message;
     }

   static void       Clear(MqlTradeRequest &request, const ENUM_TRADE_REQUEST_ACTIONS action)
     {
      ZeroMemory(request);
      request.action = action;
      request.type_time = ORDER_TIME_GTC;
     }

   static ENUM_ORDER_TYPE OrderType(const string side, const string order_type)
     {
      bool is_buy = side == "buy";
      if(order_type == "limit")
         return(is_buy ? ORDER_TYPE_BUY_LIMIT : ORDER_TYPE_SELL_LIMIT);
      if(order_type == "stop")
         return(is_buy ? ORDER_TYPE_BUY_STOP : ORDER_TYPE_SELL_STOP);
      if(order_type == "stop_limit")
         return(is_buy ? ORDER_TYPE_BUY_STOP_LIMIT : ORDER_TYPE_SELL_STOP_LIMIT);
      return(is_buy ? ORDER_TYPE_BUY : ORDER_TYPE_SELL);
     }

   static void       SetExpiration(MqlTradeRequest &request, const long expiration_msc)
     {
      if(expiration_msc <= 0)
         return;
      request.type_time = ORDER_TIME_SPECIFIED;
      request.expiration = (datetime)(expiration_msc / 1000);
     }

   void              PlaceOrder(const Command &command, CommandResult &result) const
     {
      if(!SymbolSelect(command.symbol, true))
        {
         result.Reject("UNKNOWN_SYMBOL: expected a symbol of this broker, found " + command.symbol);
         return;
        }
      bool is_buy = command.side == "buy";
      bool is_market = command.order_type == "market";
      MqlTradeRequest request;
      Clear(request, is_market ? TRADE_ACTION_DEAL : TRADE_ACTION_PENDING);
      request.symbol = command.symbol;
      request.type = OrderType(command.side, command.order_type);
      request.volume = Market::Volume(command.symbol, command.volume);
      request.price = is_market && command.price <= 0.0 ? Market::Now(command.symbol, is_buy) : Market::Price(command.symbol, command.price);
      request.stoplimit = Market::Price(command.symbol, command.stoplimit);
      request.sl = Market::Price(command.symbol, command.sl);
      request.tp = Market::Price(command.symbol, command.tp);
      request.deviation = command.deviation;
      request.magic = command.magic;
      request.comment = command.Mark();
      request.type_filling = Market::Filling(command.symbol, !is_market);
      SetExpiration(request, command.expiration_msc);
      string problem = PlaceProblem(command, request, is_buy, is_market);
      if(problem != "")
         result.Reject(problem);
      else
         Send(request, result);
     }

   string            PlaceProblem(const Command &command, const MqlTradeRequest &request, const bool is_buy, const bool is_market) const
     {
      string problem = Market::VolumeProblem(command.symbol, request.volume, m_volume_max);
      if(problem != "")
         return(problem + ", asked for " + DoubleToString(command.volume, 8));
      if(request.price <= 0.0)
         return(is_market ? "PRICE_OFF: no price of " + command.symbol : "INVALID_PRICE: price=" + DoubleToString(command.price, 8));
      if(!is_market)
         problem = Market::PendingProblem(command.symbol, is_buy, request.price);
      if(problem != "")
         return(problem);
      // A position's stops are measured from the side at which it closes; an order's from where it opens.
      double base = is_market ? Market::Now(command.symbol, !is_buy) : request.price;
      if(command.order_type == "stop_limit")
         base = request.stoplimit;
      return(Market::StopsProblem(command.symbol, is_buy, base, request.sl, request.tp));
     }

   // A request that closes `volume` of the selected position.
   static void       Closing(MqlTradeRequest &request, const double volume, const uint deviation, const string mark)
     {
      string symbol = PositionGetString(POSITION_SYMBOL);
      bool is_buy = PositionGetInteger(POSITION_TYPE) == POSITION_TYPE_SELL;
      Clear(request, TRADE_ACTION_DEAL);
      request.symbol = symbol;
      request.type = is_buy ? ORDER_TYPE_BUY : ORDER_TYPE_SELL;
      request.position = (ulong)PositionGetInteger(POSITION_TICKET);
      request.volume = volume;
      request.price = Market::Now(symbol, is_buy);
      request.deviation = deviation;
      request.magic = (ulong)PositionGetInteger(POSITION_MAGIC);
      request.comment = mark;
      request.type_filling = Market::Filling(symbol, false);
     }

   static bool       SelectPosition(const ulong ticket, CommandResult &result)
     {
      if(PositionSelectByTicket(ticket))
         return(true);
      result.Reject("position: expected an open one, found " + (string)ticket);
      result.retcode = TRADE_RETCODE_POSITION_CLOSED;
      result.retcode_name = Retcodes::Name(TRADE_RETCODE_POSITION_CLOSED);
      result.position = ticket;
      return(false);
     }

   void              ClosePosition(const Command &command, CommandResult &result) const
     {
      if(!SelectPosition(command.position, result))
         return;
      double held = PositionGetDouble(POSITION_VOLUME);
      double volume = command.volume > 0.0 ? Market::Volume(command.symbol, command.volume) : held;
      if(command.volume < 0.0 || volume <= 0.0 || volume > held + STEP_TOLERANCE)
        {
         result.Reject("INVALID_CLOSE_VOLUME: volume=" + DoubleToString(command.volume, 8) + ", held=" + DoubleToString(held, 8));
         return;
        }
      MqlTradeRequest request;
      Closing(request, volume, command.deviation, command.Mark());
      if(command.magic != 0)
         request.magic = command.magic;
      Send(request, result);
      if(result.position == 0)
         result.position = command.position;
     }

   void              CloseBy(const Command &command, CommandResult &result) const
     {
      MqlTradeRequest request;
      Clear(request, TRADE_ACTION_CLOSE_BY);
      request.position = command.position;
      request.position_by = command.position_by;
      request.comment = command.Mark();
      if(!SelectPosition(command.position_by, result) || !SelectPosition(command.position, result))
         return;
      request.symbol = PositionGetString(POSITION_SYMBOL);
      Send(request, result);
     }

   void              ModifyPosition(const Command &command, CommandResult &result) const
     {
      if(!SelectPosition(command.position, result))
         return;
      MqlTradeRequest request;
      Clear(request, TRADE_ACTION_SLTP);
      request.symbol = PositionGetString(POSITION_SYMBOL);
      request.position = command.position;
      request.sl = Market::Price(request.symbol, command.sl);
      request.tp = Market::Price(request.symbol, command.tp);
      bool is_buy = PositionGetInteger(POSITION_TYPE) == POSITION_TYPE_BUY;
      double now = Market::Now(request.symbol, !is_buy);
      string problem = Market::FrozenProblem(request.symbol, !is_buy, PositionGetDouble(POSITION_SL));
      if(problem == "")
         problem = Market::FrozenProblem(request.symbol, !is_buy, PositionGetDouble(POSITION_TP));
      if(problem == "" && now > 0.0)
         problem = Market::StopsProblem(request.symbol, is_buy, now, request.sl, request.tp);
      if(problem != "")
         result.Reject(problem);
      else
         Send(request, result);
      result.position = command.position;
     }

   static bool       SelectOrder(const ulong ticket, CommandResult &result)
     {
      if(OrderSelect(ticket))
         return(true);
      result.Reject("order: expected a pending one, found " + (string)ticket);
      result.retcode = TRADE_RETCODE_INVALID_ORDER;
      result.retcode_name = Retcodes::Name(TRADE_RETCODE_INVALID_ORDER);
      result.order = ticket;
      return(false);
     }

   // Whether the selected order buys.
   static bool       IsBuying(void)
     {
      return(StringFind(Words::OrderType(OrderGetInteger(ORDER_TYPE)), "buy") == 0);
     }

   void              ModifyOrder(const Command &command, CommandResult &result) const
     {
      if(!SelectOrder(command.order, result))
         return;
      MqlTradeRequest request;
      Clear(request, TRADE_ACTION_MODIFY);
      request.order = command.order;
      request.symbol = OrderGetString(ORDER_SYMBOL);
      request.price = Market::Price(request.symbol, command.price);
      request.stoplimit = Market::Price(request.symbol, command.stoplimit);
      request.sl = Market::Price(request.symbol, command.sl);
      request.tp = Market::Price(request.symbol, command.tp);
      request.type_filling = (ENUM_ORDER_TYPE_FILLING)OrderGetInteger(ORDER_TYPE_FILLING);
      SetExpiration(request, command.expiration_msc);
      bool is_buy = IsBuying();
      string problem = Market::FrozenProblem(request.symbol, is_buy, OrderGetDouble(ORDER_PRICE_OPEN));
      if(problem == "")
         problem = Market::PendingProblem(request.symbol, is_buy, request.price);
      if(problem == "")
         problem = Market::StopsProblem(request.symbol, is_buy, request.stoplimit > 0.0 ? request.stoplimit : request.price,
                                        request.sl, request.tp);
      if(problem != "")
         result.Reject(problem);
      else
         Send(request, result);
      result.order = command.order;
     }

   void              CancelOrder(const Command &command, CommandResult &result) const
     {
      if(!SelectOrder(command.order, result))
         return;
      string problem = Market::FrozenProblem(OrderGetString(ORDER_SYMBOL), IsBuying(), OrderGetDouble(ORDER_PRICE_OPEN));
      if(problem != "")
         result.Reject(problem);
      else
         Remove(command.order, result);
      result.order = command.order;
     }

   void              Remove(const ulong ticket, CommandResult &result) const
     {
      MqlTradeRequest request;
      Clear(request, TRADE_ACTION_REMOVE);
      request.order = ticket;
      Send(request, result);
     }

   // Close one after the other; what failed does not keep the rest from being closed.
   void              CloseAll(const Command &command, CommandResult &result) const
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
            Remove(orders[i - ArraySize(positions)], one);
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
   void              CloseOne(const Command &command, const ulong ticket, CommandResult &one) const
     {
      if(!PositionSelectByTicket(ticket))
         return;
      MqlTradeRequest request;
      Closing(request, PositionGetDouble(POSITION_VOLUME), command.deviation, command.Mark());
      Send(request, one);
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
