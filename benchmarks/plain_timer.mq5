//+------------------------------------------------------------------+
//| plain_timer.mq5 - the baseline of benchmarks/ea_latency.py: what |
//| a bridge does that reads one command per timer event. PUSH sends |
//| "id symbol volume", PUB gets "tick <time_msc>" on every OnTick.  |
//| No journal, no acknowledgement, no overlap, no limits.           |
//+------------------------------------------------------------------+
#include <ZmqBridge/Transport/ZmqDll.mqh>

#define PLAIN_PUB  1
#define PLAIN_PULL 7

input uint PublishPort = 0;
input uint RequestPort = 0;

ZmqContext g_context;
ZmqSocket  g_ticks;
ZmqSocket  g_commands;
uchar      g_buffer[];

int OnInit(void)
  {
   ArrayResize(g_buffer, 256);
   bool is_open = g_context.Open() && g_ticks.Open(g_context, PLAIN_PUB) && g_commands.Open(g_context, PLAIN_PULL)
                  && g_ticks.SetInt(ZMQ_LINGER, 0) && g_commands.SetInt(ZMQ_LINGER, 0)
                  && g_ticks.Connect("tcp://127.0.0.1:" + (string)PublishPort)
                  && g_commands.Connect("tcp://127.0.0.1:" + (string)RequestPort);
   return(is_open && EventSetMillisecondTimer(1) ? INIT_SUCCEEDED : INIT_FAILED);
  }

void OnDeinit(const int reason)
  {
   EventKillTimer();
   g_ticks.Close();
   g_commands.Close();
   g_context.Close();
  }

void OnTick(void)
  {
   MqlTick tick;
   uchar bytes[];
   if(SymbolInfoTick(_Symbol, tick))
     {
      int size = Utf8::Bytes("tick " + (string)tick.time_msc, bytes);
      g_ticks.Send(bytes, size);
     }
  }

void OnTimer(void)
  {
   int size = g_commands.Receive(g_buffer, false);
   if(size <= 0)
      return;
   string words[];
   if(StringSplit(CharArrayToString(g_buffer, 0, size), ' ', words) == 3)
      Buy(words[0], words[1], StringToDouble(words[2]));
  }

void Buy(const string id, const string symbol, const double volume)
  {
   MqlTick tick;
   MqlTradeRequest request;
   MqlTradeResult result;
   ZeroMemory(request);
   ZeroMemory(result);
   if(!SymbolInfoTick(symbol, tick))
      return;
   request.action = TRADE_ACTION_DEAL;
   request.symbol = symbol;
   request.volume = volume;
   request.type = ORDER_TYPE_BUY;
   request.price = tick.ask;
   request.type_filling = ORDER_FILLING_IOC;
   request.comment = id;
   if(!OrderSend(request, result))
      Print("OrderSend, error ", GetLastError(), ", retcode ", result.retcode);
  }
