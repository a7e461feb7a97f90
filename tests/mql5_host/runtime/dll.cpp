#include "dll.hpp"
#include <cstdio>
#include <vector>
#include "host.hpp"
#include "process.hpp"

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
