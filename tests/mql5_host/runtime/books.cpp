// Positions, orders and history. A selection keeps the values it was made with, as at MT5.
#include <algorithm>
#include "host.hpp"
#include "terminal.hpp"
#include "trade.hpp"

namespace mql {

static Json position, order;                 // selected
static std::vector<Json> deals, orders_done;  // of the selected history

static const std::vector<Json> &rows(const Json &books, const char *name) { return books[name].items; }
static bool find(const std::vector<Json> &all, ulong ticket, Json &found) {
  for (const Json &each : all)
    if (each["ticket"].whole() == ticket) { found = each; return true; }
  return false;
}
static const Json &field(const Json &of, const std::string &name, const char *what) {
  const Json &found = of[name.c_str()];
  if (found.is_nil() && !of.is_nil()) critical_error((std::string(what) + ": the host lacks " + name).c_str());
  return found;
}

int PositionsTotal() { return (int)terminal().books()["positions"].size(); }
static bool select_position(const Json &found) { position = found; return true; }
ulong PositionGetTicket(int index) {
  Json books = terminal().books();
  auto &all = rows(books, "positions");
  if (index < 0 || index >= (int)all.size()) { set_error(ERR_TRADE_POSITION_NOT_FOUND); return 0; }
  select_position(all[(size_t)index]);
  return position["ticket"].whole();
}
string PositionGetSymbol(int index) { return PositionGetTicket(index) ? PositionGetString(POSITION_SYMBOL) : string(std::u16string()); }
bool PositionSelectByTicket(ulong ticket) {
  Json books = terminal().books();
  bool found = find(rows(books, "positions"), ticket, position);
  if (!found) set_error(ERR_TRADE_POSITION_NOT_FOUND);
  return found;
}
// Of several positions in a symbol, the one with the lowest ticket.
bool PositionSelect(const string &symbol) {
  Json books = terminal().books();
  const Json *least = nullptr;
  for (const Json &each : rows(books, "positions"))
    if (each["symbol"].text == to_utf8(symbol) && (!least || each["ticket"].whole() < (*least)["ticket"].whole())) least = &each;
  if (!least) set_error(ERR_TRADE_POSITION_NOT_FOUND);
  return least && select_position(*least);
}
mql_long PositionGetInteger(ENUM_POSITION_PROPERTY_INTEGER property) {
  switch (property) {
    case POSITION_TICKET: case POSITION_IDENTIFIER: return (mql_long)position["ticket"].whole();
    case POSITION_TYPE: return position["side"].text == "buy" ? POSITION_TYPE_BUY : POSITION_TYPE_SELL;
    case POSITION_TIME_MSC: case POSITION_TIME_UPDATE_MSC: return (mql_long)position["time_msc"].whole();
    case POSITION_TIME: case POSITION_TIME_UPDATE: return (mql_long)position["time_msc"].whole() / 1000;
    case POSITION_MAGIC: return (mql_long)position["magic"].whole();
    case POSITION_REASON: return POSITION_REASON_EXPERT;
    default: critical_error("PositionGetInteger: the host lacks this property");
  }
}
double PositionGetDouble(ENUM_POSITION_PROPERTY_DOUBLE property) { return field(position, word_of(property, "POSITION_"), "PositionGetDouble").number(); }
string PositionGetString(ENUM_POSITION_PROPERTY_STRING property) { return from_utf8(field(position, word_of(property, "POSITION_"), "PositionGetString").text); }

int OrdersTotal() { return (int)terminal().books()["orders"].size(); }
ulong OrderGetTicket(int index) {
  Json books = terminal().books();
  auto &all = rows(books, "orders");
  if (index < 0 || index >= (int)all.size()) { set_error(ERR_TRADE_ORDER_NOT_FOUND); return 0; }
  order = all[(size_t)index];
  return order["ticket"].whole();
}
bool OrderSelect(ulong ticket) {
  Json books = terminal().books();
  bool found = find(rows(books, "orders"), ticket, order);
  if (!found) set_error(ERR_TRADE_ORDER_NOT_FOUND);
  return found;
}

static mql_long order_integer(const Json &of, ENUM_ORDER_PROPERTY_INTEGER property) {
  switch (property) {
    case ORDER_TICKET: return (mql_long)of["ticket"].whole();
    case ORDER_TYPE: return enum_of<ENUM_ORDER_TYPE>("ORDER_TYPE_", of["type"].text);
    case ORDER_STATE: return enum_of<ENUM_ORDER_STATE>("ORDER_STATE_", of["state"].text);
    case ORDER_TYPE_FILLING: return enum_of<ENUM_ORDER_TYPE_FILLING>("ORDER_FILLING_", of["filling"].text);
    case ORDER_TYPE_TIME: return of["expiration_msc"].whole() ? ORDER_TIME_SPECIFIED : ORDER_TIME_GTC;
    case ORDER_TIME_SETUP: return (mql_long)of["time_setup_msc"].whole() / 1000;
    case ORDER_TIME_SETUP_MSC: return (mql_long)of["time_setup_msc"].whole();
    case ORDER_TIME_DONE: return (mql_long)of["time_done_msc"].whole() / 1000;
    case ORDER_TIME_DONE_MSC: return (mql_long)of["time_done_msc"].whole();
    case ORDER_TIME_EXPIRATION: return (mql_long)of["expiration_msc"].whole() / 1000;
    case ORDER_MAGIC: return (mql_long)of["magic"].whole();
    case ORDER_POSITION_ID: return (mql_long)of["position"].whole();
    case ORDER_POSITION_BY_ID: return (mql_long)of["position_by"].whole();
    case ORDER_REASON: return enum_of<ENUM_ORDER_REASON>("ORDER_REASON_", of["reason"].text);
    default: critical_error("OrderGetInteger: the host lacks this property");
  }
}
static double order_double(const Json &of, ENUM_ORDER_PROPERTY_DOUBLE property) { return field(of, word_of(property, "ORDER_"), "OrderGetDouble").number(); }
static string order_string(const Json &of, ENUM_ORDER_PROPERTY_STRING property) { return from_utf8(field(of, word_of(property, "ORDER_"), "OrderGetString").text); }
mql_long OrderGetInteger(ENUM_ORDER_PROPERTY_INTEGER property) { return order_integer(order, property); }
double OrderGetDouble(ENUM_ORDER_PROPERTY_DOUBLE property) { return order_double(order, property); }
string OrderGetString(ENUM_ORDER_PROPERTY_STRING property) { return order_string(order, property); }

// MT5 selects by seconds, both ends included.
bool HistorySelect(datetime from, datetime to) {
  deals.clear();
  orders_done.clear();
  std::string range = whole_field("from_msc", (ulong)from.value * 1000) + whole_field("to_msc", (ulong)to.value * 1000 + 999);
  for (size_t offset = 0;; offset = deals.size()) {
    std::optional<Json> page = terminal().call("deals", range + whole_field("offset", offset));
    if (!page) { set_error(ERR_HISTORY_TIMEOUT); return false; }
    deals.insert(deals.end(), page->items.begin(), page->items.end());
    if (page->items.empty()) break;
  }
  std::optional<Json> done = terminal().call("orders_done", range);
  if (!done) { set_error(ERR_HISTORY_TIMEOUT); return false; }
  orders_done = done->items;
  return true;
}
bool HistorySelectByPosition(ulong ticket) {
  if (!HistorySelect(0, (mql_long)1 << 40)) return false;
  std::erase_if(deals, [&](const Json &each) { return each["position"].whole() != ticket; });
  std::erase_if(orders_done, [&](const Json &each) { return each["position"].whole() != ticket && each["ticket"].whole() != ticket; });
  return true;
}
// Selecting one puts it alone into the list.
bool HistoryDealSelect(ulong ticket) {
  std::optional<Json> found = terminal().call("deal", whole_field("ticket", ticket));
  if (!found || found->is_nil()) { set_error(ERR_TRADE_DEAL_NOT_FOUND); return false; }
  deals = {*found};
  return true;
}
bool HistoryOrderSelect(ulong ticket) {
  std::optional<Json> found = terminal().call("order", whole_field("ticket", ticket));
  if (!found || found->is_nil() || found->operator[]("time_done_msc").whole() == 0) { set_error(ERR_TRADE_ORDER_NOT_FOUND); return false; }
  orders_done = {*found};
  return true;
}
int HistoryDealsTotal() { return (int)deals.size(); }
int HistoryOrdersTotal() { return (int)orders_done.size(); }
ulong HistoryDealGetTicket(int index) { return index >= 0 && index < (int)deals.size() ? deals[(size_t)index]["ticket"].whole() : 0; }
ulong HistoryOrderGetTicket(int index) { return index >= 0 && index < (int)orders_done.size() ? orders_done[(size_t)index]["ticket"].whole() : 0; }

static Json of_history(const std::vector<Json> &all, ulong ticket, int error) {
  Json found;
  if (!find(all, ticket, found)) set_error(error);
  return found;
}
static Json deal_of(ulong ticket) { return of_history(deals, ticket, ERR_TRADE_DEAL_NOT_FOUND); }
static Json done_of(ulong ticket) { return of_history(orders_done, ticket, ERR_TRADE_ORDER_NOT_FOUND); }

static mql_long deal_type(const std::string &word) {
  mql_long type = enum_of<ENUM_DEAL_TYPE>("DEAL_TYPE_", word);
  return type >= 0 ? type : enum_of<ENUM_DEAL_TYPE>("DEAL_", word);
}
mql_long HistoryDealGetInteger(ulong ticket, ENUM_DEAL_PROPERTY_INTEGER property) {
  Json deal = deal_of(ticket);
  if (deal.is_nil()) return 0;
  switch (property) {
    case DEAL_TICKET: return (mql_long)ticket;
    case DEAL_ORDER: return (mql_long)deal["order"].whole();
    case DEAL_POSITION_ID: return (mql_long)deal["position"].whole();
    case DEAL_TIME: return (mql_long)deal["time_msc"].whole() / 1000;
    case DEAL_TIME_MSC: return (mql_long)deal["time_msc"].whole();
    case DEAL_TYPE: return deal_type(deal["type"].text);
    case DEAL_ENTRY: return enum_of<ENUM_DEAL_ENTRY>("DEAL_ENTRY_", deal["entry"].text);
    case DEAL_MAGIC: return (mql_long)deal["magic"].whole();
    case DEAL_REASON: return enum_of<ENUM_DEAL_REASON>("DEAL_REASON_", deal["reason"].text);
  }
  critical_error("HistoryDealGetInteger: the host lacks this property");
}
double HistoryDealGetDouble(ulong ticket, ENUM_DEAL_PROPERTY_DOUBLE property) {
  return field(deal_of(ticket), word_of(property, "DEAL_"), "HistoryDealGetDouble").number();
}
string HistoryDealGetString(ulong ticket, ENUM_DEAL_PROPERTY_STRING property) {
  return from_utf8(field(deal_of(ticket), word_of(property, "DEAL_"), "HistoryDealGetString").text);
}
mql_long HistoryOrderGetInteger(ulong ticket, ENUM_ORDER_PROPERTY_INTEGER property) {
  Json done = done_of(ticket);
  return done.is_nil() ? 0 : order_integer(done, property);
}
double HistoryOrderGetDouble(ulong ticket, ENUM_ORDER_PROPERTY_DOUBLE property) { return order_double(done_of(ticket), property); }
string HistoryOrderGetString(ulong ticket, ENUM_ORDER_PROPERTY_STRING property) { return order_string(done_of(ticket), property); }

}  // namespace mql
