//+------------------------------------------------------------------+
//| ZmqBridgeNative.mq5 - ZmqBridge without any DLL in it: for       |
//| terminals where DLL imports stay forbidden or libzmq.dll is not  |
//| installed. The same program; Transport must be native sockets.   |
//+------------------------------------------------------------------+
#property copyright   "ZmqBridge"
#property link        "docs/ea.md"
#property version     "1.00"
#property description "Every tick and every fill of this terminal to zmq-bridge, and its commands back. Without any DLL."

#define ZMQ_BRIDGE_WITHOUT_DLL

#include "ZmqBridge.mq5"
