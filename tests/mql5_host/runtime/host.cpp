#include "host.hpp"
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>
#include "pointer.hpp"
#include "process.hpp"

namespace mql {

constexpr int CRITICAL_EXIT = 70;
static thread_local int error_code = 0;

int last_error() { return error_code; }
void set_error(int code) { error_code = code; }

void critical_error(const char *what) {
  std::printf("critical error: %s\n", what);
  std::fflush(stdout);
  process::leave(CRITICAL_EXIT);
}

std::unordered_map<const void *, std::shared_ptr<ObjectLife>> &object_lives() {
  static auto *lives = new std::unordered_map<const void *, std::shared_ptr<ObjectLife>>;
  return *lives;
}

Host &host() {
  static Host *the = new Host;
  return *the;
}

static void set_option(Host &host, const std::string &name, const std::string &value) {
  if (name == "--files") host.files_dir = value;
  else if (name == "--comment") host.comment_path = value;
  else if (name == "--broker") {
    size_t colon = value.rfind(':');
    host.broker_host = value.substr(0, colon);
    host.broker_port = std::atoi(value.c_str() + colon + 1);
  }
  else if (name == "--symbol") host.chart_symbol = value;
  else if (name == "--input") host.inputs[value.substr(0, value.find('='))] = value.substr(value.find('=') + 1);
  else if (name == "--allow") host.allowed_addresses.insert(value);
  else if (name == "--libzmq") host.libzmq = value;
  else if (name == "--dlls") host.dlls_allowed = value == "1";
  else if (name == "--short-sends") host.short_sends = value == "1";
  else if (name == "--read-bytes-max") host.read_bytes_max = std::atoi(value.c_str());
  else if (name == "--tick-traps") host.tick_traps = value == "1";
  else if (name == "--trade-timeout-ms") host.trade_timeout_ms = std::atoi(value.c_str());
  else if (name == "--seed") host.seed = std::strtoull(value.c_str(), nullptr, 10);
  else {
    std::printf("host: expected an option, found %s\n", name.c_str());
    std::fflush(stdout);
    process::leave(2);
  }
}

Host::Host() {
  std::vector<std::string> words = process::arguments();
  for (size_t i = 1; i + 1 < words.size(); i += 2) set_option(*this, words[i], words[i + 1]);
  random.seed(seed);
}

}  // namespace mql
