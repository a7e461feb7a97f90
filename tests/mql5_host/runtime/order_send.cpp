// OrderSend and its kin: one request to the broker, its answer, and the REQUEST transaction that MT5 tells afterwards.
#include <algorithm>
#include <thread>
#include "events.hpp"
#include "host.hpp"
#include "terminal.hpp"
#include "trade.hpp"

namespace mql {

static std::atomic<uint> last_request_id{0};

static std::string request_json(const MqlTradeRequest &r) {
  std::string out = "\"action\":" + json_text(word_of(r.action, "TRADE_ACTION_"));
  out += utf8_field("type", word_of(r.type, "ORDER_TYPE_")) + utf8_field("filling", word_of(r.type_filling, "ORDER_FILLING_"));
  out += utf8_field("symbol", to_utf8(r.symbol)) + utf8_field("comment", to_utf8(r.comment));
  out += number_field("volume", r.volume) + number_field("price", r.price) + number_field("stoplimit", r.stoplimit);
  out += number_field("sl", r.sl) + number_field("tp", r.tp) + whole_field("deviation", r.deviation);
  out += whole_field("order", r.order) + whole_field("position", r.position) + whole_field("position_by", r.position_by);
  out += whole_field("magic", r.magic);
  if (r.type_time != ORDER_TIME_GTC) out += whole_field("expiration_msc", (ulong)r.expiration.value * 1000);
  return ",\"request\":{" + out + "}";
}

// What MT5 refuses by itself, before the broker hears of it.
static bool is_refused(const MqlTradeRequest &request, MqlTradeResult &result) {
  if (mql_enum_word(mql_enum_names(request.action), "TRADE_ACTION_", request.action).empty()) result.retcode = TRADE_RETCODE_INVALID;
  else if (mql_enum_word(mql_enum_names(request.type), "ORDER_TYPE_", request.type).empty()) result.retcode = TRADE_RETCODE_INVALID;
  else if (mql_enum_word(mql_enum_names(request.type_filling), "ORDER_FILLING_", request.type_filling).empty()) result.retcode = TRADE_RETCODE_INVALID_FILL;
  else if (!terminal().is_connected()) result.retcode = TRADE_RETCODE_CONNECTION;
  return result.retcode != 0;
}

static void carry_out(const MqlTradeRequest &request, MqlTradeResult &result) {
  std::string refusal;
  std::optional<Json> answer = terminal().call("send", request_json(request), host().trade_timeout_ms, &refusal);
  terminal().books_changed();
  if (!answer) {
    result.retcode = refusal.empty() ? TRADE_RETCODE_TIMEOUT : TRADE_RETCODE_INVALID;
    result.comment = from_utf8(refusal);
    return;
  }
  result.retcode = (uint)(*answer)["retcode"].whole();
  result.order = (*answer)["order"].whole();
  result.deal = (*answer)["deal"].whole();
  result.volume = (*answer)["volume"].number();
  result.price = (*answer)["price"].number();
  result.bid = (*answer)["bid"].number();
  result.ask = (*answer)["ask"].number();
  result.comment = from_utf8((*answer)["message"].text);
}

static void tell(const MqlTradeRequest &request, const MqlTradeResult &result) {
  Transaction told{};
  told.transaction.type = TRADE_TRANSACTION_REQUEST;
  told.request = request;
  told.result = result;
  events().transaction(told);
}

static bool is_success(uint retcode) {
  return retcode == TRADE_RETCODE_DONE || retcode == TRADE_RETCODE_DONE_PARTIAL || retcode == TRADE_RETCODE_PLACED;
}

// True means that the server took it, not that it was executed: the retcode says that.
bool OrderSend(const MqlTradeRequest &request, MqlTradeResult &result) {
  result = MqlTradeResult{};
  result.request_id = ++last_request_id;
  if (!is_refused(request, result)) {
    carry_out(request, result);
    tell(request, result);
  }
  if (!is_success(result.retcode)) set_error(ERR_TRADE_SEND_FAILED);
  return is_success(result.retcode);
}

bool OrderSendAsync(const MqlTradeRequest &request, MqlTradeResult &result) {
  result = MqlTradeResult{};
  result.request_id = ++last_request_id;
  if (is_refused(request, result)) { set_error(ERR_TRADE_SEND_FAILED); return false; }
  result.retcode = TRADE_RETCODE_PLACED;
  MqlTradeResult later = result;
  std::thread([request, later]() mutable { carry_out(request, later); tell(request, later); }).detach();
  return true;
}

bool OrderCalcMargin(ENUM_ORDER_TYPE type, const string &symbol, double volume, double price, double &margin) {
  std::string asked = utf8_field("type", word_of(type, "ORDER_TYPE_")) + utf8_field("symbol", to_utf8(symbol));
  std::optional<Json> answer = terminal().call("calc_margin", asked + number_field("volume", volume) + number_field("price", price));
  if (answer && !answer->is_nil()) margin = answer->number();
  return answer && !answer->is_nil();
}
bool OrderCalcProfit(ENUM_ORDER_TYPE type, const string &symbol, double volume, double open, double close, double &profit) {
  std::string asked = utf8_field("type", word_of(type, "ORDER_TYPE_")) + utf8_field("symbol", to_utf8(symbol));
  asked += number_field("volume", volume) + number_field("price_open", open) + number_field("price_close", close);
  std::optional<Json> answer = terminal().call("calc_profit", asked);
  if (answer && !answer->is_nil()) profit = answer->number();
  return answer && !answer->is_nil();
}

}  // namespace mql
