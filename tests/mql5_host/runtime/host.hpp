// What the host is told at its start, made at its first use: the program's globals are constructed before main.
#pragma once
#include <atomic>
#include <map>
#include <random>
#include <set>
#include <string>
#include "make_enum.hpp"

namespace mql {

struct Host {
  std::string files_dir = ".";          // MQL5/Files
  std::string comment_path;             // where the chart's comment goes
  std::string broker_host;              // "" = no broker: scripts and unit tests
  int broker_port = 0;
  std::string chart_symbol = "EURUSD";
  std::map<std::string, std::string> inputs;
  std::set<std::string> allowed_addresses;  // the terminal's list; "*" = all
  std::string libzmq;                   // path of the library that stands for libzmq.dll
  bool dlls_allowed = true;
  bool short_sends = false;             // SocketSend takes a part
  int read_bytes_max = 0;               // SocketRead gives at most so many at once; 0 = all
  bool tick_traps = false;              // CopyTicks reorders, repeats, and inserts late
  int trade_timeout_ms = 2000;
  ulong seed = 1;
  std::mt19937_64 random;
  bool is_script = false;               // set once it runs
  std::atomic<bool> stop_asked{false};
  std::atomic<bool> chart_change_asked{false};

  Host();
  bool chance(int percent) { return (int)(random() % 100) < percent; }
};
Host &host();

int last_error();
void set_error(int code);

template <class T> T mql_input(const char *name, const T &value) {
  auto found = host().inputs.find(name);
  if (found == host().inputs.end()) return value;
  string text = from_utf8(found->second);
  if constexpr (std::is_same_v<T, string>) {
    return text;
  } else if constexpr (std::is_enum_v<T>) {
    mql_long member = mql_enum_find(mql_enum_names(value), "", found->second);
    return member >= 0 ? (T)member : (T)(mql_long)text;
  } else if constexpr (std::is_same_v<T, bool>) {
    return (bool)text;
  } else if constexpr (std::is_floating_point_v<T>) {
    return (T)(double)text;
  } else {
    return (T)(ulong)text;
  }
}

}  // namespace mql
