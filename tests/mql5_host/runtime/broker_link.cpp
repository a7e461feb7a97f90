#include "broker_link.hpp"
#include <chrono>
#include <thread>
#include "host.hpp"

namespace mql {

constexpr auto RETRY = std::chrono::milliseconds(200);
constexpr ulong HELLO = 1, SYMBOLS = 2, SUBSCRIBE = 3;
constexpr int WINDOW = 8192;
constexpr int CONNECT_TIMEOUT_MS = 1000;

void BrokerLink::start() { std::thread([this] { run(); }).detach(); }

void BrokerLink::run() {
  for (;;) {
    tcp::Handle made = tcp::connect(host().broker_host, host().broker_port, CONNECT_TIMEOUT_MS);
    if (made != tcp::NONE) {
      { std::lock_guard lock(send_mutex_); handle_ = made; }
      send_line(request(HELLO, "hello", "") + request(SYMBOLS, "symbols", ""));
      serve();
      { std::lock_guard lock(send_mutex_); handle_ = tcp::NONE; }
      tcp::close(made);
      connected_ = false;
      on_disconnected();
      std::lock_guard lock(mutex_);
      changed_.notify_all();
    }
    std::this_thread::sleep_for(RETRY);
  }
}

void BrokerLink::serve() {
  std::string buffer;
  std::vector<char> chunk(1 << 16);
  for (;;) {
    tcp::wait_readable(handle_, tcp::FOREVER_MS);
    long got = tcp::read(handle_, chunk.data(), chunk.size());
    if (got == tcp::LATER) continue;
    if (got == tcp::BROKEN) return;
    buffer.append(chunk.data(), (size_t)got);
    size_t from = 0, end;
    while ((end = buffer.find('\n', from)) != std::string::npos) {
      take(buffer.substr(from, end - from));
      from = end + 1;
    }
    buffer.erase(0, from);
  }
}

void BrokerLink::take(const std::string &line) {
  Json message = parse_json(line);
  if (!message["push"].is_nil()) { on_push(message); return; }
  ulong id = message["id"].whole();
  if (id == HELLO) {
    hello_ = message["result"];
  } else if (id == SYMBOLS) {
    connected_ = true;
    on_connected(hello_, message["result"]);
    send_line(request(SUBSCRIBE, "subscribe", ",\"window\":" + std::to_string(WINDOW)));
    std::lock_guard lock(mutex_);
    changed_.notify_all();
  } else {
    std::lock_guard lock(mutex_);
    auto found = waiting_.find(id);
    if (found != waiting_.end()) { found->second->reply = message; found->second->is_done = true; }
    changed_.notify_all();
  }
}

bool BrokerLink::send_line(const std::string &line) {
  std::lock_guard lock(send_mutex_);
  size_t sent = 0;
  while (handle_ != tcp::NONE && sent < line.size()) {
    tcp::wait_writable(handle_, tcp::FOREVER_MS);
    long now = tcp::send(handle_, line.data() + sent, line.size() - sent);
    if (now == tcp::LATER) continue;
    if (now == tcp::BROKEN) return false;
    sent += (size_t)now;
  }
  return sent == line.size();
}

std::string BrokerLink::request(ulong id, const std::string &op, const std::string &arguments) {
  return "{\"id\":" + std::to_string(id) + ",\"op\":" + json_text(op) + arguments + "}\n";
}

std::optional<Json> BrokerLink::call(const std::string &op, const std::string &arguments, int timeout_ms, std::string *refusal) {
  if (!connected_) return {};
  auto mine = std::make_shared<Waiting>();
  std::unique_lock lock(mutex_);
  ulong id = ++last_id_;
  waiting_[id] = mine;
  lock.unlock();
  bool sent = send_line(request(id, op, arguments));
  lock.lock();
  if (sent) changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] { return mine->is_done || !connected_; });
  waiting_.erase(id);
  if (!mine->is_done) return {};
  if (!mine->reply["ok"].flag) {
    if (refusal) *refusal = mine->reply["error"]["message"].text;
    return {};
  }
  return mine->reply["result"];
}

void BrokerLink::tell_done(ulong n) {
  if (connected_) send_line("{\"op\":\"done\",\"n\":" + std::to_string(n) + "}\n");
}

}  // namespace mql
