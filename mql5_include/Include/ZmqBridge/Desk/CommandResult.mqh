//+------------------------------------------------------------------+
//| CommandResult.mqh - what became of a command.                    |
//| Writes and reads the data of the event `command_result`: a map   |
//| of command_id, status, retcode, retcode_name, order, deal,       |
//| position, volume, price, message, deals.                         |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_COMMAND_RESULT_MQH
#define ZMQ_BRIDGE_COMMAND_RESULT_MQH

#include <ZmqBridge/Msgpack/MsgpackTree.mqh>
#include <ZmqBridge/Msgpack/Fields.mqh>

#define MESSAGE_CHARS_MAX 1000

class CommandResult
  {
public:
   string            command_id;
   string            status;       // accepted, done, rejected, expired, unknown
   uint              retcode;      // MT5's; 0 = never reached the broker
   string            retcode_name;
   ulong             order;
   ulong             deal;         // the last one
   ulong             position;
   double            volume;       // lots filled
   double            price;
   string            message;      // for people
   ulong             deals[];

                     CommandResult(void) : command_id(""), status("unknown"), retcode(0), retcode_name(""), order(0), deal(0),
                     position(0), volume(0.0), price(0.0), message("")
     {
     }

   void              Set(const string id, const string its_status, const string its_message)
     {
      command_id = id;
      status = its_status;
      message = its_message;
      retcode = 0;
      retcode_name = "";
      order = 0;
      deal = 0;
      position = 0;
      volume = 0.0;
      price = 0.0;
      ArrayResize(deals, 0);
     }

   void              CopyFrom(const CommandResult &other)
     {
      Set(other.command_id, other.status, other.message);
      retcode = other.retcode;
      retcode_name = other.retcode_name;
      order = other.order;
      deal = other.deal;
      position = other.position;
      volume = other.volume;
      price = other.price;
      int count = ArraySize(other.deals);
      ArrayResize(deals, count);
      for(int i = 0; i < count; i++)
         deals[i] = other.deals[i];
     }

   void              Reject(const string reason)
     {
      status = "rejected";
      message = reason;
     }

   void              AddDeal(const ulong ticket)
     {
      int count = ArraySize(deals);
      if(ticket == 0)
         return;
      for(int i = 0; i < count; i++)
         if(deals[i] == ticket)
            return;
      ArrayResize(deals, count + 1);
      deals[count] = ticket;
      deal = ticket;
     }

   // Such a result never turns into another.
   bool              IsFinal(void) const
     {
      return(status == "done" || status == "rejected" || status == "expired");
     }

   void              Write(MsgpackWriter &writer) const
     {
      writer.Map(11);
      writer.TextField("command_id", command_id);
      writer.TextField("status", status);
      writer.UintField("retcode", retcode);
      writer.TextField("retcode_name", retcode_name);
      writer.UintField("order", order);
      writer.UintField("deal", deal);
      writer.UintField("position", position);
      writer.NumberField("volume", volume);
      writer.NumberField("price", price);
      writer.TextField("message", StringSubstr(message, 0, MESSAGE_CHARS_MAX));
      writer.ArrayField("deals", ArraySize(deals));
      for(int i = 0; i < ArraySize(deals); i++)
         writer.Uint(deals[i]);
     }

   bool              Read(const MsgpackTree &tree, const int map)
     {
      Fields fields;
      fields.Begin(tree, map);
      command_id = fields.Text("command_id", "", true, 1, 64);
      status = fields.Text("status", "", true, 1, 16);
      retcode = (uint)fields.Uint("retcode", 0, false, 0, UINT_MAX);
      retcode_name = fields.Text("retcode_name", "", false, 0, TEXT_BYTES_MAX);
      order = fields.Uint("order", 0, false, 0, ULONG_MAX);
      deal = fields.Uint("deal", 0, false, 0, ULONG_MAX);
      position = fields.Uint("position", 0, false, 0, ULONG_MAX);
      volume = fields.Number("volume", 0.0, false);
      price = fields.Number("price", 0.0, false);
      message = fields.Text("message", "", false, 0, TEXT_BYTES_MAX);
      ReadDeals(tree, tree.Field(map, "deals"));
      return(fields.Problem() == "");
     }

private:
   void              ReadDeals(const MsgpackTree &tree, const int array)
     {
      int count = tree.IsArray(array) ? tree.Size(array) : 0;
      ArrayResize(deals, count);
      int node = array + 1;
      for(int i = 0; i < count; i++)
        {
         deals[i] = tree.Bits(node);
         node = tree.Next(node);
        }
     }
  };

#endif
