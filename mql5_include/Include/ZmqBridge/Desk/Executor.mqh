//+------------------------------------------------------------------+
//| Executor.mqh - commands to trade requests, and the broker's      |
//| answers to results. Knows no journal and no socket. Volume and   |
//| prices are put on the symbol's steps; what cannot pass is        |
//| rejected here with retcode 0, and nothing is sent.               |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_EXECUTOR_MQH
#define ZMQ_BRIDGE_EXECUTOR_MQH

#include <ZmqBridge/Desk/Command.mqh>
#include <ZmqBridge/Desk/Sweep.mqh>
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
         Sweep::CloseAll(command, result);
      else
         result.Reject("UNKNOWN_KIND: " + command.kind);
     }

private:
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
      TradeRequests::Clear(request, is_market ? TRADE_ACTION_DEAL : TRADE_ACTION_PENDING);
      request.symbol = command.symbol;
      request.type = TradeRequests::OrderType(command.side, command.order_type);
      request.volume = Market::Volume(command.symbol, command.volume);
      request.price = is_market && command.price <= 0.0 ? Market::Now(command.symbol, is_buy) : Market::Price(command.symbol, command.price);
      request.stoplimit = Market::Price(command.symbol, command.stoplimit);
      request.sl = Market::Price(command.symbol, command.sl);
      request.tp = Market::Price(command.symbol, command.tp);
      request.deviation = command.deviation;
      request.magic = command.magic;
      request.comment = command.Mark();
      request.type_filling = Market::Filling(command.symbol, !is_market);
      TradeRequests::SetExpiration(request, command.expiration_msc);
      string problem = PlaceProblem(command, request, is_buy, is_market);
      if(problem != "")
         result.Reject(problem);
      else
         OrderSender::Send(request, result);
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
      TradeRequests::Closing(request, volume, command.deviation, command.Mark());
      if(command.magic != 0)
         request.magic = command.magic;
      OrderSender::Send(request, result);
      if(result.position == 0)
         result.position = command.position;
     }

   void              CloseBy(const Command &command, CommandResult &result) const
     {
      MqlTradeRequest request;
      TradeRequests::Clear(request, TRADE_ACTION_CLOSE_BY);
      request.position = command.position;
      request.position_by = command.position_by;
      request.comment = command.Mark();
      if(!SelectPosition(command.position_by, result) || !SelectPosition(command.position, result))
         return;
      request.symbol = PositionGetString(POSITION_SYMBOL);
      OrderSender::Send(request, result);
     }

   void              ModifyPosition(const Command &command, CommandResult &result) const
     {
      if(!SelectPosition(command.position, result))
         return;
      MqlTradeRequest request;
      TradeRequests::Clear(request, TRADE_ACTION_SLTP);
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
         OrderSender::Send(request, result);
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
      TradeRequests::Clear(request, TRADE_ACTION_MODIFY);
      request.order = command.order;
      request.symbol = OrderGetString(ORDER_SYMBOL);
      request.price = Market::Price(request.symbol, command.price);
      request.stoplimit = Market::Price(request.symbol, command.stoplimit);
      request.sl = Market::Price(request.symbol, command.sl);
      request.tp = Market::Price(request.symbol, command.tp);
      request.type_filling = (ENUM_ORDER_TYPE_FILLING)OrderGetInteger(ORDER_TYPE_FILLING);
      TradeRequests::SetExpiration(request, command.expiration_msc);
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
         OrderSender::Send(request, result);
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
         OrderSender::Remove(command.order, result);
      result.order = command.order;
     }
  };

#endif
