//+------------------------------------------------------------------+
//| Settings.mqh - what the operator chose, checked once.            |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_SETTINGS_MQH
#define ZMQ_BRIDGE_SETTINGS_MQH

#include <ZmqBridge/Bounds.mqh>

enum ZMQ_BRIDGE_TRANSPORT
  {
   TRANSPORT_NATIVE,  // native sockets, no DLL
   TRANSPORT_DLL      // libzmq.dll
  };

enum ZMQ_BRIDGE_ROLE
  {
   ROLE_BOTH,         // ticks and orders
   ROLE_FEED,         // ticks only
   ROLE_DESK          // orders only
  };

class Settings
  {
public:
   string            host;
   uint              publish_port;
   uint              request_port;
   int               transport;          // ZMQ_BRIDGE_TRANSPORT
   int               role;               // ZMQ_BRIDGE_ROLE
   string            username;           // PLAIN; "" = none
   string            password;
   string            server_key;         // CURVE, Z85; "" = none; libzmq.dll only
   string            public_key;
   string            secret_key;
   string            symbols;            // "EURUSD,XAUUSD", or "*" for Market Watch
   int               slice_ms;           // an event waits so long for a command
   int               symbols_max;
   double            volume_max;         // lots of one order; 0 = the symbol's own
   int               unknown_settles_s;  // 0 = an unknown outcome stays unknown
   int               specs_every_s;      // every specification is told again so often
   string            suffix;             // of the journal's file

   string            RoleName(void) const
     {
      return(role == ROLE_FEED ? "feed" : (role == ROLE_DESK ? "desk" : "both"));
     }

   bool              HasFeed(void) const
     {
      return(role != ROLE_DESK);
     }

   bool              HasDesk(void) const
     {
      return(role != ROLE_FEED);
     }

   // Whether the bridge can know who asks: then it believes the books of requests and no others.
   bool              Authenticates(void) const
     {
      return(username != "" || server_key != "");
     }

   // What is wrong with the inputs; "" = nothing.
   string            Problem(void) const
     {
      if(host == "")
         return("Host: expected a name or an address, found nothing");
      if(publish_port < 1 || publish_port > 65535 || request_port < 1 || request_port > 65535)
         return("PublishPort, RequestPort: expected 1 to 65535, found " + (string)publish_port + ", " + (string)request_port);
      if(slice_ms < 1 || slice_ms > 1000)
         return("SliceMs: expected 1 to 1000, found " + (string)slice_ms);
      if(symbols_max < 1 || symbols_max > 5000)
         return("SymbolsMax: expected 1 to 5000, found " + (string)symbols_max);
      if(volume_max < 0.0 || !MathIsValidNumber(volume_max))
         return("VolumeMax: expected 0 or more, found " + DoubleToString(volume_max, 2));
      if(specs_every_s < 1 || specs_every_s > SPECS_MS_MAX / 1000)
         return("SpecsEveryS: expected 1 to " + (string)(SPECS_MS_MAX / 1000) + ", found " + (string)specs_every_s);
      if(StringLen(username) > 255 || StringLen(password) > 255)
         return("Username, Password: expected at most 255 characters, found more");
      if(username != "" && server_key != "")
         return("expected a user name or CURVE keys, found both");
      if(server_key != "" && transport == TRANSPORT_NATIVE)
         return("CURVE keys: expected Transport = libzmq.dll, found native sockets, which know no CURVE");
      if(server_key != "" && (StringLen(server_key) != 40 || StringLen(public_key) != 40 || StringLen(secret_key) != 40))
         return("CURVE keys: expected three keys of 40 characters, found another length");
      if(HasFeed() && symbols == "")
         return("Symbols: expected names or *, found nothing");
      return("");
     }
  };

#endif
