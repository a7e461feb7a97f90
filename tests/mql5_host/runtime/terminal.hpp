// What the terminal knows: account, specifications, books, ticks; from the broker, as of now or of a moment ago.
#pragma once
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include "broker_link.hpp"
#include "structs.hpp"

namespace mql {

struct CachedTick { MqlTick tick; mql_long visible_at_ms; };

class Terminal {
 public:
  void start();
  bool is_connected() const { return link_.is_connected(); }
  std::optional<Json> call(const std::string &op, const std::string &arguments = "", int timeout_ms = 5000, std::string *refusal = nullptr);
  void tell_done(ulong n) { link_.tell_done(n); }

  mql_long server_offset_s();
  mql_long last_quote_msc();
  mql_long login();
  Json books();                      // account, positions and orders; asked anew after anything happened
  void books_changed();
  std::vector<std::string> symbols();
  std::optional<Json> spec(const std::string &symbol);
  bool last_tick(const std::string &symbol, MqlTick &tick);
  // From the cache of 4096 ticks; nothing when the range begins before it.
  std::optional<std::vector<MqlTick>> cached_ticks(const std::string &symbol, mql_long from_msc, size_t count);

 private:
  void connected(const Json &hello, const Json &symbols);
  void pushed(const Json &push);
  void take_ticks(const Json &push);
  void take_transaction(const Json &push);

  BrokerLink link_;
  std::mutex mutex_;
  std::condition_variable greeted_;
  Json hello_, books_;
  bool books_are_old_ = true, was_connected_ = false;
  std::vector<std::string> names_;
  std::map<std::string, Json> specs_;
  std::map<std::string, mql_long> spec_read_ms_;
  std::map<std::string, std::deque<CachedTick>> ticks_;
  std::map<std::string, MqlTick> last_;
  mql_long last_quote_msc_ = 0;
};
Terminal &terminal();

MqlTick tick_from(const Json &row);
std::string utf8_field(const char *name, const std::string &text);  // ,"name":"text"
std::string whole_field(const char *name, ulong value);
std::string number_field(const char *name, double value);
mql_long steady_ms();

}  // namespace mql
