#include "terminal.hpp"
#include <chrono>
#include "events.hpp"
#include "host.hpp"

namespace mql {

constexpr size_t CACHE_TICKS = 4096;
constexpr auto FIRST_CONNECTION = std::chrono::seconds(10);
constexpr mql_long SPEC_AGE_MS = 1000;
constexpr int LATE_TICK_PERCENT = 3;

Terminal &terminal() {
  static auto *the = new Terminal;
  return *the;
}

mql_long steady_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}
std::string utf8_field(const char *name, const std::string &text) { return std::string(",\"") + name + "\":" + json_text(text); }
std::string whole_field(const char *name, ulong value) { return std::string(",\"") + name + "\":" + std::to_string(value); }
std::string number_field(const char *name, double value) { return std::string(",\"") + name + "\":" + json_number(value); }

MqlTick tick_from(const Json &row) {
  MqlTick tick{};
  tick.time_msc = (mql_long)row[0].whole();
  tick.time = tick.time_msc / 1000;
  tick.bid = row[1].number();
  tick.ask = row[2].number();
  tick.last = row[3].number();
  tick.volume_real = row[4].number();
  tick.volume = (ulong)tick.volume_real;
  tick.flags = (uint)row[5].whole();
  return tick;
}

void Terminal::start() {
  if (host().broker_host.empty()) return;
  link_.on_connected = [this](const Json &hello, const Json &symbols) { connected(hello, symbols); };
  link_.on_disconnected = [] {};
  link_.on_push = [this](const Json &push) { pushed(push); };
  link_.start();
  std::unique_lock lock(mutex_);
  greeted_.wait_for(lock, FIRST_CONNECTION, [this] { return was_connected_ && link_.is_connected(); });
}

std::optional<Json> Terminal::call(const std::string &op, const std::string &arguments, int timeout_ms, std::string *refusal) {
  return link_.call(op, arguments, timeout_ms, refusal);
}

void Terminal::connected(const Json &hello, const Json &symbols) {
  std::lock_guard lock(mutex_);
  hello_ = hello;
  specs_.clear();
  names_.clear();
  ticks_.clear();
  for (const Json &spec : symbols.items) {
    names_.push_back(spec["symbol"].text);
    specs_[names_.back()] = spec;
    spec_read_ms_[names_.back()] = steady_ms();
  }
  books_are_old_ = true;
  was_connected_ = true;
  last_quote_msc_ = (mql_long)hello["now_msc"].whole();
  greeted_.notify_all();
}

void Terminal::pushed(const Json &push) {
  const std::string &what = push["push"].text;
  if (what == "ticks") take_ticks(push);
  if (what == "transaction") take_transaction(push);
  if (what == "clock") {
    std::lock_guard lock(mutex_);
    hello_.fields["server_offset_s"] = push["server_offset_s"];
  }
  if (what == "symbol") {
    std::lock_guard lock(mutex_);
    const std::string &name = push["spec"]["symbol"].text;
    if (!specs_.count(name)) names_.push_back(name);
    specs_[name] = push["spec"];
  }
}

void Terminal::take_ticks(const Json &push) {
  static std::mt19937_64 random(host().seed);  // of the link's thread
  bool is_ours = false;
  {
    std::lock_guard lock(mutex_);
    for (auto &[symbol, skipped] : push["skipped"].fields) ticks_[symbol].clear();
    for (auto &[symbol, rows] : push["ticks"].fields) {
      auto &cache = ticks_[symbol];
      for (const Json &row : rows.items) {
        mql_long late_ms = host().tick_traps && (int)(random() % 100) < LATE_TICK_PERCENT ? 20 + (mql_long)(random() % 60) : 0;
        cache.push_back({tick_from(row), steady_ms() + late_ms});
        if (cache.size() > CACHE_TICKS) cache.pop_front();
      }
      if (!cache.empty()) {
        last_[symbol] = cache.back().tick;
        last_quote_msc_ = std::max(last_quote_msc_, cache.back().tick.time_msc);
      }
      is_ours = is_ours || symbol == host().chart_symbol;
    }
    books_are_old_ = true;
  }
  events().ticks_pushed(push["n"].whole());
  if (is_ours) events().new_tick();
}

void Terminal::take_transaction(const Json &push) {
  Transaction one{};
  MqlTradeTransaction &t = one.transaction;
  t.type = enum_of<ENUM_TRADE_TRANSACTION_TYPE>("TRADE_TRANSACTION_", push["type"].text);
  t.deal = push["deal"].whole();
  t.order = push["order"].whole();
  t.symbol = from_utf8(push["symbol"].text);
  if (!push["order_type"].text.empty()) t.order_type = enum_of<ENUM_ORDER_TYPE>("ORDER_TYPE_", push["order_type"].text);
  if (!push["order_state"].text.empty()) t.order_state = enum_of<ENUM_ORDER_STATE>("ORDER_STATE_", push["order_state"].text);
  if (!push["deal_type"].text.empty()) t.deal_type = enum_of<ENUM_DEAL_TYPE>("DEAL_TYPE_", push["deal_type"].text);
  t.price = push["price"].number();
  t.price_trigger = push["price_trigger"].number();
  t.price_sl = push["sl"].number();
  t.price_tp = push["tp"].number();
  t.volume = push["volume"].number();
  t.position = push["position"].whole();
  t.position_by = push["position_by"].whole();
  books_changed();
  events().transaction(one);
}

mql_long Terminal::server_offset_s() { std::lock_guard lock(mutex_); return (mql_long)hello_["server_offset_s"].number(); }
mql_long Terminal::last_quote_msc() { std::lock_guard lock(mutex_); return last_quote_msc_; }
mql_long Terminal::login() { std::lock_guard lock(mutex_); return (mql_long)hello_["login"].whole(); }
std::vector<std::string> Terminal::symbols() { std::lock_guard lock(mutex_); return names_; }
void Terminal::books_changed() { std::lock_guard lock(mutex_); books_are_old_ = true; }

// What was known last when the broker cannot be asked: MT5 shows that too.
Json Terminal::books() {
  {
    std::lock_guard lock(mutex_);
    if (!books_are_old_) return books_;
    books_are_old_ = false;
  }
  std::optional<Json> fresh = call("snapshot");
  std::lock_guard lock(mutex_);
  if (fresh) books_ = *fresh; else books_are_old_ = true;
  return books_;
}

std::optional<Json> Terminal::spec(const std::string &symbol) {
  {
    std::lock_guard lock(mutex_);
    auto found = specs_.find(symbol);
    if (found == specs_.end()) return {};
    if (steady_ms() - spec_read_ms_[symbol] < SPEC_AGE_MS) return found->second;
  }
  std::optional<Json> fresh = call("symbol", utf8_field("symbol", symbol));
  std::lock_guard lock(mutex_);
  if (fresh) { specs_[symbol] = *fresh; spec_read_ms_[symbol] = steady_ms(); }
  return specs_[symbol];
}

bool Terminal::last_tick(const std::string &symbol, MqlTick &tick) {
  {
    std::lock_guard lock(mutex_);
    auto found = last_.find(symbol);
    if (found != last_.end()) { tick = found->second; return true; }
    if (!specs_.count(symbol)) return false;
  }
  std::optional<Json> row = call("tick", utf8_field("symbol", symbol));
  if (!row || row->is_nil()) return false;
  tick = tick_from(*row);
  std::lock_guard lock(mutex_);
  last_.emplace(symbol, tick);
  return true;
}

std::optional<std::vector<MqlTick>> Terminal::cached_ticks(const std::string &symbol, mql_long from_msc, size_t count) {
  std::lock_guard lock(mutex_);
  auto &cache = ticks_[symbol];
  if (cache.empty() || (from_msc > 0 ? from_msc <= cache.front().tick.time_msc : count > cache.size())) return {};
  std::vector<MqlTick> found;
  mql_long now = steady_ms();
  size_t begin = from_msc > 0 ? 0 : cache.size() - count;
  for (size_t i = begin; i < cache.size() && found.size() < count; ++i)
    if (cache[i].tick.time_msc >= from_msc && cache[i].visible_at_ms <= now) found.push_back(cache[i].tick);
  return found;
}

}  // namespace mql
