//+------------------------------------------------------------------+
//| Retcodes.mqh - the trade server's return codes by name, and what |
//| each means for a command. `retcode` decides, not OrderSend's     |
//| bool: 10008 is accepted, not a fill; a timeout may have been     |
//| executed.                                                        |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_RETCODES_MQH
#define ZMQ_BRIDGE_RETCODES_MQH

class Retcodes
  {
public:
   // MT5's name without its prefix; an unknown number is named by itself, never hidden.
   static string     Name(const uint retcode)
     {
      switch((int)retcode)
        {
         case 0: return("");
         case 10004: return("REQUOTE");
         case 10006: return("REJECT");
         case 10007: return("CANCEL");
         case 10008: return("PLACED");
         case 10009: return("DONE");
         case 10010: return("DONE_PARTIAL");
         case 10011: return("ERROR");
         case 10012: return("TIMEOUT");
         case 10013: return("INVALID");
         case 10014: return("INVALID_VOLUME");
         case 10015: return("INVALID_PRICE");
         case 10016: return("INVALID_STOPS");
         case 10017: return("TRADE_DISABLED");
         case 10018: return("MARKET_CLOSED");
         case 10019: return("NO_MONEY");
         case 10020: return("PRICE_CHANGED");
         case 10021: return("PRICE_OFF");
         case 10022: return("INVALID_EXPIRATION");
         case 10023: return("ORDER_CHANGED");
         case 10024: return("TOO_MANY_REQUESTS");
         case 10025: return("NO_CHANGES");
         case 10026: return("SERVER_DISABLES_AT");
         case 10027: return("CLIENT_DISABLES_AT");
         case 10028: return("LOCKED");
         case 10029: return("FROZEN");
         case 10030: return("INVALID_FILL");
         case 10031: return("CONNECTION");
         case 10032: return("ONLY_REAL");
         case 10033: return("LIMIT_ORDERS");
         case 10034: return("LIMIT_VOLUME");
         case 10035: return("INVALID_ORDER");
         case 10036: return("POSITION_CLOSED");
         case 10038: return("INVALID_CLOSE_VOLUME");
         case 10039: return("CLOSE_ORDER_EXIST");
         case 10040: return("LIMIT_POSITIONS");
         case 10041: return("REJECT_CANCEL");
         case 10042: return("LONG_ONLY");
         case 10043: return("SHORT_ONLY");
         case 10044: return("CLOSE_ONLY");
         case 10045: return("FIFO_CLOSE");
         case 10046: return("HEDGE_PROHIBITED");
        }
      return("RETCODE_" + (string)retcode);
     }

   // accepted, done, rejected or unknown. 0 without an answer: it may have left.
   static string     Status(const uint retcode)
     {
      if(retcode == TRADE_RETCODE_DONE || retcode == TRADE_RETCODE_DONE_PARTIAL)
         return("done");
      if(retcode == TRADE_RETCODE_PLACED)
         return("accepted");
      if(retcode == TRADE_RETCODE_TIMEOUT || retcode == TRADE_RETCODE_CONNECTION || retcode == TRADE_RETCODE_ERROR || retcode == 0)
         return("unknown");
      return("rejected");
     }
  };

#endif
