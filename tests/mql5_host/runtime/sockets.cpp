// Native sockets over real TCP, with what makes MT5's hard to use:
//   only addresses on the terminal's list; at most 128; everything blocks;
//   SocketRead waits until it has all that was asked for, or the timeout (0 means 120 s) has passed;
//   SocketIsReadable may answer 1 when nothing is there; SocketSend may take a part only.
#include "sockets.hpp"
#include <chrono>
#include <map>
#include "constants.hpp"
#include "host.hpp"
#include "tcp.hpp"
#include "waits.hpp"

namespace mql {

constexpr int SOCKETS_MAX = 128;
constexpr uint TIMEOUT_DEFAULT_MS = 120000;
constexpr int FALSE_READABLE_PERCENT = 10;
constexpr int SHORT_SEND_PERCENT = 50;

struct NativeSocket { tcp::Handle handle = tcp::NONE; bool connected = false; uint send_ms = 0; uint receive_ms = 0; };
static std::map<int, NativeSocket> sockets;
static int last_handle = 0;

static NativeSocket *socket_of(int handle) {
  auto found = sockets.find(handle);
  if (found == sockets.end()) { set_error(ERR_NETSOCKET_INVALIDHANDLE); return nullptr; }
  return &found->second;
}
static uint or_default(uint ms) { return ms == 0 ? TIMEOUT_DEFAULT_MS : ms; }
static mql_long now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}
static int left_ms(mql_long deadline_ms) { return (int)std::max<mql_long>(deadline_ms - now_ms(), 0); }
static void disconnect(NativeSocket &s) {
  if (s.handle != tcp::NONE) tcp::close(s.handle);
  s.handle = tcp::NONE;
  s.connected = false;
}

int SocketCreate(uint) {
  if ((int)sockets.size() >= SOCKETS_MAX) { set_error(ERR_NETSOCKET_TOO_MANY_OPENED); return INVALID_HANDLE; }
  sockets[++last_handle] = NativeSocket();
  return last_handle;
}
bool SocketClose(int handle) {
  NativeSocket *s = socket_of(handle);
  if (!s) return false;
  disconnect(*s);
  sockets.erase(handle);
  return true;
}
int mql_sockets_open() { return (int)sockets.size(); }

bool SocketConnect(int handle, const string &server, uint port, uint timeout_ms) {
  NativeSocket *s = socket_of(handle);
  if (!s) return false;
  std::string name = to_utf8(server);
  if (!host().allowed_addresses.count(name) && !host().allowed_addresses.count("*")) {
    set_error(ERR_FUNCTION_NOT_ALLOWED);
    return false;
  }
  disconnect(*s);
  Wait wait(or_default(timeout_ms));
  s->handle = tcp::connect(name, (int)port, (int)or_default(timeout_ms));
  s->connected = s->handle != tcp::NONE;
  if (!s->connected) set_error(ERR_NETSOCKET_CANNOT_CONNECT);
  return s->connected;
}

// A peer that closed is noticed once everything it sent has been read.
bool SocketIsConnected(int handle) {
  NativeSocket *s = socket_of(handle);
  if (!s || !s->connected) return false;
  if (tcp::peek(s->handle) == tcp::BROKEN) disconnect(*s);
  return s->connected;
}
uint SocketIsReadable(int handle) {
  NativeSocket *s = socket_of(handle);
  if (!s || !s->connected) return 0;
  int count = tcp::available(s->handle);
  return count > 0 ? (uint)count : host().chance(FALSE_READABLE_PERCENT) ? 1 : 0;
}
bool SocketIsWritable(int handle) {
  NativeSocket *s = socket_of(handle);
  return s && s->connected && tcp::wait_writable(s->handle, 0);
}
bool SocketTimeouts(int handle, uint send_ms, uint receive_ms) {
  NativeSocket *s = socket_of(handle);
  if (!s) return false;
  s->send_ms = send_ms;
  s->receive_ms = receive_ms;
  return true;
}

// Waits for everything that was asked for. What came before the timeout is returned; nothing at all is -1.
int SocketRead(int handle, array_ref<uchar> buffer, uint maxlen, uint timeout_ms) {
  NativeSocket *s = socket_of(handle);
  if (!s) return -1;
  if (!s->connected) { set_error(ERR_NETSOCKET_IO_ERROR); return -1; }
  mql_long deadline = now_ms() + or_default(timeout_ms);
  Wait wait(or_default(timeout_ms));
  uint wanted = host().read_bytes_max > 0 ? std::min(maxlen, (uint)host().read_bytes_max) : maxlen;
  if (buffer.resize((int)wanted, 0) < 0) wanted = std::min(wanted, (uint)buffer.size());
  uint got = 0;
  while (got < wanted && tcp::wait_readable(s->handle, left_ms(deadline))) {
    long now = tcp::read(s->handle, buffer.data() + got, wanted - got);
    if (now == tcp::LATER) continue;
    if (now == tcp::BROKEN) { disconnect(*s); break; }
    got += (uint)now;
  }
  buffer.resize((int)got, 0);
  if (got == 0 && wanted > 0) { set_error(ERR_NETSOCKET_IO_ERROR); return -1; }
  return (int)got;
}

int SocketSend(int handle, const_array_ref<uchar> buffer, uint length) {
  NativeSocket *s = socket_of(handle);
  if (!s) return -1;
  if (!s->connected) { set_error(ERR_NETSOCKET_IO_ERROR); return -1; }
  uint wanted = std::min(length, (uint)buffer.size());
  if (host().short_sends && wanted > 1 && host().chance(SHORT_SEND_PERCENT)) wanted = 1 + (uint)(host().random() % (wanted - 1));
  mql_long deadline = now_ms() + or_default(s->send_ms);
  Wait wait(or_default(s->send_ms));
  uint sent = 0;
  while (sent < wanted && tcp::wait_writable(s->handle, left_ms(deadline))) {
    long now = tcp::send(s->handle, buffer.data() + sent, wanted - sent);
    if (now == tcp::LATER) continue;
    if (now == tcp::BROKEN) { disconnect(*s); set_error(ERR_NETSOCKET_IO_ERROR); return -1; }
    sent += (uint)now;
  }
  return (int)sent;
}

}  // namespace mql
