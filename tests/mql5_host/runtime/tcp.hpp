// TCP of this machine, Linux's or Winsock, as little of it as the host needs. Handles never block by themselves.
// It includes nothing of the host's and the host nothing of its headers': windows.h has names that MQL5 has too.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace tcp {

using Handle = std::intptr_t;
constexpr Handle NONE = -1;
constexpr long LATER = -1;   // nothing now
constexpr long BROKEN = 0;   // the peer closed, or the connection broke
constexpr int FOREVER_MS = -1;

Handle connect(const std::string &server, int port, int timeout_ms);  // NONE: nobody answers there
void close(Handle handle);
bool wait_readable(Handle handle, int timeout_ms);
bool wait_writable(Handle handle, int timeout_ms);
int available(Handle handle);  // bytes to be read at once
long read(Handle handle, void *bytes, std::size_t most);
long peek(Handle handle);
long send(Handle handle, const void *bytes, std::size_t count);

}  // namespace tcp
