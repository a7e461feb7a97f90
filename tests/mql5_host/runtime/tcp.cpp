#include "tcp.hpp"
#include <chrono>
#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>
#else
#include <cerrno>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#endif

namespace tcp {

#ifdef _WIN32
static void begin() {
  static WSADATA data;
  static int begun = ::WSAStartup(MAKEWORD(2, 2), &data);
  (void)begun;
}
static Handle made(int family) {
  SOCKET s = ::socket(family, SOCK_STREAM, 0);
  u_long on = 1;
  if (s != INVALID_SOCKET) ::ioctlsocket(s, FIONBIO, &on);
  return s == INVALID_SOCKET ? NONE : (Handle)s;
}
static bool is_under_way() { return ::WSAGetLastError() == WSAEWOULDBLOCK; }
static bool is_later() { return ::WSAGetLastError() == WSAEWOULDBLOCK; }
void close(Handle handle) { ::closesocket((SOCKET)handle); }
int available(Handle handle) {
  u_long count = 0;
  return ::ioctlsocket((SOCKET)handle, FIONREAD, &count) == 0 ? (int)count : 0;
}
// select, since WSAPoll does not tell of a connection that was refused.
static bool wait(Handle handle, bool to_write, int timeout_ms) {
  fd_set wanted, failed;
  FD_ZERO(&wanted);
  FD_ZERO(&failed);
  FD_SET((SOCKET)handle, &wanted);
  FD_SET((SOCKET)handle, &failed);
  timeval time{timeout_ms / 1000, timeout_ms % 1000 * 1000};
  return ::select(0, to_write ? nullptr : &wanted, to_write ? &wanted : nullptr, &failed, timeout_ms < 0 ? nullptr : &time) > 0;
}
constexpr int SEND_FLAGS = 0;
using Socket = SOCKET;
using Size = int;
#else
static void begin() {}
static Handle made(int family) { return ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }
static bool is_under_way() { return errno == EINPROGRESS; }
static bool is_later() { return errno == EAGAIN || errno == EINTR; }
void close(Handle handle) { ::close((int)handle); }
int available(Handle handle) {
  int count = 0;
  return ::ioctl((int)handle, FIONREAD, &count) == 0 ? count : 0;
}
static bool wait(Handle handle, bool to_write, int timeout_ms) {
  using namespace std::chrono;
  auto deadline = steady_clock::now() + milliseconds(timeout_ms);
  for (;;) {
    auto left = duration_cast<milliseconds>(deadline - steady_clock::now()).count();
    pollfd item{(int)handle, (short)(to_write ? POLLOUT : POLLIN), 0};
    int got = ::poll(&item, 1, timeout_ms < 0 ? -1 : left > 0 ? (int)left : 0);
    if (got >= 0 || errno != EINTR) return got > 0;
  }
}
constexpr int SEND_FLAGS = MSG_NOSIGNAL;
using Socket = int;
using Size = std::size_t;
#endif

bool wait_readable(Handle handle, int timeout_ms) { return wait(handle, false, timeout_ms); }
bool wait_writable(Handle handle, int timeout_ms) { return wait(handle, true, timeout_ms); }

static bool is_connected(Handle handle, const addrinfo &to, int timeout_ms) {
  int error = 0;
  socklen_t size = sizeof error;
  bool begun = ::connect((Socket)handle, to.ai_addr, (socklen_t)to.ai_addrlen) == 0 || is_under_way();
  return begun && wait_writable(handle, timeout_ms) &&
         ::getsockopt((Socket)handle, SOL_SOCKET, SO_ERROR, (char *)&error, &size) == 0 && error == 0;
}

Handle connect(const std::string &server, int port, int timeout_ms) {
  begin();
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (::getaddrinfo(server.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return NONE;
  Handle handle = NONE;
  for (addrinfo *each = found; each && handle == NONE; each = each->ai_next) {
    handle = made(each->ai_family);
    if (handle != NONE && !is_connected(handle, *each, timeout_ms)) { close(handle); handle = NONE; }
  }
  ::freeaddrinfo(found);
  int on = 1;
  if (handle != NONE) ::setsockopt((Socket)handle, IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof on);
  return handle;
}

static long outcome(long count) { return count > 0 ? count : count < 0 && is_later() ? LATER : BROKEN; }

long read(Handle handle, void *bytes, std::size_t most) {
  return outcome((long)::recv((Socket)handle, (char *)bytes, (Size)most, 0));
}
long peek(Handle handle) {
  char byte;
  return outcome((long)::recv((Socket)handle, &byte, 1, MSG_PEEK));
}
long send(Handle handle, const void *bytes, std::size_t count) {
  return outcome((long)::send((Socket)handle, (const char *)bytes, (Size)count, SEND_FLAGS));
}

}  // namespace tcp
