//+------------------------------------------------------------------+
//| Probe.mqh - an imagined trade at the prices of the moment, worked|
//| out by the terminal's own functions: the bridge compares its     |
//| figures with these. Writes the map `probe`.                      |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_PROBE_MQH
#define ZMQ_BRIDGE_PROBE_MQH

#include <ZmqBridge/Msgpack/MsgpackWriter.mqh>

#define PROBE_MOVE 0.01  // from price_open to price_close: far enough that cents don't hide a difference

class Probe
  {
private:
   double            m_volume;
   double            m_price_open;
   double            m_price_close;
   double            m_margin_buy;
   double            m_margin_sell;
   double            m_profit_buy;
   double            m_profit_sell;

public:
                     Probe(void) : m_volume(0.0), m_price_open(0.0), m_price_close(0.0), m_margin_buy(0.0), m_margin_sell(0.0),
                     m_profit_buy(0.0), m_profit_sell(0.0)
     {
     }

   // Ask the terminal about one lot of a symbol; false while it can't say.
   bool              Take(const string symbol)
     {
      MqlTick tick;
      double tick_size = SymbolInfoDouble(symbol, SYMBOL_TRADE_TICK_SIZE);
      if(!SymbolInfoTick(symbol, tick) || tick_size <= 0.0)
         return(false);
      m_price_open = tick.ask > 0.0 ? tick.ask : tick.last;
      if(m_price_open <= 0.0)
         return(false);
      double ticks = MathFloor(m_price_open * PROBE_MOVE / tick_size) + 1.0;
      m_price_close = NormalizeDouble(m_price_open + ticks * tick_size, (int)SymbolInfoInteger(symbol, SYMBOL_DIGITS));
      m_volume = MathMin(MathMax(1.0, SymbolInfoDouble(symbol, SYMBOL_VOLUME_MIN)), SymbolInfoDouble(symbol, SYMBOL_VOLUME_MAX));
      return(OrderCalcMargin(ORDER_TYPE_BUY, symbol, m_volume, m_price_open, m_margin_buy)
             && OrderCalcMargin(ORDER_TYPE_SELL, symbol, m_volume, m_price_open, m_margin_sell)
             && OrderCalcProfit(ORDER_TYPE_BUY, symbol, m_volume, m_price_open, m_price_close, m_profit_buy)
             && OrderCalcProfit(ORDER_TYPE_SELL, symbol, m_volume, m_price_open, m_price_close, m_profit_sell)
             && MathIsValidNumber(m_margin_buy + m_margin_sell + m_profit_buy + m_profit_sell));
     }

   void              Write(MsgpackWriter &writer) const
     {
      writer.Map(7);
      writer.NumberField("volume", m_volume);
      writer.NumberField("price_open", m_price_open);
      writer.NumberField("price_close", m_price_close);
      writer.NumberField("margin_buy", m_margin_buy);
      writer.NumberField("margin_sell", m_margin_sell);
      writer.NumberField("profit_buy", m_profit_buy);
      writer.NumberField("profit_sell", m_profit_sell);
     }
  };

#endif
