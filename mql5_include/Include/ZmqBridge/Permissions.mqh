//+------------------------------------------------------------------+
//| Permissions.mqh - what the operator has switched on in the       |
//| terminal, looked at when the program starts. What is off and     |
//| can be switched on later is only said.                           |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_PERMISSIONS_MQH
#define ZMQ_BRIDGE_PERMISSIONS_MQH

#include <ZmqBridge/Log.mqh>
#include <ZmqBridge/Settings.mqh>

class Permissions
  {
public:
   // What keeps the program from starting; "" = nothing.
   static string     Problem(const Settings &settings)
     {
      if(MQLInfoInteger(MQL_TESTER) != 0)
         return("expected a chart, found the Strategy Tester, which has neither sockets nor DLLs for us");
#ifdef ZMQ_BRIDGE_WITHOUT_DLL
      if(settings.transport == TRANSPORT_DLL)
         return("Transport: expected native sockets, found libzmq.dll, which this program is built without: use ZmqBridge");
#endif
      if(settings.transport == TRANSPORT_DLL && MQLInfoInteger(MQL_DLLS_ALLOWED) == 0)
         return("Transport: libzmq.dll needs Allow DLL imports, which is off: tick it in the dialog of this program (F7, Dependencies)");
      NoteTrading(settings);
      return("");
     }

private:
   static void       NoteTrading(const Settings &settings)
     {
      if(!settings.HasDesk())
         return;
      if(TerminalInfoInteger(TERMINAL_TRADE_ALLOWED) == 0)
         Log::Say("Algo Trading is off in the toolbar: every order is rejected until it is on");
      else if(MQLInfoInteger(MQL_TRADE_ALLOWED) == 0)
         Log::Say("Allow Algo Trading is off in the dialog of this program (F7): every order is rejected until it is on");
     }
  };

#endif
