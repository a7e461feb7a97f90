//+------------------------------------------------------------------+
//| Market.mqh - what a symbol allows: filling, volume and price     |
//| steps, stops and freeze level. Volumes are never rounded up.     |
//| Checks give "" or CODE: what was expected and found.             |
//+------------------------------------------------------------------+
#ifndef ZMQ_BRIDGE_MARKET_MQH
#define ZMQ_BRIDGE_MARKET_MQH

#define STEP_TOLERANCE 0.000001  // of one step: what doubles lose
#define PRICE_TOLERANCE 0.00000001 // two prices that differ by less are the same

class Market
  {
public:
   // FOK, then IOC, as far as the symbol has them; without bits FOK, but RETURN on an exchange. Pending orders: RETURN.
   static ENUM_ORDER_TYPE_FILLING Filling(const string symbol, const bool is_pending)
     {
      if(is_pending)
         return(ORDER_FILLING_RETURN);
      long modes = SymbolInfoInteger(symbol, SYMBOL_FILLING_MODE);
      if((modes & SYMBOL_FILLING_FOK) != 0)
         return(ORDER_FILLING_FOK);
      if((modes & SYMBOL_FILLING_IOC) != 0)
         return(ORDER_FILLING_IOC);
      bool is_exchange = SymbolInfoInteger(symbol, SYMBOL_TRADE_EXEMODE) == SYMBOL_TRADE_EXECUTION_EXCHANGE;
      return(is_exchange ? ORDER_FILLING_RETURN : ORDER_FILLING_FOK);
     }

   // The volume on the symbol's step, the next lower one if it is between two.
   static double     Volume(const string symbol, const double volume)
     {
      double step = SymbolInfoDouble(symbol, SYMBOL_VOLUME_STEP);
      if(step <= 0.0)
         return(volume);
      double steps = volume / step;
      double whole = MathRound(steps);
      if(MathAbs(steps - whole) > STEP_TOLERANCE)
         whole = MathFloor(steps);
      return(NormalizeDouble(whole * step, 8));
     }

   // The price on the symbol's tick size and digits; 0 stays 0.
   static double     Price(const string symbol, const double price)
     {
      double size = SymbolInfoDouble(symbol, SYMBOL_TRADE_TICK_SIZE);
      double rounded = size > 0.0 ? MathRound(price / size) * size : price;
      return(NormalizeDouble(rounded, (int)SymbolInfoInteger(symbol, SYMBOL_DIGITS)));
     }

   // Whether a price at the broker is what `wanted` becomes on the symbol's steps.
   static bool       IsSame(const string symbol, const double is_so, const double wanted)
     {
      return(MathAbs(is_so - Price(symbol, wanted)) < PRICE_TOLERANCE);
     }

   static string     VolumeProblem(const string symbol, const double volume, const double operator_max)
     {
      double least = SymbolInfoDouble(symbol, SYMBOL_VOLUME_MIN);
      double most = SymbolInfoDouble(symbol, SYMBOL_VOLUME_MAX);
      if(operator_max > 0.0 && (most <= 0.0 || operator_max < most))
         most = operator_max;
      if(volume <= 0.0 || volume < least - STEP_TOLERANCE * least)
         return("INVALID_VOLUME: volume=" + DoubleToString(volume, 8) + ", volume_min=" + DoubleToString(least, 8));
      if(most > 0.0 && volume > most + STEP_TOLERANCE * most)
         return("INVALID_VOLUME: volume=" + DoubleToString(volume, 8) + ", volume_max=" + DoubleToString(most, 8));
      return("");
     }

   // The price to trade at now; 0 = there is none.
   static double     Now(const string symbol, const bool is_buy)
     {
      MqlTick tick;
      if(!SymbolInfoTick(symbol, tick))
         return(0.0);
      return(is_buy ? tick.ask : tick.bid);
     }

   // SL and TP of a trade at `price`: on the right side, and as far away as the stops level asks.
   static string     StopsProblem(const string symbol, const bool is_buy, const double price, const double sl, const double tp)
     {
      double sign = is_buy ? 1.0 : -1.0;
      double least = LevelDistance(symbol, SYMBOL_TRADE_STOPS_LEVEL);
      if(sl > 0.0 && sign * (price - sl) < least)
         return("INVALID_STOPS: sl=" + DoubleToString(sl, 8) + ", price=" + DoubleToString(price, 8) + Level(symbol));
      if(tp > 0.0 && sign * (tp - price) < least)
         return("INVALID_STOPS: tp=" + DoubleToString(tp, 8) + ", price=" + DoubleToString(price, 8) + Level(symbol));
      return("");
     }

   // A pending order's price must be as far from the market as the stops level asks.
   static string     PendingProblem(const string symbol, const bool is_buy, const double price)
     {
      double now = Now(symbol, is_buy);
      double least = LevelDistance(symbol, SYMBOL_TRADE_STOPS_LEVEL);
      if(price <= 0.0)
         return("INVALID_PRICE: price=" + DoubleToString(price, 8));
      if(now > 0.0 && MathAbs(price - now) < least)
         return("INVALID_PRICE: price=" + DoubleToString(price, 8) + ", market=" + DoubleToString(now, 8) + Level(symbol));
      return("");
     }

   // Whether what would set off at `trigger` is too near to the market to be changed: at the freeze level or nearer.
   static string     FrozenProblem(const string symbol, const bool is_buy, const double trigger)
     {
      long level = SymbolInfoInteger(symbol, SYMBOL_TRADE_FREEZE_LEVEL);
      double nearest = ((double)level + 0.001) * SymbolInfoDouble(symbol, SYMBOL_POINT);
      double now = Now(symbol, is_buy);
      if(trigger <= 0.0 || now <= 0.0 || level <= 0 || MathAbs(trigger - now) > nearest)
         return("");
      return("FROZEN: trigger=" + DoubleToString(trigger, 8) + ", market=" + DoubleToString(now, 8) + ", freeze_level=" + (string)level);
     }

private:
   // The distance in price, a little less than what is told, for doubles' sake.
   static double     LevelDistance(const string symbol, const ENUM_SYMBOL_INFO_INTEGER level)
     {
      double point = SymbolInfoDouble(symbol, SYMBOL_POINT);
      return(((double)SymbolInfoInteger(symbol, level) - 0.001) * point);
     }

   static string     Level(const string symbol)
     {
      return(", stops_level=" + (string)SymbolInfoInteger(symbol, SYMBOL_TRADE_STOPS_LEVEL));
     }
  };

#endif
