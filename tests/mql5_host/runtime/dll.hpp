// `#import`: functions of real libraries.
#pragma once
#include "array.hpp"
#include "text.hpp"

namespace mql {

// The address of a function; ends the program when DLLs are not allowed, or the library or the function is not there.
void *mql_library_function(const char *library, const char *function);

// A poll item is 24 bytes on 64-bit Windows (the socket is 8 of them) and 16 elsewhere.
int mql_poll_windows_items(void *items, int count, int timeout_ms);
template <class T> int mql_shim_zmq_poll(T *items, int count, int timeout_ms) {
  static_assert(sizeof(T) == 24, "a PollItem has 24 bytes on 64-bit Windows");
  return mql_poll_windows_items(items, count, timeout_ms);
}

// What waits inside the library counts as waiting (waits.hpp): as long as the socket's own options let it, or for ever.
int mql_shim_zmq_recv(mql_long socket, uchar *data, ulong size, int flags);
int mql_shim_zmq_send(mql_long socket, const uchar *data, ulong size, int flags);
int mql_shim_zmq_setsockopt(mql_long socket, int option, const uchar *value, ulong size);

}  // namespace mql
