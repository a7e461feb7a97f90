//+------------------------------------------------------------------+
//| Books.mqh - account, positions and orders as the wire's maps     |
//| `account`, `position`, `order` and `deal`. Reads the terminal,   |
//| writes, and keeps nothing.                                       |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_BOOKS_MQH
#define ZMQ_BRIDGE_BOOKS_MQH

#include <ZmqBridge/Clock.mqh>
#include <ZmqBridge/Msgpack/MsgpackWriter.mqh>
#include <ZmqBridge/Words.mqh>

class Books
  {
public:
   static void       Account(MsgpackWriter &writer)
     {
      writer.Map(18);
      writer.UintField("login", (ulong)AccountInfoInteger(ACCOUNT_LOGIN));
      writer.TextField("server", AccountInfoString(ACCOUNT_SERVER));
      writer.TextField("name", AccountInfoString(ACCOUNT_NAME));
      writer.TextField("company", AccountInfoString(ACCOUNT_COMPANY));
      writer.TextField("currency", AccountInfoString(ACCOUNT_CURRENCY));
      writer.UintField("currency_digits", (ulong)AccountInfoInteger(ACCOUNT_CURRENCY_DIGITS));
      writer.UintField("leverage", (ulong)AccountInfoInteger(ACCOUNT_LEVERAGE));
      writer.TextField("margin_mode", Words::MarginMode(AccountInfoInteger(ACCOUNT_MARGIN_MODE)));
      writer.NumberField("balance", AccountInfoDouble(ACCOUNT_BALANCE));
      writer.NumberField("equity", AccountInfoDouble(ACCOUNT_EQUITY));
      writer.NumberField("credit", AccountInfoDouble(ACCOUNT_CREDIT));
      writer.NumberField("profit", AccountInfoDouble(ACCOUNT_PROFIT));
      writer.NumberField("margin", AccountInfoDouble(ACCOUNT_MARGIN));
      writer.NumberField("margin_free", AccountInfoDouble(ACCOUNT_MARGIN_FREE));
      writer.NumberField("margin_level", AccountInfoDouble(ACCOUNT_MARGIN_LEVEL));
      writer.BoolField("trade_allowed", AccountInfoInteger(ACCOUNT_TRADE_ALLOWED) != 0);
      writer.BoolField("trade_expert", AccountInfoInteger(ACCOUNT_TRADE_EXPERT) != 0);
      writer.UintField("limit_orders", (ulong)AccountInfoInteger(ACCOUNT_LIMIT_ORDERS));
     }

   // The fields account, positions and orders of a books or snapshot map.
   static void       Fields(MsgpackWriter &writer)
     {
      writer.Text("account");
      Account(writer);
      MsgpackWriter rows;
      int count = 0;
      for(int i = PositionsTotal() - 1; i >= 0; i--)
         if(PositionGetTicket(i) != 0)
           {
            Position(rows);
            count++;
           }
      writer.ArrayField("positions", count);
      Append(writer, rows);
      rows.Clear();
      count = 0;
      for(int i = OrdersTotal() - 1; i >= 0; i--)
        {
         ulong ticket = OrderGetTicket(i);
         if(ticket != 0 && Order(rows, ticket, false))
            count++;
        }
      writer.ArrayField("orders", count);
      Append(writer, rows);
     }

   // The order `ticket`, selected before, or in the history; false when the wire doesn't know its kind.
   static bool       Order(MsgpackWriter &writer, const ulong ticket, const bool is_history)
     {
      string type = Words::OrderType(Integer(ticket, ORDER_TYPE, is_history));
      string state = Words::OrderState(Integer(ticket, ORDER_STATE, is_history));
      if(type == "" || state == "")
         return(false);
      double price = Double(ticket, ORDER_PRICE_OPEN, is_history);
      writer.Map(14);
      writer.UintField("ticket", ticket);
      writer.TextField("symbol", is_history ? HistoryOrderGetString(ticket, ORDER_SYMBOL) : OrderGetString(ORDER_SYMBOL));
      writer.TextField("order_type", type);
      writer.TextField("state", state);
      writer.NumberField("volume_initial", Double(ticket, ORDER_VOLUME_INITIAL, is_history));
      writer.NumberField("volume_current", Double(ticket, ORDER_VOLUME_CURRENT, is_history));
      writer.NumberField("price_open", price);
      writer.NumberField("price_stoplimit", Double(ticket, ORDER_PRICE_STOPLIMIT, is_history));
      writer.NumberField("sl", Double(ticket, ORDER_SL, is_history));
      writer.NumberField("tp", Double(ticket, ORDER_TP, is_history));
      writer.UintField("time_setup_msc", (ulong)Integer(ticket, ORDER_TIME_SETUP_MSC, is_history));
      writer.UintField("expiration_msc", (ulong)Integer(ticket, ORDER_TIME_EXPIRATION, is_history) * 1000);
      writer.UintField("magic", (ulong)Integer(ticket, ORDER_MAGIC, is_history));
      writer.TextField("comment", Comment31(is_history ? HistoryOrderGetString(ticket, ORDER_COMMENT) : OrderGetString(ORDER_COMMENT)));
      return(true);
     }

   // The deal `ticket` of the selected history; false when the wire doesn't know its kind.
   static bool       Deal(MsgpackWriter &writer, const ulong ticket)
     {
      string type = Words::DealType(HistoryDealGetInteger(ticket, DEAL_TYPE));
      string entry = Words::DealEntry(HistoryDealGetInteger(ticket, DEAL_ENTRY));
      if(type == "" || entry == "")
         return(false);
      writer.Map(18);
      writer.UintField("ticket", ticket);
      writer.UintField("order", (ulong)HistoryDealGetInteger(ticket, DEAL_ORDER));
      writer.UintField("position", (ulong)HistoryDealGetInteger(ticket, DEAL_POSITION_ID));
      writer.TextField("symbol", HistoryDealGetString(ticket, DEAL_SYMBOL));
      writer.TextField("type", type);
      writer.TextField("entry", entry);
      writer.NumberField("volume", HistoryDealGetDouble(ticket, DEAL_VOLUME));
      writer.NumberField("price", HistoryDealGetDouble(ticket, DEAL_PRICE));
      writer.NumberField("profit", HistoryDealGetDouble(ticket, DEAL_PROFIT));
      writer.NumberField("commission", HistoryDealGetDouble(ticket, DEAL_COMMISSION));
      writer.NumberField("swap", HistoryDealGetDouble(ticket, DEAL_SWAP));
      writer.NumberField("fee", HistoryDealGetDouble(ticket, DEAL_FEE));
      writer.UintField("time_msc", (ulong)HistoryDealGetInteger(ticket, DEAL_TIME_MSC));
      writer.UintField("magic", (ulong)HistoryDealGetInteger(ticket, DEAL_MAGIC));
      writer.TextField("comment", Comment31(HistoryDealGetString(ticket, DEAL_COMMENT)));
      writer.TextField("reason", Words::DealReason(HistoryDealGetInteger(ticket, DEAL_REASON)));
      writer.NumberField("sl", HistoryDealGetDouble(ticket, DEAL_SL));
      writer.NumberField("tp", HistoryDealGetDouble(ticket, DEAL_TP));
      return(true);
     }

private:
   // The selected position.
   static void       Position(MsgpackWriter &writer)
     {
      writer.Map(13);
      writer.UintField("ticket", (ulong)PositionGetInteger(POSITION_TICKET));
      writer.TextField("symbol", PositionGetString(POSITION_SYMBOL));
      writer.TextField("side", PositionGetInteger(POSITION_TYPE) == POSITION_TYPE_BUY ? "buy" : "sell");
      writer.NumberField("volume", PositionGetDouble(POSITION_VOLUME));
      writer.NumberField("price_open", PositionGetDouble(POSITION_PRICE_OPEN));
      writer.NumberField("price_current", PositionGetDouble(POSITION_PRICE_CURRENT));
      writer.NumberField("sl", PositionGetDouble(POSITION_SL));
      writer.NumberField("tp", PositionGetDouble(POSITION_TP));
      writer.NumberField("profit", PositionGetDouble(POSITION_PROFIT));
      writer.NumberField("swap", PositionGetDouble(POSITION_SWAP));
      writer.UintField("time_msc", (ulong)PositionGetInteger(POSITION_TIME_MSC));
      writer.UintField("magic", (ulong)PositionGetInteger(POSITION_MAGIC));
      writer.TextField("comment", Comment31(PositionGetString(POSITION_COMMENT)));
     }

   // MT5's comments have 31 characters; a longer one would not fit the wire's 124 bytes.
   static string     Comment31(const string comment)
     {
      return(StringLen(comment) <= COMMENT_CHARS_MAX ? comment : StringSubstr(comment, 0, COMMENT_CHARS_MAX));
     }

   static long       Integer(const ulong ticket, const ENUM_ORDER_PROPERTY_INTEGER property, const bool is_history)
     {
      return(is_history ? HistoryOrderGetInteger(ticket, property) : OrderGetInteger(property));
     }

   static double     Double(const ulong ticket, const ENUM_ORDER_PROPERTY_DOUBLE property, const bool is_history)
     {
      return(is_history ? HistoryOrderGetDouble(ticket, property) : OrderGetDouble(property));
     }

   static void       Append(MsgpackWriter &writer, const MsgpackWriter &rows)
     {
      writer.Raw(rows.data, 0, rows.Size());
      if(!rows.IsGood())
         writer.Fail(rows.Problem());
     }
  };

#endif
