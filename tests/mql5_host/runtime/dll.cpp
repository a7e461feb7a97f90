#include "dll.hpp"
#include <cstdio>
#include <cstring>
#include <map>
#include <vector>
#include "host.hpp"
#include "process.hpp"
#include "waits.hpp"

namespace mql {

static void *library_of(const std::string &name) {
  if (!host().dlls_allowed) critical_error("DLL loading is not allowed");
  if (name != "libzmq.dll") critical_error(("cannot load library " + name).c_str());
  static void *libzmq = process::load(host().libzmq.empty() ? "libzmq.so.5" : host().libzmq);
  if (!libzmq) critical_error(("cannot load library 'libzmq.dll': " + process::problem()).c_str());
  return libzmq;
}

void *mql_library_function(const char *library, const char *function) {
  void *found = process::function(library_of(library), function);
  if (!found) critical_error((std::string("cannot find ") + function + " in " + library).c_str());
  return found;
}

constexpr int DONTWAIT = 1, RCVTIMEO = 27, SNDTIMEO = 28;
constexpr long long FOREVER_MS = 1'000'000'000;

template <class F> static F zmq_function(const char *name) { return (F)mql_library_function("libzmq.dll", name); }

// Timeouts as they were set, of the program's own thread: it is the only one that has sockets.
static std::map<std::pair<mql_long, int>, int> &timeouts() {
  static std::map<std::pair<mql_long, int>, int> the;
  return the;
}
static long long asked_ms(mql_long socket, int option, int flags) {
  if (flags & DONTWAIT) return 0;
  auto found = timeouts().find({socket, option});
  return found == timeouts().end() || found->second < 0 ? FOREVER_MS : found->second;
}

int mql_shim_zmq_recv(mql_long socket, uchar *data, ulong size, int flags) {
  static auto function = zmq_function<int (*)(mql_long, uchar *, ulong, int)>("zmq_recv");
  Wait wait(asked_ms(socket, RCVTIMEO, flags));
  return function(socket, data, size, flags);
}
int mql_shim_zmq_send(mql_long socket, const uchar *data, ulong size, int flags) {
  static auto function = zmq_function<int (*)(mql_long, const uchar *, ulong, int)>("zmq_send");
  Wait wait(asked_ms(socket, SNDTIMEO, flags));
  return function(socket, data, size, flags);
}
int mql_shim_zmq_setsockopt(mql_long socket, int option, const uchar *value, ulong size) {
  static auto function = zmq_function<int (*)(mql_long, int, const uchar *, ulong)>("zmq_setsockopt");
  int result = function(socket, option, value, size);
  if (result == 0 && (option == RCVTIMEO || option == SNDTIMEO) && size == sizeof(int))
    std::memcpy(&timeouts()[{socket, option}], value, sizeof(int));
  return result;
}

#ifdef _WIN32
int mql_poll_windows_items(void *items, int count, int timeout_ms) {
  auto poll = (int (*)(void *, int, long))mql_library_function("libzmq.dll", "zmq_poll");
  return poll(items, count, timeout_ms);
}
#else
#pragma pack(push, 1)
struct WindowsItem { void *socket; std::uint64_t fd; short events; short revents; std::uint32_t padding; };
#pragma pack(pop)
struct UnixItem { void *socket; int fd; short events; short revents; };

int mql_poll_windows_items(void *items, int count, int timeout_ms) {
  auto *theirs = static_cast<WindowsItem *>(items);
  std::vector<UnixItem> ours;
  for (int i = 0; i < count; ++i) ours.push_back({theirs[i].socket, (int)theirs[i].fd, theirs[i].events, 0});
  auto poll = (int (*)(UnixItem *, int, long))mql_library_function("libzmq.dll", "zmq_poll");
  int result = poll(ours.data(), count, timeout_ms);
  for (int i = 0; i < count; ++i) theirs[i].revents = ours[(size_t)i].revents;
  return result;
}
#endif

}  // namespace mql
