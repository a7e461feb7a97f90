//+------------------------------------------------------------------+
//| Words.mqh - MT5's enumerations in the wire's words. A value that |
//| the wire does not know becomes "", and what would carry it is    |
//| not sent; nothing is guessed.                                    |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_WORDS_MQH
#define ZMQ_BRIDGE_WORDS_MQH

class Words
  {
public:
   static string     OrderType(const long type)
     {
      switch((int)type)
        {
         case ORDER_TYPE_BUY: return("buy");
         case ORDER_TYPE_SELL: return("sell");
         case ORDER_TYPE_BUY_LIMIT: return("buy_limit");
         case ORDER_TYPE_SELL_LIMIT: return("sell_limit");
         case ORDER_TYPE_BUY_STOP: return("buy_stop");
         case ORDER_TYPE_SELL_STOP: return("sell_stop");
         case ORDER_TYPE_BUY_STOP_LIMIT: return("buy_stop_limit");
         case ORDER_TYPE_SELL_STOP_LIMIT: return("sell_stop_limit");
        }
      return("");
     }

   static string     OrderState(const long state)
     {
      switch((int)state)
        {
         case ORDER_STATE_STARTED: return("started");
         case ORDER_STATE_REQUEST_ADD: return("started");
         case ORDER_STATE_PLACED: return("placed");
         case ORDER_STATE_REQUEST_MODIFY: return("placed");
         case ORDER_STATE_REQUEST_CANCEL: return("placed");
         case ORDER_STATE_CANCELED: return("canceled");
         case ORDER_STATE_PARTIAL: return("partial");
         case ORDER_STATE_FILLED: return("filled");
         case ORDER_STATE_REJECTED: return("rejected");
         case ORDER_STATE_EXPIRED: return("expired");
        }
      return("");
     }

   static string     DealType(const long type)
     {
      switch((int)type)
        {
         case DEAL_TYPE_BUY: return("buy");
         case DEAL_TYPE_SELL: return("sell");
         case DEAL_TYPE_BALANCE: return("balance");
         case DEAL_TYPE_CREDIT: return("credit");
         case DEAL_TYPE_CHARGE: return("charge");
         case DEAL_TYPE_CORRECTION: return("correction");
         case DEAL_TYPE_BONUS: return("bonus");
         case DEAL_TYPE_COMMISSION: return("commission");
         case DEAL_TYPE_COMMISSION_DAILY: return("commission_daily");
         case DEAL_TYPE_COMMISSION_MONTHLY: return("commission_monthly");
         case DEAL_TYPE_COMMISSION_AGENT_DAILY: return("commission_agent_daily");
         case DEAL_TYPE_COMMISSION_AGENT_MONTHLY: return("commission_agent_monthly");
         case DEAL_TYPE_INTEREST: return("interest");
         case DEAL_TYPE_BUY_CANCELED: return("buy_canceled");
         case DEAL_TYPE_SELL_CANCELED: return("sell_canceled");
         case 15: return("dividend");
         case 16: return("dividend_franked");
         case 17: return("tax");
        }
      return("");
     }

   static string     DealEntry(const long entry)
     {
      switch((int)entry)
        {
         case DEAL_ENTRY_IN: return("in");
         case DEAL_ENTRY_OUT: return("out");
         case DEAL_ENTRY_INOUT: return("inout");
         case 3: return("out_by");
        }
      return("");
     }

   // For people: an unknown reason is told by its number.
   static string     DealReason(const long reason)
     {
      switch((int)reason)
        {
         case 0: return("client");
         case 1: return("mobile");
         case 2: return("web");
         case 3: return("expert");
         case 4: return("sl");
         case 5: return("tp");
         case 6: return("so");
         case 7: return("rollover");
         case 8: return("vmargin");
         case 9: return("split");
         case 10: return("corporate_action");
        }
      return("reason_" + (string)reason);
     }

   static string     MarginMode(const long mode)
     {
      switch((int)mode)
        {
         case ACCOUNT_MARGIN_MODE_RETAIL_NETTING: return("netting");
         case ACCOUNT_MARGIN_MODE_EXCHANGE: return("exchange");
         case ACCOUNT_MARGIN_MODE_RETAIL_HEDGING: return("hedging");
        }
      return("");
     }

   static string     CalcMode(const long mode)
     {
      switch((int)mode)
        {
         case SYMBOL_CALC_MODE_FOREX: return("forex");
         case 5: return("forex_no_leverage");
         case SYMBOL_CALC_MODE_FUTURES: return("futures");
         case SYMBOL_CALC_MODE_CFD: return("cfd");
         case SYMBOL_CALC_MODE_CFDINDEX: return("cfd_index");
         case SYMBOL_CALC_MODE_CFDLEVERAGE: return("cfd_leverage");
         case SYMBOL_CALC_MODE_EXCH_STOCKS: return("exch_stocks");
         case SYMBOL_CALC_MODE_EXCH_FUTURES: return("exch_futures");
        }
      return("");
     }

   static string     ExecutionMode(const long mode)
     {
      switch((int)mode)
        {
         case SYMBOL_TRADE_EXECUTION_REQUEST: return("request");
         case SYMBOL_TRADE_EXECUTION_INSTANT: return("instant");
         case SYMBOL_TRADE_EXECUTION_MARKET: return("market");
         case SYMBOL_TRADE_EXECUTION_EXCHANGE: return("exchange");
        }
      return("");
     }

   static string     TradeMode(const long mode)
     {
      switch((int)mode)
        {
         case SYMBOL_TRADE_MODE_DISABLED: return("disabled");
         case SYMBOL_TRADE_MODE_LONGONLY: return("long_only");
         case SYMBOL_TRADE_MODE_SHORTONLY: return("short_only");
         case SYMBOL_TRADE_MODE_CLOSEONLY: return("close_only");
         case SYMBOL_TRADE_MODE_FULL: return("full");
        }
      return("");
     }

   static string     SwapMode(const long mode)
     {
      switch((int)mode)
        {
         case 0: return("disabled");
         case 1: return("points");
         case 2: return("currency_symbol");
         case 3: return("currency_margin");
         case 4: return("currency_deposit");
         case 5: return("interest_current");
         case 6: return("interest_open");
         case 7: return("reopen_current");
         case 8: return("reopen_bid");
        }
      return("mode_" + (string)mode);
     }
  };

#endif
