// Properties of account, terminal and program. One that the host does not know ends the program: no silent default.
#include <sys/stat.h>
#include <unistd.h>
#include "host.hpp"
#include "terminal.hpp"
#include "trade.hpp"

namespace mql {

constexpr int BUILD = 5100;

static Json account() { return terminal().books()["account"]; }

mql_long AccountInfoInteger(ENUM_ACCOUNT_INFO_INTEGER property) {
  switch (property) {
    case ACCOUNT_LOGIN: return terminal().login();
    case ACCOUNT_TRADE_MODE: return ACCOUNT_TRADE_MODE_DEMO;
    case ACCOUNT_TRADE_ALLOWED: return account()["trade_allowed"].flag;
    case ACCOUNT_TRADE_EXPERT: return account()["trade_expert"].flag;
    case ACCOUNT_LEVERAGE: return (mql_long)account()["leverage"].whole();
    case ACCOUNT_LIMIT_ORDERS: return (mql_long)account()["limit_orders"].whole();
    case ACCOUNT_CURRENCY_DIGITS: return (mql_long)account()["currency_digits"].whole();
    case ACCOUNT_MARGIN_MODE: {
      std::string mode = account()["margin_mode"].text;
      return mode == "netting" ? ACCOUNT_MARGIN_MODE_RETAIL_NETTING
             : mode == "exchange" ? ACCOUNT_MARGIN_MODE_EXCHANGE : ACCOUNT_MARGIN_MODE_RETAIL_HEDGING;
    }
    default: critical_error(("AccountInfoInteger: the host lacks " + to_utf8(EnumToString(property))).c_str());
  }
}
double AccountInfoDouble(ENUM_ACCOUNT_INFO_DOUBLE property) {
  std::string name = word_of(property, "ACCOUNT_");
  Json found = account();
  if (found["login"].is_nil()) return 0;  // never connected yet
  if (found[name.c_str()].is_nil()) critical_error(("AccountInfoDouble: the host lacks " + name).c_str());
  return found[name.c_str()].number();
}
string AccountInfoString(ENUM_ACCOUNT_INFO_STRING property) { return from_utf8(account()[word_of(property, "ACCOUNT_").c_str()].text); }

mql_long TerminalInfoInteger(ENUM_TERMINAL_INFO_INTEGER property) {
  switch (property) {
    case TERMINAL_CONNECTED: return terminal().is_connected();
    case TERMINAL_DLLS_ALLOWED: return host().dlls_allowed;
    case TERMINAL_TRADE_ALLOWED: return true;
    case TERMINAL_BUILD: return BUILD;
    case TERMINAL_X64: return true;
    case TERMINAL_PING_LAST: return 1000;
    default: critical_error(("TerminalInfoInteger: the host lacks " + to_utf8(EnumToString(property))).c_str());
  }
}
string TerminalInfoString(ENUM_TERMINAL_INFO_STRING property) {
  if (property == TERMINAL_DATA_PATH || property == TERMINAL_PATH) return from_utf8(host().files_dir);
  if (property == TERMINAL_NAME) return mql_text(u"MetaTrader 5 host");
  critical_error("TerminalInfoString: the host lacks this property");
}
mql_long MQLInfoInteger(ENUM_MQL_INFO_INTEGER property) {
  switch (property) {
    case MQL_DLLS_ALLOWED: return host().dlls_allowed;
    case MQL_TRADE_ALLOWED: return true;
    case MQL_PROGRAM_TYPE: return PROGRAM_EXPERT;
    case MQL_TESTER: case MQL_OPTIMIZATION: case MQL_VISUAL_MODE: case MQL_DEBUG: case MQL_PROFILER: return false;
    default: critical_error("MQLInfoInteger: the host lacks this property");
  }
}
string MQLInfoString(ENUM_MQL_INFO_STRING property) {
  if (property == MQL_PROGRAM_NAME) return mql_text(u"ZmqBridge");
  critical_error("MQLInfoString: the host lacks this property");
}

// Global variables are kept in a file, like the terminal's.
static std::string path_of(const string &name) { return host().files_dir + "/../globals-" + to_utf8(name); }
bool GlobalVariableCheck(const string &name) { return ::access(path_of(name).c_str(), R_OK) == 0; }
double GlobalVariableGet(const string &name) {
  double value = 0;
  if (FILE *file = std::fopen(path_of(name).c_str(), "rb")) {
    if (std::fread(&value, sizeof value, 1, file) != 1) value = 0;
    std::fclose(file);
  }
  return value;
}
datetime GlobalVariableSet(const string &name, double value) {
  FILE *file = std::fopen(path_of(name).c_str(), "wb");
  if (!file) return 0;
  std::fwrite(&value, sizeof value, 1, file);
  std::fclose(file);
  return (mql_long)::time(nullptr);
}
bool GlobalVariableDel(const string &name) { return ::unlink(path_of(name).c_str()) == 0; }
void GlobalVariablesFlush() {}

}  // namespace mql
