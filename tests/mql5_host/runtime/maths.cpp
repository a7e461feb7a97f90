#include "maths.hpp"
#include <chrono>
#include <ctime>
#include <random>
#include <thread>
#include "calendar.hpp"
#include "host.hpp"
#include "terminal.hpp"
#include "waits.hpp"

namespace mql {

using Steady = std::chrono::steady_clock;
static const Steady::time_point started = Steady::now();
static std::mt19937 generator{std::random_device{}()};

double NormalizeDouble(double value, int digits) {
  double scale = std::pow(10.0, digits);
  return std::round(value * scale) / scale;
}
void MathSrand(int seed) { generator.seed((unsigned)seed); }
int MathRand() { return (int)(generator() & 32767); }

bool TimeToStruct(datetime time, MqlDateTime &parts) {
  CalendarTime t = calendar_of(time.value);
  parts = {t.year, t.month, t.day, t.hour, t.minute, t.second, t.day_of_week, t.day_of_year};
  return true;
}
datetime StructToTime(const MqlDateTime &parts) {
  return seconds_of(parts.year, parts.mon, parts.day, parts.hour, parts.min, parts.sec);
}

datetime TimeGMT() { return (mql_long)std::time(nullptr); }
datetime TimeLocal() { return TimeGMT(); }
datetime TimeTradeServer() { return TimeGMT().value + terminal().server_offset_s(); }
datetime TimeCurrent() { return terminal().last_quote_msc() / 1000; }
int TimeGMTOffset() { return 0; }
ulong GetMicrosecondCount() { return (ulong)std::chrono::duration_cast<std::chrono::microseconds>(Steady::now() - started).count(); }
// Milliseconds since the machine's start.
ulong GetTickCount64() { return (ulong)std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now().time_since_epoch()).count(); }
uint GetTickCount() { return (uint)GetTickCount64(); }
void Sleep(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }
void ResetLastError() { set_error(0); }
void SetUserError(ushort error) { set_error(65536 + error); }
bool IsStopped() {
  if (host().is_script) begin_stretch();
  return host().stop_asked;
}

}  // namespace mql
