//+------------------------------------------------------------------+
//| TradeRequests.mqh - trade requests of each sort, filled in as far |
//| as no command decides it. Sends nothing.                         |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_TRADE_REQUESTS_MQH
#define ZMQ_BRIDGE_TRADE_REQUESTS_MQH

#include <ZmqBridge/Desk/Market.mqh>

class TradeRequests
  {
public:
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
  };

#endif
