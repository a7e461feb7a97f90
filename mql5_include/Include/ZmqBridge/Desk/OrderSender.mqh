//+------------------------------------------------------------------+
//| OrderSender.mqh - one trade request to the broker, and its answer |
//| as a result: retcode by number and name, deals, status.          |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_ORDER_SENDER_MQH
#define ZMQ_BRIDGE_ORDER_SENDER_MQH

#include <ZmqBridge/Desk/CommandResult.mqh>
#include <ZmqBridge/Books/Deals.mqh>
#include <ZmqBridge/Log.mqh>
#include <ZmqBridge/Desk/Retcodes.mqh>
#include <ZmqBridge/Desk/TradeRequests.mqh>

class OrderSender
  {
public:
   // Send one request. What went wrong before it left is a rejection; what nobody answered is unknown.
   static void       Send(const MqlTradeRequest &request, CommandResult &result)
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

   static void       Remove(const ulong ticket, CommandResult &result)
     {
      MqlTradeRequest request;
      TradeRequests::Clear(request, TRADE_ACTION_REMOVE);
      request.order = ticket;
      Send(request, result);
     }

private:
   static void       NotAnswered(const bool is_sent, const int error, CommandResult &result)
     {
      bool is_local = !is_sent && (error == ERR_TRADE_DISABLED || error == ERR_TRADE_WRONG_PROPERTY);
      result.status = is_local ? "rejected" : "unknown";
      result.message = (is_local ? "NOT_SENT: error " : "NO_ANSWER: error ") + (string)error + " " + result.message;
     }
  };

#endif
