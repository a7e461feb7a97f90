//+------------------------------------------------------------------+
//| Specs.mqh - which symbols are served, and their specifications   |
//| as the wire's map `symbol` (spec), with what was told last.      |
//| "*" follows Market Watch; names are the broker's, to the letter. |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_SPECS_MQH
#define ZMQ_BRIDGE_SPECS_MQH

#include <ZmqBridge/Log.mqh>
#include <ZmqBridge/Msgpack/MsgpackWriter.mqh>
#include <ZmqBridge/Books/Probe.mqh>
#include <ZmqBridge/Words.mqh>

#define TICK_VALUE_DRIFT_MAX 0.001  // a specification whose tick value moved less counts as the same
#define SESSIONS_PER_DAY_MAX 8
#define HASH_OF_NONE         1      // of a symbol that the wire has no word for

class Specs
  {
private:
   string            m_symbols[];
   ulong             m_told[];        // hash of the specification without its tick value
   double            m_tick_values[]; // as told
   bool              m_is_probed[];   // told with a probe
   bool              m_is_market_watch;
   int               m_symbols_max;
   bool              m_has_news;      // something is to be told that is not told yet
   long              m_every_ms;      // all are told again
   long              m_due_ms;

public:
                     Specs(void) : m_is_market_watch(false), m_symbols_max(0), m_has_news(false), m_every_ms(SPECS_MS_MAX), m_due_ms(0)
     {
     }

   void              Open(const string symbols, const int symbols_max, const int every_s)
     {
      m_symbols_max = symbols_max;
      m_every_ms = (long)every_s * 1000;
      string text = symbols;
      StringTrimLeft(text);
      StringTrimRight(text);
      m_is_market_watch = text == "*";
      ArrayResize(m_symbols, 0);
      if(m_is_market_watch)
        {
         FollowMarketWatch();
         return;
        }
      string names[];
      int count = StringSplit(text, ',', names);
      for(int i = 0; i < count; i++)
        {
         StringTrimLeft(names[i]);
         StringTrimRight(names[i]);
         if(names[i] != "")
            AddChosen(names[i]);
        }
     }

   // Take in symbols that came into Market Watch since; returns how many are new.
   int               FollowMarketWatch(void)
     {
      int before = ArraySize(m_symbols);
      int total = m_is_market_watch ? SymbolsTotal(true) : 0;
      for(int i = 0; i < total; i++)
        {
         string name = SymbolName(i, true);
         if(name != "" && Find(name) < 0)
            Add(name);
        }
      return(ArraySize(m_symbols) - before);
     }

   int               Count(void) const
     {
      return(ArraySize(m_symbols));
     }

   string            Name(const int i) const
     {
      return(m_symbols[i]);
     }

   // Write the specification of symbol `i` into an empty writer and take note of what was written as told; false when the
   // wire has no word for it.
   bool              Tell(const int i, MsgpackWriter &writer)
     {
      double tick_value = TickValue(i);
      bool is_good = WriteFields(i, tick_value, writer);
      m_told[i] = is_good ? HashOf(writer, tick_value) : HASH_OF_NONE;
      m_tick_values[i] = tick_value;
      if(!is_good)
         return(false);
      Probe probe;
      m_is_probed[i] = probe.Take(m_symbols[i]);
      writer.Text("probe");
      if(m_is_probed[i])
         probe.Write(writer);
      else
         writer.Nil();
      return(writer.IsGood());
     }

   // Whether symbol `i` is as it was told last, but for what drifts with the rates; and it could not be probed better.
   bool              IsTold(const int i) const
     {
      double tick_value = TickValue(i);
      double drift = MathAbs(tick_value - m_tick_values[i]);
      if(m_told[i] != Hash(i, tick_value) || drift > TICK_VALUE_DRIFT_MAX * MathAbs(m_tick_values[i]))
         return(false);
      return(!CanBeProbed(i));
     }

   // Whether symbol `i` was told without a probe, and could be probed now.
   bool              CanBeProbed(const int i) const
     {
      Probe probe;
      return(!m_is_probed[i] && m_told[i] != HASH_OF_NONE && probe.Take(m_symbols[i]));
     }

   // Have every symbol told again.
   void              ForgetAll(const long now_ms)
     {
      ArrayInitialize(m_told, 0);
      m_has_news = true;
      m_due_ms = now_ms + m_every_ms;
     }

   // Whether every symbol is to be told again now.
   bool              IsDue(const long now_ms) const
     {
      return(now_ms >= m_due_ms);
     }

   // What was told last was not taken: tell it again soon.
   void              Retry(const long now_ms)
     {
      m_due_ms = MathMin(m_due_ms, now_ms + SPECS_RETRY_MS);
     }

   // There may be something to tell.
   void              HaveNews(void)
     {
      m_has_news = true;
     }

   // Whether there may be, since this was asked last.
   bool              TookNews(void)
     {
      bool has_news = m_has_news;
      m_has_news = false;
      return(has_news);
     }

private:
   // All fields but the last, the probe. The tick value is the caller's, who goes on with it.
   bool              WriteFields(const int i, const double tick_value, MsgpackWriter &writer) const
     {
      string name = m_symbols[i];
      string calc = Words::CalcMode(SymbolInfoInteger(name, SYMBOL_TRADE_CALC_MODE));
      string execution = Words::ExecutionMode(SymbolInfoInteger(name, SYMBOL_TRADE_EXEMODE));
      string trade = Words::TradeMode(SymbolInfoInteger(name, SYMBOL_TRADE_MODE));
      if(calc == "" || execution == "" || trade == "")
         return(false);
      writer.Map(28);
      writer.TextField("symbol", name);
      writer.TextField("description", SymbolInfoString(name, SYMBOL_DESCRIPTION));
      writer.UintField("digits", (ulong)SymbolInfoInteger(name, SYMBOL_DIGITS));
      writer.NumberField("point", SymbolInfoDouble(name, SYMBOL_POINT));
      writer.NumberField("tick_size", SymbolInfoDouble(name, SYMBOL_TRADE_TICK_SIZE));
      writer.NumberField("tick_value", tick_value);
      writer.NumberField("contract_size", SymbolInfoDouble(name, SYMBOL_TRADE_CONTRACT_SIZE));
      writer.NumberField("volume_min", SymbolInfoDouble(name, SYMBOL_VOLUME_MIN));
      writer.NumberField("volume_max", SymbolInfoDouble(name, SYMBOL_VOLUME_MAX));
      writer.NumberField("volume_step", SymbolInfoDouble(name, SYMBOL_VOLUME_STEP));
      writer.NumberField("volume_limit", SymbolInfoDouble(name, SYMBOL_VOLUME_LIMIT));
      writer.UintField("stops_level", (ulong)SymbolInfoInteger(name, SYMBOL_TRADE_STOPS_LEVEL));
      writer.UintField("freeze_level", (ulong)SymbolInfoInteger(name, SYMBOL_TRADE_FREEZE_LEVEL));
      writer.TextField("calc_mode", calc);
      writer.TextField("currency_base", SymbolInfoString(name, SYMBOL_CURRENCY_BASE));
      writer.TextField("currency_profit", SymbolInfoString(name, SYMBOL_CURRENCY_PROFIT));
      writer.TextField("currency_margin", SymbolInfoString(name, SYMBOL_CURRENCY_MARGIN));
      writer.UintField("filling_mode", (ulong)SymbolInfoInteger(name, SYMBOL_FILLING_MODE));
      writer.TextField("execution_mode", execution);
      writer.TextField("trade_mode", trade);
      writer.NumberField("margin_initial", SymbolInfoDouble(name, SYMBOL_MARGIN_INITIAL));
      writer.NumberField("margin_maintenance", SymbolInfoDouble(name, SYMBOL_MARGIN_MAINTENANCE));
      writer.NumberField("margin_rate", MarginRate(name));
      writer.TextField("swap_mode", Words::SwapMode(SymbolInfoInteger(name, SYMBOL_SWAP_MODE)));
      writer.NumberField("swap_long", SymbolInfoDouble(name, SYMBOL_SWAP_LONG));
      writer.NumberField("swap_short", SymbolInfoDouble(name, SYMBOL_SWAP_SHORT));
      WriteSessions(name, writer);
      return(writer.IsGood());
     }

   int               Find(const string name) const
     {
      for(int i = 0; i < ArraySize(m_symbols); i++)
         if(m_symbols[i] == name)
            return(i);
      return(-1);
     }

   void              AddChosen(const string name)
     {
      ResetLastError();
      if(!SymbolSelect(name, true))
         Log::Say("Symbols: expected a symbol of this broker, to the letter, found " + name + ", error " + (string)GetLastError());
      else if(Find(name) < 0)
         Add(name);
     }

   void              Add(const string name)
     {
      int count = ArraySize(m_symbols);
      if(count >= m_symbols_max)
        {
         g_log.Repeat("Symbols: expected at most SymbolsMax = " + (string)m_symbols_max + ", found more; the rest is not served");
         return;
        }
      int size = Utf8::Size(name);
      if(size < 1 || size > SYMBOL_BYTES_MAX)
        {
         g_log.Repeat("Symbols: expected a name of 1 to " + (string)SYMBOL_BYTES_MAX + " bytes, found " + name);
         return;
        }
      ArrayResize(m_symbols, count + 1, 64);
      ArrayResize(m_told, count + 1, 64);
      ArrayResize(m_tick_values, count + 1, 64);
      ArrayResize(m_is_probed, count + 1, 64);
      m_symbols[count] = name;
      m_told[count] = 0;
      m_tick_values[count] = 0.0;
      m_is_probed[count] = false;
     }

   double            TickValue(const int i) const
     {
      return(SymbolInfoDouble(m_symbols[i], SYMBOL_TRADE_TICK_VALUE));
     }

   // What is told of symbol `i` now, without its tick value, as one number.
   ulong             Hash(const int i, const double tick_value) const
     {
      MsgpackWriter writer;
      return(WriteFields(i, tick_value, writer) ? HashOf(writer, tick_value) : HASH_OF_NONE);
     }

   // FNV-1a of the fields, but for the tick value; never 0 and never HASH_OF_NONE.
   static ulong      HashOf(const MsgpackWriter &writer, const double tick_value)
     {
      MsgpackWriter value;
      value.NumberField("tick_value", tick_value);
      ulong hash = 14695981039346656037;
      int skip = Position(writer, value);
      for(int k = 0; k < writer.Size(); k++)
         if(skip < 0 || k < skip || k >= skip + value.Size())
            hash = (hash ^ (ulong)writer.data[k]) * 1099511628211;
      return(hash <= HASH_OF_NONE ? HASH_OF_NONE + 1 : hash);
     }

   // Where `part` stands in `whole`; -1 = nowhere.
   static int        Position(const MsgpackWriter &whole, const MsgpackWriter &part)
     {
      for(int at = 0; at + part.Size() <= whole.Size(); at++)
        {
         int k = 0;
         while(k < part.Size() && whole.data[at + k] == part.data[k])
            k++;
         if(k == part.Size())
            return(at);
        }
      return(-1);
     }

   // The greater of the broker's initial margin rates; 1 where it tells none.
   static double     MarginRate(const string name)
     {
      double buy = 0.0;
      double sell = 0.0;
      double held = 0.0;
      if(!SymbolInfoMarginRate(name, ORDER_TYPE_BUY, buy, held) || !SymbolInfoMarginRate(name, ORDER_TYPE_SELL, sell, held))
         return(1.0);
      double rate = MathMax(buy, sell);
      return(rate > 0.0 ? rate : 1.0);
     }

   // [day, from_s, to_s] of each trading session: day 0 is Sunday, seconds from midnight, server time.
   static void       WriteSessions(const string name, MsgpackWriter &writer)
     {
      MsgpackWriter rows;
      int count = 0;
      for(int day = 0; day < 7; day++)
         for(uint session = 0; session < SESSIONS_PER_DAY_MAX; session++)
           {
            datetime from = 0;
            datetime to = 0;
            if(!SymbolInfoSessionTrade(name, (ENUM_DAY_OF_WEEK)day, session, from, to))
               break;
            rows.Array(3);
            rows.Uint((ulong)day);
            rows.Uint((ulong)from);
            rows.Uint((ulong)to);
            count++;
           }
      writer.ArrayField("sessions", count);
      writer.Raw(rows.data, 0, rows.Size());
     }
  };

#endif
