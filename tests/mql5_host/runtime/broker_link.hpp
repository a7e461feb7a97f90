// The connection to the simulated broker: one thread reads, anybody asks. Made anew whenever it breaks.
#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include "json.hpp"
#include "tcp.hpp"

namespace mql {

class BrokerLink {
 public:
  std::function<void(const Json &hello, const Json &symbols)> on_connected;  // all three: from the link's thread
  std::function<void()> on_disconnected;
  std::function<void(const Json &push)> on_push;

  void start();
  bool is_connected() const { return connected_; }
  // Ask and wait. Nothing: no connection, no answer in time, or a refusal (`refusal` says so).
  std::optional<Json> call(const std::string &op, const std::string &arguments, int timeout_ms, std::string *refusal = nullptr);
  void tell_done(ulong n);

 private:
  struct Waiting { bool is_done = false; Json reply; };
  void run();
  void serve();
  void take(const std::string &line);
  bool send_line(const std::string &line);
  std::string request(ulong id, const std::string &op, const std::string &arguments);

  std::mutex mutex_, send_mutex_;
  std::condition_variable changed_;
  std::map<ulong, std::shared_ptr<Waiting>> waiting_;
  ulong last_id_ = 10;  // ids up to 10 are the link's own
  tcp::Handle handle_ = tcp::NONE;
  std::atomic<bool> connected_{false};
  Json hello_;
};

}  // namespace mql
