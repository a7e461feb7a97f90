//+------------------------------------------------------------------+
//| TransportProbe.mq5 - drives the Expert Advisor's own transport   |
//| for tests: publishes numbered frames under two topics, asks for  |
//| its own requests back, and says what it saw. The host says how   |
//| long its longest turn waited. Ends when a reply is "stop".       |
//+------------------------------------------------------------------+
#include <ZmqBridge/Transport/NativeTransport.mqh>
#include <ZmqBridge/Transport/DllTransport.mqh>

input uint   PublishPort = 0;
input uint   RequestPort = 0;
input bool   Dll = false;
input string Username = "";
input string Password = "";
input string ServerKey = "";
input string PublicKey = "";
input string SecretKey = "";
input int    GiveUpMs = 700;    // a request without an answer is thrown away after so long
input int    SizeStep = 977;    // each request is so much longer than the last
input int    SizeMax = 100000;

#define PUBLISH_MS 5
#define SLICE_MS 5

void PublishOne(Transport *transport, const string topic, const int number)
  {
   uchar frame[];
   int size = Utf8::Bytes(topic + (string)number, frame);
   frame[StringLen(topic) - 1] = 0;
   transport.Publish(frame, size);
  }

void FillRequest(uchar &request[], const int number)
  {
   int size = 4 + (number * SizeStep) % SizeMax;
   ArrayResize(request, size, SizeMax + 4);
   for(int i = 0; i < size; i++)
      request[i] = (uchar)((number + i * 7) & 0xFF);
  }

bool IsEcho(const uchar &request[], const uchar &reply[], const int size)
  {
   if(size != ArraySize(request))
      return(false);
   for(int i = 0; i < size; i++)
      if(request[i] != reply[i])
         return(false);
   return(true);
  }

bool IsStop(const uchar &reply[], const int size)
  {
   return(size == 4 && CharArrayToString(reply, 0, 4) == "stop");
  }

void OnStart(void)
  {
   Settings *settings = new Settings();
   settings.host = "127.0.0.1";
   settings.publish_port = PublishPort;
   settings.request_port = RequestPort;
   settings.username = Username;
   settings.server_key = ServerKey;
   settings.public_key = PublicKey;
   settings.secret_key = SecretKey;
   settings.password = Password;
   Transport *transport = NULL;
   if(Dll)
      transport = new DllTransport(settings);
   else
      transport = new NativeTransport(settings);
   if(!transport.Open())
      Print("open failed: ", transport.Problem());
   uchar request[], reply[];
   int number = 0;
   int published = 0;
   bool is_asked = false;
   long asked_ms = 0;
   long publish_ms = 0;
   while(!IsStopped())
     {
      long now = Clock::NowMs();
      transport.Turn(now);
      if(now >= publish_ms)
        {
         publish_ms = now + PUBLISH_MS;
         published++;
         PublishOne(transport, "one.A ", published);
         PublishOne(transport, "two.B ", published);
        }
      if(!is_asked)
        {
         number++;
         FillRequest(request, number);
         is_asked = transport.Ask(request, ArraySize(request));
         asked_ms = now;
        }
      int size = transport.Answer(reply, SLICE_MS);
      if(size >= 0 && IsStop(reply, size))
         break;
      if(size >= 0)
         Print(IsEcho(request, reply, size) ? "echo " : "other ", number, " ", size);
      if(size == -2)
         Print("not one frame ", number);
      if(size == -1 && now - asked_ms < GiveUpMs)
         continue;
      if(size == -1)
        {
         Print("gave up ", number);
         transport.Reopen(now);
        }
      is_asked = false;
     }
   transport.Close();
   delete transport;
   if(CheckPointer(settings) == POINTER_DYNAMIC)
      delete settings;
  }
