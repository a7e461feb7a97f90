// Native sockets with the traps of MT5: see sockets.cpp.
#pragma once
#include "array.hpp"
#include "text.hpp"

namespace mql {

int SocketCreate(uint flags = 0);
bool SocketClose(int socket);
bool SocketConnect(int socket, const string &server, uint port, uint timeout_ms);
bool SocketIsConnected(int socket);
uint SocketIsReadable(int socket);
bool SocketIsWritable(int socket);
bool SocketTimeouts(int socket, uint send_ms, uint receive_ms);
int SocketRead(int socket, array_ref<uchar> buffer, uint maxlen, uint timeout_ms);
int SocketSend(int socket, const_array_ref<uchar> buffer, uint length);

int mql_sockets_open();  // how many a program left open

}  // namespace mql
