#include "maths.hpp"
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <random>
#include <thread>
#include "host.hpp"
#include "terminal.hpp"

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
  std::time_t seconds = time.value;
  std::tm t{};
  gmtime_r(&seconds, &t);
  parts = {t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, t.tm_wday, t.tm_yday};
  return true;
}
datetime StructToTime(const MqlDateTime &parts) {
  std::tm t{};
  t.tm_year = parts.year - 1900;
  t.tm_mon = parts.mon - 1;
  t.tm_mday = parts.day;
  t.tm_hour = parts.hour;
  t.tm_min = parts.min;
  t.tm_sec = parts.sec;
  return (mql_long)timegm(&t);
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
bool IsStopped() { return host().stop_asked; }

}  // namespace mql
