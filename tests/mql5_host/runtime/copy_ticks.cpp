// CopyTicks and CopyTicksRange: a cache of 4096 ticks, older ones from the broker's history. With --tick-traps they do
// what MT5 is known for: ticks of one millisecond change places between two reads, rows before `from` come back, and a
// late tick appears behind younger ones (see Terminal::take_ticks).
#include <algorithm>
#include "host.hpp"
#include "terminal.hpp"
#include "trade.hpp"

namespace mql {

constexpr uint COUNT_DEFAULT = 2000;
constexpr size_t PAGE = 10000;
constexpr int ROWS_BEFORE_PERCENT = 20, ROWS_BEFORE_MAX = 3;
constexpr mql_long BEFORE_MS = 5000;

using Ticks = std::vector<MqlTick>;

static std::optional<Ticks> range(const std::string &symbol, mql_long from_msc, mql_long to_msc, size_t most) {
  Ticks found;
  for (;;) {
    std::string asked = utf8_field("symbol", symbol) + whole_field("from_msc", (ulong)from_msc) + whole_field("to_msc", (ulong)to_msc);
    std::optional<Json> page = terminal().call("copy_ticks_range", asked + whole_field("skip", found.size()) + whole_field("limit", std::min(PAGE, most - found.size())));
    if (!page) return {};
    for (const Json &row : (*page)["ticks"].items) found.push_back(tick_from(row));
    if ((*page)["complete"].flag || found.size() >= most) return found;
  }
}

static std::optional<Ticks> newest(const std::string &symbol, size_t count) {
  std::optional<Json> rows = terminal().call("copy_ticks", utf8_field("symbol", symbol) + whole_field("count", count));
  if (!rows) return {};
  Ticks found;
  for (const Json &row : rows->items) found.push_back(tick_from(row));
  return found;
}

static void shuffle_milliseconds(Ticks &ticks) {
  for (size_t from = 0, to; from < ticks.size(); from = to) {
    for (to = from; to < ticks.size() && ticks[to].time_msc == ticks[from].time_msc;) ++to;
    std::shuffle(ticks.begin() + (long)from, ticks.begin() + (long)to, host().random);
  }
}

static void spring_traps(const std::string &symbol, mql_long from_msc, Ticks &ticks) {
  shuffle_milliseconds(ticks);
  if (from_msc <= BEFORE_MS || !host().chance(ROWS_BEFORE_PERCENT)) return;
  std::optional<Ticks> before = range(symbol, from_msc - BEFORE_MS, from_msc - 1, PAGE);
  if (!before || before->empty()) return;
  size_t rows = std::min(before->size(), (size_t)(1 + host().random() % ROWS_BEFORE_MAX));
  ticks.insert(ticks.begin(), before->end() - (long)rows, before->end());
}

static int give(const Ticks &found, array_ref<MqlTick> ticks) {
  if (ticks.resize((int)found.size(), 0) < 0 && ticks.size() < (int)found.size()) return -1;
  std::copy(found.begin(), found.end(), ticks.data());
  return (int)found.size();
}

static int failed(int code) { set_error(code); return -1; }

int CopyTicks(const string &symbol, array_ref<MqlTick> ticks, uint flags, ulong from_msc, uint count) {
  if (flags != COPY_TICKS_ALL) critical_error("CopyTicks: the host knows COPY_TICKS_ALL only");
  std::string name = to_utf8(symbol);
  if (!terminal().spec(name)) return failed(ERR_MARKET_UNKNOWN_SYMBOL);
  size_t most = count ? count : COUNT_DEFAULT;
  std::optional<Ticks> found = terminal().cached_ticks(name, (mql_long)from_msc, most);
  if (!found) found = from_msc ? range(name, (mql_long)from_msc, (mql_long)1 << 62, most) : newest(name, most);
  if (!found) return failed(ERR_HISTORY_TIMEOUT);
  if (host().tick_traps) spring_traps(name, (mql_long)from_msc, *found);
  return give(*found, ticks);
}

int CopyTicksRange(const string &symbol, array_ref<MqlTick> ticks, uint flags, ulong from_msc, ulong to_msc) {
  if (flags != COPY_TICKS_ALL) critical_error("CopyTicksRange: the host knows COPY_TICKS_ALL only");
  std::string name = to_utf8(symbol);
  if (!terminal().spec(name)) return failed(ERR_MARKET_UNKNOWN_SYMBOL);
  std::optional<Ticks> found = range(name, (mql_long)from_msc, to_msc ? (mql_long)to_msc : (mql_long)1 << 62, (size_t)-1);
  return found ? give(*found, ticks) : failed(ERR_HISTORY_TIMEOUT);
}

}  // namespace mql
