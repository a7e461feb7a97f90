// Symbols and their specifications. Every listed symbol is in Market Watch here.
#include <algorithm>
#include "host.hpp"
#include "terminal.hpp"
#include "trade.hpp"

namespace mql {

static std::optional<Json> spec_of(const string &symbol) {
  std::optional<Json> spec = terminal().spec(to_utf8(symbol));
  if (!spec) set_error(ERR_MARKET_UNKNOWN_SYMBOL);
  return spec;
}

string Symbol() { return from_utf8(host().chart_symbol); }
ENUM_TIMEFRAMES Period() { return PERIOD_M1; }
int SymbolsTotal(bool) { return (int)terminal().symbols().size(); }
string SymbolName(int position, bool) {
  std::vector<std::string> names = terminal().symbols();
  return position >= 0 && position < (int)names.size() ? from_utf8(names[(size_t)position]) : string(std::u16string());
}
bool SymbolSelect(const string &symbol, bool) { return spec_of(symbol).has_value(); }
bool SymbolExist(const string &symbol, bool &is_custom) { is_custom = false; return spec_of(symbol).has_value(); }
bool SymbolIsSynchronized(const string &symbol) { return spec_of(symbol).has_value() && terminal().is_connected(); }

static mql_long calc_mode(const std::string &word) {
  return word == "forex" ? SYMBOL_CALC_MODE_FOREX : enum_of<ENUM_SYMBOL_CALC_MODE>("SYMBOL_CALC_MODE_", word);
}

bool SymbolInfoInteger(const string &symbol, ENUM_SYMBOL_INFO_INTEGER property, mql_long &value) {
  std::optional<Json> found = spec_of(symbol);
  if (!found) return false;
  const Json &spec = *found;
  MqlTick tick{};
  switch (property) {
    case SYMBOL_SELECT: case SYMBOL_VISIBLE: case SYMBOL_EXIST: value = true; break;
    case SYMBOL_CUSTOM: value = false; break;
    case SYMBOL_DIGITS: value = (mql_long)spec["digits"].whole(); break;
    case SYMBOL_TRADE_STOPS_LEVEL: value = (mql_long)spec["stops_level"].whole(); break;
    case SYMBOL_TRADE_FREEZE_LEVEL: value = (mql_long)spec["freeze_level"].whole(); break;
    case SYMBOL_FILLING_MODE: value = (mql_long)spec["filling_mode"].whole(); break;
    case SYMBOL_TRADE_CALC_MODE: value = calc_mode(spec["calc_mode"].text); break;
    case SYMBOL_TRADE_EXEMODE: value = enum_of<ENUM_SYMBOL_TRADE_EXECUTION>("SYMBOL_TRADE_EXECUTION_", spec["execution_mode"].text); break;
    case SYMBOL_TRADE_MODE: value = enum_of<ENUM_SYMBOL_TRADE_MODE>("SYMBOL_TRADE_MODE_", spec["trade_mode"].text); break;
    case SYMBOL_SWAP_MODE: value = enum_of<ENUM_SYMBOL_SWAP_MODE>("SYMBOL_SWAP_MODE_", spec["swap_mode"].text); break;
    case SYMBOL_SWAP_ROLLOVER3DAYS: value = WEDNESDAY; break;
    case SYMBOL_EXPIRATION_MODE: value = SYMBOL_EXPIRATION_GTC | SYMBOL_EXPIRATION_DAY | SYMBOL_EXPIRATION_SPECIFIED; break;
    case SYMBOL_TIME: case SYMBOL_TIME_MSC:
      terminal().last_tick(to_utf8(symbol), tick);
      value = property == SYMBOL_TIME ? tick.time_msc / 1000 : tick.time_msc;
      break;
    default: critical_error(("SymbolInfoInteger: the host lacks " + to_utf8(EnumToString(property))).c_str());
  }
  return true;
}

static const char *double_name(ENUM_SYMBOL_INFO_DOUBLE property) {
  switch (property) {
    case SYMBOL_POINT: return "point";
    case SYMBOL_TRADE_TICK_SIZE: return "tick_size";
    case SYMBOL_TRADE_TICK_VALUE: case SYMBOL_TRADE_TICK_VALUE_PROFIT: case SYMBOL_TRADE_TICK_VALUE_LOSS: return "tick_value";
    case SYMBOL_TRADE_CONTRACT_SIZE: return "contract_size";
    case SYMBOL_VOLUME_MIN: return "volume_min";
    case SYMBOL_VOLUME_MAX: return "volume_max";
    case SYMBOL_VOLUME_STEP: return "volume_step";
    case SYMBOL_VOLUME_LIMIT: return "volume_limit";
    case SYMBOL_SWAP_LONG: return "swap_long";
    case SYMBOL_SWAP_SHORT: return "swap_short";
    case SYMBOL_MARGIN_INITIAL: return "margin_initial";
    case SYMBOL_MARGIN_MAINTENANCE: return "margin_maintenance";
    default: return nullptr;
  }
}
bool SymbolInfoDouble(const string &symbol, ENUM_SYMBOL_INFO_DOUBLE property, double &value) {
  std::optional<Json> spec = spec_of(symbol);
  if (!spec) return false;
  if (property == SYMBOL_BID || property == SYMBOL_ASK || property == SYMBOL_LAST) {
    MqlTick tick{};
    terminal().last_tick(to_utf8(symbol), tick);
    value = property == SYMBOL_BID ? tick.bid : property == SYMBOL_ASK ? tick.ask : tick.last;
    return true;
  }
  const char *name = double_name(property);
  if (!name) critical_error(("SymbolInfoDouble: the host lacks " + to_utf8(EnumToString(property))).c_str());
  value = (*spec)[name].number();
  return true;
}
bool SymbolInfoString(const string &symbol, ENUM_SYMBOL_INFO_STRING property, string &value) {
  std::optional<Json> spec = spec_of(symbol);
  if (!spec) return false;
  std::string name = word_of(property, "SYMBOL_");
  if ((*spec)[name.c_str()].is_nil()) critical_error(("SymbolInfoString: the host lacks " + name).c_str());
  value = from_utf8((*spec)[name.c_str()].text);
  return true;
}
mql_long SymbolInfoInteger(const string &symbol, ENUM_SYMBOL_INFO_INTEGER property) {
  mql_long value = 0;
  SymbolInfoInteger(symbol, property, value);
  return value;
}
double SymbolInfoDouble(const string &symbol, ENUM_SYMBOL_INFO_DOUBLE property) {
  double value = 0;
  SymbolInfoDouble(symbol, property, value);
  return value;
}
string SymbolInfoString(const string &symbol, ENUM_SYMBOL_INFO_STRING property) {
  string value(std::u16string{});
  SymbolInfoString(symbol, property, value);
  return value;
}
bool SymbolInfoTick(const string &symbol, MqlTick &tick) {
  bool is_there = terminal().last_tick(to_utf8(symbol), tick);
  if (!is_there) set_error(ERR_MARKET_UNKNOWN_SYMBOL);
  return is_there;
}
// The simulated broker asks for the margin of its calculation modes as it is.
bool SymbolInfoMarginRate(const string &symbol, ENUM_ORDER_TYPE, double &initial, double &maintenance) {
  initial = maintenance = 1.0;
  return spec_of(symbol).has_value();
}
bool SymbolInfoSessionTrade(const string &symbol, ENUM_DAY_OF_WEEK day, uint index, datetime &from, datetime &to) {
  std::optional<Json> spec = spec_of(symbol);
  if (!spec) return false;
  for (const Json &row : (*spec)["sessions"].items) {
    if ((mql_long)row[0].whole() != day || index-- > 0) continue;
    from = row[1].whole();
    to = row[2].whole();
    return true;
  }
  return false;
}
bool SymbolInfoSessionQuote(const string &symbol, ENUM_DAY_OF_WEEK day, uint index, datetime &from, datetime &to) {
  return SymbolInfoSessionTrade(symbol, day, index, from, to);
}

}  // namespace mql
