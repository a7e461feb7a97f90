#include "events.hpp"
#include <cstdio>
#include <cstdlib>
#include "format.hpp"
#include "host.hpp"
#include "maths.hpp"
#include "pointer.hpp"
#include "process.hpp"
#include "sockets.hpp"
#include "terminal.hpp"
#include "waits.hpp"

namespace mql {

constexpr size_t TRANSACTIONS_MAX = 1024;
constexpr auto LOOK = std::chrono::milliseconds(20);  // how soon a signal is noticed

Events &events() {
  static auto *the = new Events;
  return *the;
}

void Events::new_tick() {
  std::lock_guard lock(mutex_);
  if (pending_.insert(TICK).second) queue_.push_back(TICK);
  changed_.notify_one();
}
void Events::transaction(const Transaction &transaction) {
  std::lock_guard lock(mutex_);
  transactions_.push_back(transaction);
  if (transactions_.size() > TRANSACTIONS_MAX) transactions_.pop_front();
  else queue_.push_back(TRANSACTION);
  changed_.notify_one();
}
void Events::schedule_timer() {
  int floor_ms = 10 + (int)(host().random() % 7);
  timer_due_ = Clock::now() + std::chrono::milliseconds(std::max(timer_ms_, floor_ms));
}
void Events::set_timer(int ms) {
  std::lock_guard lock(mutex_);
  timer_ms_ = ms;
  schedule_timer();
}
void Events::kill_timer() { std::lock_guard lock(mutex_); timer_ms_ = 0; }

bool Events::next(Kind &kind) {
  std::unique_lock lock(mutex_);
  auto until = Clock::now() + LOOK;
  if (timer_ms_ > 0) until = std::min(until, timer_due_);
  changed_.wait_until(lock, until, [&] { return !queue_.empty(); });
  if (timer_ms_ > 0 && Clock::now() >= timer_due_ && pending_.insert(TIMER).second) {
    queue_.push_back(TIMER);
    schedule_timer();
  }
  if (queue_.empty()) return false;
  kind = queue_.front();
  queue_.pop_front();
  return true;
}

void Events::dispatch(Program &program, Kind kind) {
  if (kind == TRANSACTION) {
    std::unique_lock lock(mutex_);
    if (transactions_.empty()) return;
    size_t which = host().random() % transactions_.size();
    Transaction one = transactions_[which];
    transactions_.erase(transactions_.begin() + (long)which);
    lock.unlock();
    if (program.OnTradeTransaction) program.OnTradeTransaction(one.transaction, one.request, one.result);
    if (program.OnTrade) program.OnTrade();
    return;
  }
  if (kind == TICK && program.OnTick) program.OnTick();
  if (kind == TIMER && program.OnTimer) program.OnTimer();
  std::lock_guard lock(mutex_);
  pending_.erase(kind);
}

int Events::init(Program &program) { return program.OnInit ? program.OnInit() : 0; }
void Events::deinit(Program &program, int reason) {
  reason_ = reason;
  if (program.OnDeinit) program.OnDeinit(reason);
  std::lock_guard lock(mutex_);
  timer_ms_ = 0;
  queue_.clear();
  pending_.clear();
  transactions_.clear();
}

int Events::run(Program &program) {
  host().is_script = program.OnStart != nullptr;
  if (host().is_script) { program.OnStart(); return 0; }
  int failed = init(program);
  while (!failed && !host().stop_asked && !removed_) {
    ulong pushed;
    { std::lock_guard lock(mutex_); pushed = pushed_; }
    Kind kind;
    if (next(kind)) {
      begin_stretch();
      dispatch(program, kind);
      end_stretch();
    }
    if (pushed != told_) terminal().tell_done(told_ = pushed);
    if (host().chart_change_asked.exchange(false)) {
      deinit(program, REASON_CHARTCHANGE);
      failed = init(program);
    }
  }
  deinit(program, failed ? REASON_INITFAILED : removed_ ? REASON_PROGRAM : REASON_CLOSE);
  if (failed) print_line(mql_text(u"initialization failed with code ") + string(failed));
  return failed ? 1 : 0;
}

bool EventSetMillisecondTimer(int ms) { events().set_timer(ms); return ms > 0; }
void EventKillTimer() { events().kill_timer(); }
void ExpertRemove() { events().remove(); }
int UninitializeReason() { return events().reason(); }

// What a program left behind, told after its globals are gone; MT5 reports undeleted objects in the same way.
[[gnu::destructor(101)]] static void report_leaks() {
  if (!object_lives().empty()) std::printf("%zu undeleted objects left\n", object_lives().size());
  if (mql_sockets_open()) std::printf("%d sockets left open\n", mql_sockets_open());
  std::fflush(stdout);
}

}  // namespace mql

int main() {
  process::on_requests([] { mql::host().stop_asked = true; }, [] { mql::host().chart_change_asked = true; });
  mql::terminal().start();
  process::trap_divisions(true);
  mql::Program program;
  mql::mql_register_program(program);
  int code = mql::events().run(program);
  process::trap_divisions(false);
  mql::print_stretches();
  std::printf("program ended\n");
  std::fflush(stdout);
  return code;
}
