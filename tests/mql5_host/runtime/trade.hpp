// Account, symbols, positions, orders, history, ticks and trade requests, as MQL5 sees them.
#pragma once
#include "array.hpp"
#include "structs.hpp"

namespace mql {

mql_long AccountInfoInteger(ENUM_ACCOUNT_INFO_INTEGER property);
double AccountInfoDouble(ENUM_ACCOUNT_INFO_DOUBLE property);
string AccountInfoString(ENUM_ACCOUNT_INFO_STRING property);
mql_long TerminalInfoInteger(ENUM_TERMINAL_INFO_INTEGER property);
string TerminalInfoString(ENUM_TERMINAL_INFO_STRING property);
mql_long MQLInfoInteger(ENUM_MQL_INFO_INTEGER property);
string MQLInfoString(ENUM_MQL_INFO_STRING property);

string Symbol();
ENUM_TIMEFRAMES Period();
int SymbolsTotal(bool selected);
string SymbolName(int position, bool selected);
bool SymbolSelect(const string &symbol, bool select);
bool SymbolExist(const string &symbol, bool &is_custom);
bool SymbolIsSynchronized(const string &symbol);
mql_long SymbolInfoInteger(const string &symbol, ENUM_SYMBOL_INFO_INTEGER property);
double SymbolInfoDouble(const string &symbol, ENUM_SYMBOL_INFO_DOUBLE property);
string SymbolInfoString(const string &symbol, ENUM_SYMBOL_INFO_STRING property);
bool SymbolInfoInteger(const string &symbol, ENUM_SYMBOL_INFO_INTEGER property, mql_long &value);
bool SymbolInfoDouble(const string &symbol, ENUM_SYMBOL_INFO_DOUBLE property, double &value);
bool SymbolInfoString(const string &symbol, ENUM_SYMBOL_INFO_STRING property, string &value);
bool SymbolInfoTick(const string &symbol, MqlTick &tick);
bool SymbolInfoMarginRate(const string &symbol, ENUM_ORDER_TYPE type, double &initial, double &maintenance);
bool SymbolInfoSessionTrade(const string &symbol, ENUM_DAY_OF_WEEK day, uint index, datetime &from, datetime &to);
bool SymbolInfoSessionQuote(const string &symbol, ENUM_DAY_OF_WEEK day, uint index, datetime &from, datetime &to);

int PositionsTotal();
ulong PositionGetTicket(int index);
string PositionGetSymbol(int index);
bool PositionSelect(const string &symbol);
bool PositionSelectByTicket(ulong ticket);
mql_long PositionGetInteger(ENUM_POSITION_PROPERTY_INTEGER property);
double PositionGetDouble(ENUM_POSITION_PROPERTY_DOUBLE property);
string PositionGetString(ENUM_POSITION_PROPERTY_STRING property);

int OrdersTotal();
ulong OrderGetTicket(int index);
bool OrderSelect(ulong ticket);
mql_long OrderGetInteger(ENUM_ORDER_PROPERTY_INTEGER property);
double OrderGetDouble(ENUM_ORDER_PROPERTY_DOUBLE property);
string OrderGetString(ENUM_ORDER_PROPERTY_STRING property);

bool HistorySelect(datetime from, datetime to);
bool HistorySelectByPosition(ulong position);
bool HistoryOrderSelect(ulong ticket);
bool HistoryDealSelect(ulong ticket);
int HistoryDealsTotal();
int HistoryOrdersTotal();
ulong HistoryDealGetTicket(int index);
ulong HistoryOrderGetTicket(int index);
mql_long HistoryDealGetInteger(ulong ticket, ENUM_DEAL_PROPERTY_INTEGER property);
double HistoryDealGetDouble(ulong ticket, ENUM_DEAL_PROPERTY_DOUBLE property);
string HistoryDealGetString(ulong ticket, ENUM_DEAL_PROPERTY_STRING property);
mql_long HistoryOrderGetInteger(ulong ticket, ENUM_ORDER_PROPERTY_INTEGER property);
double HistoryOrderGetDouble(ulong ticket, ENUM_ORDER_PROPERTY_DOUBLE property);
string HistoryOrderGetString(ulong ticket, ENUM_ORDER_PROPERTY_STRING property);

bool OrderSend(const MqlTradeRequest &request, MqlTradeResult &result);
bool OrderSendAsync(const MqlTradeRequest &request, MqlTradeResult &result);
bool OrderCalcMargin(ENUM_ORDER_TYPE type, const string &symbol, double volume, double price, double &margin);
bool OrderCalcProfit(ENUM_ORDER_TYPE type, const string &symbol, double volume, double open, double close, double &profit);

int CopyTicks(const string &symbol, array_ref<MqlTick> ticks, uint flags = COPY_TICKS_ALL, ulong from_msc = 0, uint count = 0);
int CopyTicksRange(const string &symbol, array_ref<MqlTick> ticks, uint flags = COPY_TICKS_ALL, ulong from_msc = 0, ulong to_msc = 0);

bool GlobalVariableCheck(const string &name);
double GlobalVariableGet(const string &name);
datetime GlobalVariableSet(const string &name, double value);
bool GlobalVariableDel(const string &name);
void GlobalVariablesFlush();

}  // namespace mql
