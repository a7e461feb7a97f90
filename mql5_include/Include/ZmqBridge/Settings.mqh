//+------------------------------------------------------------------+
//| Settings.mqh - what the operator chose, checked once.            |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_SETTINGS_MQH
#define ZMQ_BRIDGE_SETTINGS_MQH

#include <ZmqBridge/Bounds.mqh>

#define SUFFIX_CHARS_MAX 32

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
   int               timer_ms;
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
      string problem = AddressProblem();
      if(problem == "")
         problem = CredentialsProblem();
      if(problem == "")
         problem = NumbersProblem();
      if(problem == "" && HasFeed() && symbols == "")
         problem = "Symbols: expected names with commas, or *, found nothing";
      if(problem == "" && !IsName(suffix))
         problem = "JournalSuffix: expected at most " + (string)SUFFIX_CHARS_MAX + " letters, digits and -, found " + suffix;
      return(problem);
     }

private:
   string            AddressProblem(void) const
     {
      if(host == "")
         return("Host: expected a name or an address, found nothing");
      if(StringFind(host, "/") >= 0 || StringFind(host, " ") >= 0)
         return("Host: expected a name or an address alone, as 127.0.0.1, found " + host);
      if(publish_port < 1 || publish_port > 65535)
         return("PublishPort: expected 1 to 65535, found " + (string)publish_port);
      if(request_port < 1 || request_port > 65535)
         return("RequestPort: expected 1 to 65535, found " + (string)request_port);
      if(publish_port == request_port)
         return("PublishPort, RequestPort: expected two ports, found " + (string)publish_port + " twice");
      return("");
     }

   string            CredentialsProblem(void) const
     {
      if(StringLen(username) > 255 || StringLen(password) > 255)
         return("Username, Password: expected at most 255 characters, found more");
      if(username == "" && password != "")
         return("Username: expected one, since there is a Password, found nothing");
      if(server_key == "" && (public_key != "" || secret_key != ""))
         return("CurveServerKey: expected the bridge's key, since there are keys of ours, found nothing");
      if(server_key == "")
         return("");
      if(username != "")
         return("Username, CurveServerKey: expected one of them, found both");
      if(transport == TRANSPORT_NATIVE)
         return("CurveServerKey: expected Transport = libzmq.dll, found native sockets, which know no CURVE");
      if(StringLen(server_key) != 40 || StringLen(public_key) != 40 || StringLen(secret_key) != 40)
         return("CurveServerKey, CurvePublicKey, CurveSecretKey: expected 40 characters each, found " + (string)StringLen(server_key)
                + ", " + (string)StringLen(public_key) + ", " + (string)StringLen(secret_key));
      return("");
     }

   string            NumbersProblem(void) const
     {
      string problem = RangeProblem("SliceMs", slice_ms, 1, 1000);
      if(problem == "")
         problem = RangeProblem("TimerMs", timer_ms, 1, 1000);
      if(problem == "")
         problem = RangeProblem("SymbolsMax", symbols_max, 1, 5000);
      if(problem == "")
         problem = RangeProblem("UnknownSettlesS", unknown_settles_s, 0, 86400);
      if(problem == "")
         problem = RangeProblem("SpecsEveryS", specs_every_s, 1, SPECS_MS_MAX / 1000);
      if(problem == "" && (volume_max < 0.0 || !MathIsValidNumber(volume_max)))
         problem = "VolumeMax: expected 0 or more, found " + DoubleToString(volume_max, 2);
      return(problem);
     }

   static string     RangeProblem(const string name, const int value, const int least, const int most)
     {
      if(value >= least && value <= most)
         return("");
      return(name + ": expected " + (string)least + " to " + (string)most + ", found " + (string)value);
     }

   // Whether a text may stand in a file's name; "" may.
   static bool       IsName(const string text)
     {
      for(int i = 0; i < StringLen(text); i++)
        {
         ushort c = StringGetCharacter(text, i);
         bool is_good = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-';
         if(!is_good)
            return(false);
        }
      return(StringLen(text) <= SUFFIX_CHARS_MAX);
     }
  };

#endif
