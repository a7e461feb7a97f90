// MQL5's structures of trade and ticks, with the fields and types of MT5.
#pragma once
#include "constants.hpp"
#include "text.hpp"

namespace mql {

#define MQL_ARROW(S) \
  S *operator->() { return this; } \
  const S *operator->() const { return this; }

struct MqlTick {
  datetime time;
  double bid, ask, last;
  ulong volume;
  mql_long time_msc;
  uint flags;
  double volume_real;
  MQL_ARROW(MqlTick)
};

struct MqlTradeRequest {
  ENUM_TRADE_REQUEST_ACTIONS action;
  ulong magic, order;
  string symbol;
  double volume, price, stoplimit, sl, tp;
  ulong deviation;
  ENUM_ORDER_TYPE type;
  ENUM_ORDER_TYPE_FILLING type_filling;
  ENUM_ORDER_TYPE_TIME type_time;
  datetime expiration;
  string comment;
  ulong position, position_by;
  MQL_ARROW(MqlTradeRequest)
};

struct MqlTradeResult {
  uint retcode;
  ulong deal, order;
  double volume, price, bid, ask;
  string comment;
  uint request_id;
  int retcode_external;
  MQL_ARROW(MqlTradeResult)
};

struct MqlTradeCheckResult {
  uint retcode;
  double balance, equity, profit, margin, margin_free, margin_level;
  string comment;
  MQL_ARROW(MqlTradeCheckResult)
};

struct MqlTradeTransaction {
  ulong deal, order;
  string symbol;
  ENUM_TRADE_TRANSACTION_TYPE type;
  ENUM_ORDER_TYPE order_type;
  ENUM_ORDER_STATE order_state;
  ENUM_DEAL_TYPE deal_type;
  ENUM_ORDER_TYPE_TIME time_type;
  datetime time_expiration;
  double price, price_trigger, price_sl, price_tp, volume;
  ulong position, position_by;
  MQL_ARROW(MqlTradeTransaction)
};

}  // namespace mql
