// One thread runs the program's handlers. A pending NewTick or Timer is not queued twice; a timer comes no more often
// than every 10 to 16 ms; of trade transactions 1024 wait, older ones go, and they come in no promised order.
#pragma once
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include "structs.hpp"

namespace mql {

struct Transaction { MqlTradeTransaction transaction; MqlTradeRequest request; MqlTradeResult result; };

struct Program {
  std::function<int()> OnInit;
  std::function<void(int)> OnDeinit;
  std::function<void()> OnTick, OnTimer, OnTrade, OnStart;
  std::function<void(const MqlTradeTransaction &, const MqlTradeRequest &, const MqlTradeResult &)> OnTradeTransaction;
};
void mql_register_program(Program &program);  // made by the translator

inline std::function<int()> mql_handler_OnInit(int (*f)()) { return f; }
inline std::function<int()> mql_handler_OnInit(void (*f)()) { return [f] { f(); return 0; }; }
inline std::function<int()> mql_handler_OnInit(ENUM_INIT_RETCODE (*f)()) { return [f] { return (int)f(); }; }
inline auto mql_handler_OnDeinit(void (*f)(int)) { return f; }
inline auto mql_handler_OnTick(void (*f)()) { return f; }
inline auto mql_handler_OnTimer(void (*f)()) { return f; }
inline auto mql_handler_OnTrade(void (*f)()) { return f; }
inline auto mql_handler_OnStart(void (*f)()) { return f; }
inline auto mql_handler_OnTradeTransaction(void (*f)(const MqlTradeTransaction &, const MqlTradeRequest &, const MqlTradeResult &)) { return f; }

class Events {
 public:
  using Clock = std::chrono::steady_clock;
  void new_tick();
  void transaction(const Transaction &transaction);
  void ticks_pushed(ulong n) { std::lock_guard lock(mutex_); pushed_ = n; }
  void set_timer(int ms);
  void kill_timer();
  int run(Program &program);
  void remove() { std::lock_guard lock(mutex_); removed_ = true; }
  int reason() const { return reason_; }

 private:
  enum Kind { TICK, TIMER, TRANSACTION };
  bool next(Kind &kind);
  void dispatch(Program &program, Kind kind);
  void schedule_timer();
  int init(Program &program);
  void deinit(Program &program, int reason);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Kind> queue_;
  std::set<Kind> pending_;  // queued or being handled
  std::deque<Transaction> transactions_;
  int timer_ms_ = 0;
  Clock::time_point timer_due_;
  bool removed_ = false;
  ulong pushed_ = 0, told_ = 0;
  int reason_ = 0;
};
Events &events();

}  // namespace mql
