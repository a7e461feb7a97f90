//+------------------------------------------------------------------+
//| Easing.mqh - changes that only ease: what the kill switch lets   |
//| pass. The stop comes nearer or stays where it is, and nothing    |
//| else of the ticket could cost more: a pending order keeps its    |
//| prices and its target, and rests no longer than before. Judged   |
//| by the ticket as the broker has it at this moment. One that is   |
//| not there cannot be made worse.                                  |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_EASING_MQH
#define ZMQ_BRIDGE_EASING_MQH

#include <ZmqBridge/Desk/Command.mqh>
#include <ZmqBridge/Desk/Market.mqh>
#include <ZmqBridge/Words.mqh>

class Easing
  {
public:
   // Whether a change only eases; false for what is no change.
   static bool       Only(const Command &command)
     {
      if(command.kind == "modify_position")
         return(!PositionSelectByTicket(command.position) || PositionEases(command));
      if(command.kind == "modify_order")
         return(!OrderSelect(command.order) || OrderEases(command));
      return(false);
     }

private:
   static bool       PositionEases(const Command &command)
     {
      string symbol = PositionGetString(POSITION_SYMBOL);
      bool is_buy = PositionGetInteger(POSITION_TYPE) == POSITION_TYPE_BUY;
      return(StopEases(is_buy, PositionGetDouble(POSITION_SL), Market::Price(symbol, command.sl)));
     }

   static bool       OrderEases(const Command &command)
     {
      string symbol = OrderGetString(ORDER_SYMBOL);
      bool is_buy = StringFind(Words::OrderType(OrderGetInteger(ORDER_TYPE)), "buy") == 0;
      return(Market::IsSame(symbol, OrderGetDouble(ORDER_PRICE_OPEN), command.price)
             && Market::IsSame(symbol, OrderGetDouble(ORDER_PRICE_STOPLIMIT), command.stoplimit)
             && Market::IsSame(symbol, OrderGetDouble(ORDER_TP), command.tp)
             && StopEases(is_buy, OrderGetDouble(ORDER_SL), Market::Price(symbol, command.sl))
             && RestsNoLonger(OrderGetInteger(ORDER_TIME_EXPIRATION), command.expiration_msc / 1000));
     }

   static bool       StopEases(const bool is_buy, const double old, const double wanted)
     {
      if(old <= 0.0 || wanted <= 0.0)
         return(old <= 0.0);
      return(is_buy ? wanted > old - PRICE_TOLERANCE : wanted < old + PRICE_TOLERANCE);
     }

   // Seconds; 0 is for ever.
   static bool       RestsNoLonger(const long old_s, const long wanted_s)
     {
      if(old_s <= 0 || wanted_s <= 0)
         return(old_s <= 0);
      return(wanted_s <= old_s);
     }
  };

#endif
