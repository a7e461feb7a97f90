//+------------------------------------------------------------------+
//| ZmqBridge.mq5 - ticks, fills and commands between this terminal  |
//| and zmq-bridge, over ZeroMQ. The wire is docs/wire.md; how to    |
//| set this up is docs/ea.md. Event handlers only delegate.         |
//+------------------------------------------------------------------+
#property copyright   "ZmqBridge"
#property link        "docs/ea.md"
#property version     "1.00"
#property description "Every tick and every fill of this terminal to zmq-bridge, and its commands back."

#include <ZmqBridge/Permissions.mqh>
#include <ZmqBridge/Program.mqh>

input string               Host = "127.0.0.1";            // Host: where the bridge listens
input uint                 PublishPort = 5555;            // PublishPort: the bridge's port for ticks and events
input uint                 RequestPort = 5557;            // RequestPort: the bridge's port for commands
input ZMQ_BRIDGE_TRANSPORT TransportKind = TRANSPORT_NATIVE; // Transport: native sockets, or libzmq.dll
input ZMQ_BRIDGE_ROLE      Role = ROLE_BOTH;              // Role: ticks and orders, or one of them on this chart
input string               Symbols = "*";                 // Symbols: names with commas, or * for Market Watch
input string               Username = "";                 // Username (PLAIN); empty: none
input string               Password = "";                 // Password (PLAIN)
input string               CurveServerKey = "";           // CurveServerKey: the bridge's, 40 characters (libzmq.dll)
input string               CurvePublicKey = "";           // CurvePublicKey: ours (libzmq.dll)
input string               CurveSecretKey = "";           // CurveSecretKey: ours (libzmq.dll)
input int                  SliceMs = 10;                  // SliceMs: one event waits so long for a command
input int                  SymbolsMax = 500;              // SymbolsMax: most symbols served
input double               VolumeMax = 0.0;               // VolumeMax: most lots of one order; 0: the symbol's own
input int                  UnknownSettlesS = 10;          // UnknownSettlesS: not found so long after: never arrived; 0: stays unknown
input int                  SpecsEveryS = 900;             // SpecsEveryS: every specification is told again so often
input string               JournalSuffix = "";            // JournalSuffix: two programs of one role in one terminal
input int                  TimerMs = 10;                  // TimerMs: the terminal makes 10 to 16 of less

Program *g_program = NULL;

Settings *ReadInputs(void)
  {
   Settings *settings = new Settings();
   settings.host = Host;
   settings.publish_port = PublishPort;
   settings.request_port = RequestPort;
   settings.transport = TransportKind;
   settings.role = Role;
   settings.symbols = Symbols;
   settings.username = Username;
   settings.password = Password;
   settings.server_key = CurveServerKey;
   settings.public_key = CurvePublicKey;
   settings.secret_key = CurveSecretKey;
   settings.slice_ms = SliceMs;
   settings.symbols_max = SymbolsMax;
   settings.volume_max = VolumeMax;
   settings.unknown_settles_s = UnknownSettlesS;
   settings.specs_every_s = SpecsEveryS;
   settings.timer_ms = TimerMs;
   settings.suffix = JournalSuffix;
   return(settings);
  }

void Close(void)
  {
   if(CheckPointer(g_program) == POINTER_DYNAMIC)
      delete g_program;
   g_program = NULL;
  }

int OnInit(void)
  {
   Settings *settings = ReadInputs();
   string problem = settings.Problem();
   if(problem != "")
     {
      Log::Say("inputs: " + problem);
      delete settings;
      return(INIT_PARAMETERS_INCORRECT);
     }
   problem = Permissions::Problem(settings);
   if(problem != "")
     {
      Log::Say(problem);
      delete settings;
      return(INIT_FAILED);
     }
   Close(); // globals are kept when the chart's symbol or timeframe changes
   g_program = new Program(settings);
   if(!EventSetMillisecondTimer(TimerMs))
     {
      Log::Say("EventSetMillisecondTimer, error " + (string)GetLastError());
      return(INIT_FAILED);
     }
   return(INIT_SUCCEEDED);
  }

void OnDeinit(const int reason)
  {
   EventKillTimer();
   Close();
   Comment("");
  }

void OnTick(void)
  {
   if(g_program != NULL)
      g_program.Turn(false);
  }

void OnTimer(void)
  {
   if(g_program != NULL)
      g_program.Turn(true);
  }

void OnTradeTransaction(const MqlTradeTransaction &transaction, const MqlTradeRequest &request, const MqlTradeResult &result)
  {
   if(g_program != NULL)
      g_program.Transaction(transaction);
  }
