// Dates and seconds since 1970, without the C library's time zones: the same on every system.
#pragma once
#include <chrono>
#include "types.hpp"

namespace mql {

struct CalendarTime { int year, month, day, hour, minute, second, day_of_week, day_of_year; };

inline CalendarTime calendar_of(mql_long seconds) {
  using namespace std::chrono;
  sys_days days{floor<std::chrono::days>(sys_seconds{std::chrono::seconds(seconds)})};
  year_month_day date{days};
  mql_long rest = seconds - days.time_since_epoch().count() * 86400;
  int of_year = (int)(days - sys_days{date.year() / 1 / 1}).count();
  return {(int)date.year(), (int)(unsigned)date.month(), (int)(unsigned)date.day(), (int)(rest / 3600),
          (int)(rest / 60 % 60), (int)(rest % 60), (int)weekday{days}.c_encoding(), of_year};
}
inline mql_long seconds_of(int year, int month, int day, int hour, int minute, int second) {
  using namespace std::chrono;
  sys_days days{std::chrono::year(year) / month / 1};
  return (days.time_since_epoch().count() + day - 1) * 86400LL + hour * 3600LL + minute * 60LL + second;
}

}  // namespace mql
