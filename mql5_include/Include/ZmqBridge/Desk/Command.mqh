//+------------------------------------------------------------------+
//| Command.mqh - one command of the bridge, as `work` brings it.    |
//| Reads the maps place_order, modify_position, close_position,     |
//| close_by, modify_order, cancel_order, close_all,                 |
//| set_trading_state and fetch_ticks of docs/wire.md. What can't be |
//| read is kept with its `problem` and answered `rejected`.         |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_COMMAND_MQH
#define ZMQ_BRIDGE_COMMAND_MQH

#include <ZmqBridge/Msgpack/Fields.mqh>

#define ID_CHARS 26
#define ID_ALPHABET "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

class Command
  {
public:
   string            command_id;
   string            kind;
   long              expires_at_ms;   // bridge clock
   uint              attempt;
   string            problem;         // why it can't be read; "" = it can
   string            symbol;
   string            side;            // buy, sell
   string            order_type;      // market, limit, stop, stop_limit
   double            volume;          // lots
   double            price;
   double            stoplimit;
   double            sl;
   double            tp;
   uint              deviation;       // points
   long              expiration_msc;  // server clock; 0 = good till cancelled
   ulong             magic;
   string            comment;
   ulong             position;
   ulong             position_by;
   ulong             order;
   bool              cancel_pending;
   string            state;           // of set_trading_state
   string            reason;
   long              from_msc;
   long              to_msc;
   ulong             skip;
   uint              limit;
   uchar             raw[];           // the map's own bytes

                     Command(void) : command_id(""), kind(""), expires_at_ms(0), attempt(1), problem(""), symbol(""), side(""),
                     order_type(""), volume(0.0), price(0.0), stoplimit(0.0), sl(0.0), tp(0.0), deviation(0), expiration_msc(0),
                     magic(0), comment(""), position(0), position_by(0), order(0), cancel_pending(false), state(""), reason(""),
                     from_msc(0), to_msc(0), skip(0), limit(0)
     {
     }

   // Read a command; false when not even its id can be read, so that it can't be answered.
   bool              Read(const MsgpackTree &tree, const int map)
     {
      Fields fields;
      fields.Begin(tree, map);
      command_id = fields.Text("command_id", "", true, ID_CHARS, ID_CHARS);
      if(fields.Problem() != "" || !IsId(command_id))
        {
         problem = "command_id: expected 26 characters of base 32";
         return(false);
        }
      tree.Slice(map, raw);
      kind = fields.Text("kind", "", true, 1, TEXT_BYTES_MAX);
      expires_at_ms = fields.Ms("expires_at_ms", 0, true);
      attempt = (uint)fields.Uint("attempt", 1, false, 0, UINT_MAX);
      ReadKind(fields);
      problem = fields.Problem() != "" ? "MALFORMED: " + fields.Problem() : problem;
      return(true);
     }

   // Read a command again from its own bytes.
   bool              ReadRaw(const uchar &bytes[])
     {
      MsgpackTree tree;
      return(tree.Read(bytes, 0, ArraySize(bytes)) && Read(tree, 0));
     }

   // Whether its repetition would do harm, and its execution shows at the broker by its comment.
   static bool       LeavesComment(const string kind)
     {
      return(kind == "place_order" || kind == "close_position" || kind == "close_all");
     }

   // Whether it may add risk or ease it: that depends on the ticket as the broker has it.
   bool              IsChange(void) const
     {
      return(kind == "modify_position" || kind == "modify_order");
     }

   // Whether the kill switch lets it through: what closes, cancels or only eases passes in every state.
   bool              IsPermitted(const string trading_state, const bool only_eases) const
     {
      return(trading_state == "active" || (kind != "place_order" && (only_eases || !IsChange())));
     }

   // What is put on the order, and what it is found by.
   string            Mark(void) const
     {
      return(command_id);
     }

   // Milliseconds UTC at which the id was made; they stand in its first ten characters.
   static long       MadeMs(const string id)
     {
      long made = 0;
      for(int i = 0; i < 10; i++)
         made = made * 32 + StringFind(ID_ALPHABET, StringSubstr(id, i, 1));
      return(made);
     }

private:
   static bool       IsId(const string id)
     {
      if(StringLen(id) != ID_CHARS || StringGetCharacter(id, 0) > '7')
         return(false);
      for(int i = 0; i < ID_CHARS; i++)
         if(StringFind(ID_ALPHABET, StringSubstr(id, i, 1)) < 0)
            return(false);
      return(true);
     }

   void              ReadKind(Fields &fields)
     {
      if(kind == "place_order")
         ReadPlaceOrder(fields);
      else if(kind == "modify_position" || kind == "close_position" || kind == "close_by")
         ReadOfPosition(fields);
      else if(kind == "modify_order" || kind == "cancel_order")
         ReadOfOrder(fields);
      else if(kind == "close_all")
         ReadCloseAll(fields);
      else if(kind == "set_trading_state")
        {
         state = fields.Word("state", "", true, "|active|reducing|halted|");
         reason = fields.Text("reason", "", false, 0, TEXT_BYTES_MAX);
        }
      else if(kind == "fetch_ticks")
         ReadFetchTicks(fields);
      else
         problem = "UNKNOWN_KIND: expected a command of wire version 1, found " + StringSubstr(kind, 0, 40);
     }

   void              ReadPlaceOrder(Fields &fields)
     {
      symbol = fields.Text("symbol", "", true, 1, SYMBOL_BYTES_MAX);
      side = fields.Word("side", "", true, "|buy|sell|");
      order_type = fields.Word("order_type", "", true, "|market|limit|stop|stop_limit|");
      volume = fields.Number("volume", 0.0, true);
      price = fields.Number("price", 0.0, false);
      stoplimit = fields.Number("stoplimit", 0.0, false);
      sl = fields.Number("sl", 0.0, false);
      tp = fields.Number("tp", 0.0, false);
      deviation = (uint)fields.Uint("deviation", 0, false, 0, UINT_MAX);
      expiration_msc = fields.Ms("expiration_msc", 0, false);
      magic = fields.Uint("magic", 0, false, 0, ULONG_MAX);
      comment = fields.Text("comment", "", false, 0, COMMENT_BYTES_MAX);
     }

   void              ReadOfPosition(Fields &fields)
     {
      position = fields.Uint("position", 0, true, 1, ULONG_MAX);
      if(kind == "close_by")
        {
         position_by = fields.Uint("position_by", 0, true, 1, ULONG_MAX);
         return;
        }
      symbol = fields.Text("symbol", "", true, 1, SYMBOL_BYTES_MAX);
      if(kind == "modify_position")
        {
         sl = fields.Number("sl", 0.0, false);
         tp = fields.Number("tp", 0.0, false);
         return;
        }
      volume = fields.Number("volume", 0.0, false);
      deviation = (uint)fields.Uint("deviation", 0, false, 0, UINT_MAX);
      magic = fields.Uint("magic", 0, false, 0, ULONG_MAX);
      comment = fields.Text("comment", "", false, 0, COMMENT_BYTES_MAX);
     }

   void              ReadOfOrder(Fields &fields)
     {
      order = fields.Uint("order", 0, true, 1, ULONG_MAX);
      if(kind == "cancel_order")
         return;
      price = fields.Number("price", 0.0, true);
      stoplimit = fields.Number("stoplimit", 0.0, false);
      sl = fields.Number("sl", 0.0, false);
      tp = fields.Number("tp", 0.0, false);
      expiration_msc = fields.Ms("expiration_msc", 0, false);
     }

   void              ReadCloseAll(Fields &fields)
     {
      symbol = fields.Text("symbol", "", false, 0, SYMBOL_BYTES_MAX);
      cancel_pending = fields.Flag("cancel_pending", false, false);
      deviation = (uint)fields.Uint("deviation", 0, false, 0, UINT_MAX);
      comment = fields.Text("comment", "", false, 0, COMMENT_BYTES_MAX);
     }

   void              ReadFetchTicks(Fields &fields)
     {
      symbol = fields.Text("symbol", "", true, 1, SYMBOL_BYTES_MAX);
      from_msc = fields.Ms("from_msc", 0, true);
      to_msc = fields.Ms("to_msc", 0, true);
      skip = fields.Uint("skip", 0, false, 0, ULONG_MAX);
      limit = (uint)fields.Uint("limit", 0, false, 0, UINT_MAX);
     }
  };

#endif
