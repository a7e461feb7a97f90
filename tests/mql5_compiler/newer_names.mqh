//+------------------------------------------------------------------+
//| newer_names.mqh - for a compiler of 2015 only: the names that    |
//| our sources use and that came later, so that everything else can |
//| be checked by it. Declared as the documentation has them; `older`|
//| renames what exists in another form.                             |
//+------------------------------------------------------------------+
struct NewerTick
  {
   datetime          time;
   double            bid, ask, last;
   ulong             volume;
   long              time_msc;
   uint              flags;
   double            volume_real;
  };

struct NewerRequest
  {
   ENUM_TRADE_REQUEST_ACTIONS action;
   ulong             magic, order;
   string            symbol;
   double            volume, price, stoplimit, sl, tp;
   ulong             deviation;
   ENUM_ORDER_TYPE   type;
   ENUM_ORDER_TYPE_FILLING type_filling;
   ENUM_ORDER_TYPE_TIME type_time;
   datetime          expiration;
   string            comment;
   ulong             position, position_by;
  };

struct NewerResult
  {
   uint              retcode;
   ulong             deal, order;
   double            volume, price, bid, ask;
   string            comment;
   uint              request_id;
   int               retcode_external;
  };

struct NewerTransaction
  {
   ulong             deal, order;
   string            symbol;
   ENUM_TRADE_TRANSACTION_TYPE type;
   ENUM_ORDER_TYPE   order_type;
   ENUM_ORDER_STATE  order_state;
   ENUM_DEAL_TYPE    deal_type;
   ENUM_ORDER_TYPE_TIME time_type;
   datetime          time_expiration;
   double            price, price_trigger, price_sl, price_tp, volume;
   ulong             position, position_by;
  };

enum ENUM_ACCOUNT_MARGIN_MODE
  {
   ACCOUNT_MARGIN_MODE_RETAIL_NETTING,
   ACCOUNT_MARGIN_MODE_EXCHANGE,
   ACCOUNT_MARGIN_MODE_RETAIL_HEDGING
  };

#define ACCOUNT_MARGIN_MODE     ((ENUM_ACCOUNT_INFO_INTEGER)0)
#define ACCOUNT_CURRENCY_DIGITS ((ENUM_ACCOUNT_INFO_INTEGER)0)
#define POSITION_TICKET         ((ENUM_POSITION_PROPERTY_INTEGER)0)
#define DEAL_REASON             ((ENUM_DEAL_PROPERTY_INTEGER)0)
#define DEAL_FEE                ((ENUM_DEAL_PROPERTY_DOUBLE)0)
#define DEAL_SL                 ((ENUM_DEAL_PROPERTY_DOUBLE)0)
#define DEAL_TP                 ((ENUM_DEAL_PROPERTY_DOUBLE)0)
#define TRADE_ACTION_CLOSE_BY   ((ENUM_TRADE_REQUEST_ACTIONS)10)
#define ERR_NETSOCKET_INVALIDHANDLE    5270
#define ERR_NETSOCKET_TOO_MANY_OPENED  5271
#define ERR_NETSOCKET_CANNOT_CONNECT   5272
#define ERR_NETSOCKET_IO_ERROR         5273
#define ERR_NETSOCKET_HANDSHAKE_FAILED 5274

int   NewerCopyTicks(const string symbol, NewerTick &ticks[], const uint flags = COPY_TICKS_ALL, const ulong from_msc = 0, const uint count = 0) { return(-1); }
int   NewerCopyTicksRange(const string symbol, NewerTick &ticks[], const uint flags = COPY_TICKS_ALL, const ulong from_msc = 0, const ulong to_msc = 0) { return(-1); }
bool  NewerSymbolTick(const string symbol, NewerTick &tick) { return(false); }
bool  NewerOrderSend(const NewerRequest &request, NewerResult &result) { return(false); }
ulong PositionGetTicket(const int index) { return(0); }
bool  PositionSelectByTicket(const ulong ticket) { return(false); }
int   SocketCreate(const uint flags = 0) { return(-1); }
bool  SocketConnect(const int socket, const string server, const uint port, const uint timeout_ms) { return(false); }
bool  SocketClose(const int socket) { return(false); }
bool  SocketIsConnected(const int socket) { return(false); }
uint  SocketIsReadable(const int socket) { return(0); }
bool  SocketIsWritable(const int socket) { return(false); }
bool  SocketTimeouts(const int socket, const uint send_ms, const uint receive_ms) { return(false); }
int   SocketSend(const int socket, const uchar &buffer[], const uint count) { return(-1); }
int   SocketRead(const int socket, uchar &buffer[], const uint most, const uint timeout_ms) { return(-1); }
