// MQL5's mathematics and times that need no terminal.
#pragma once
#include <cmath>
#include "array.hpp"
#include "constants.hpp"
#include "text.hpp"

namespace mql {

template <Number A, Number B> constexpr auto MathMax(A a, B b) { using C = std::common_type_t<A, B>; return (C)a < (C)b ? (C)b : (C)a; }
template <Number A, Number B> constexpr auto MathMin(A a, B b) { using C = std::common_type_t<A, B>; return (C)b < (C)a ? (C)b : (C)a; }
template <Number A, Number B> constexpr auto fmax(A a, B b) { return MathMax(a, b); }
template <Number A, Number B> constexpr auto fmin(A a, B b) { return MathMin(a, b); }
template <Number T> constexpr T MathAbs(T value) { return value < 0 ? (T)-value : value; }
inline double fabs(double value) { return std::fabs(value); }
// Away from zero at a half, as MQL5 rounds.
inline double MathRound(double value) { return std::round(value); }
inline double MathFloor(double value) { return std::floor(value); }
inline double MathCeil(double value) { return std::ceil(value); }
inline double MathPow(double base, double exponent) { return std::pow(base, exponent); }
inline double MathSqrt(double value) { return std::sqrt(value); }
inline double MathLog10(double value) { return std::log10(value); }
inline double MathLog(double value) { return std::log(value); }
inline double MathExp(double value) { return std::exp(value); }
inline double MathMod(double a, double b) { return std::fmod(a, b); }
inline double round(double value) { return std::round(value); }
inline double floor(double value) { return std::floor(value); }
inline double ceil(double value) { return std::ceil(value); }
inline bool MathIsValidNumber(double value) { return std::isfinite(value); }
double NormalizeDouble(double value, int digits);
void MathSrand(int seed);
int MathRand();
inline int rand() { return MathRand(); }

struct MqlDateTime {
  int year, mon, day, hour, min, sec, day_of_week, day_of_year;
  MqlDateTime *operator->() { return this; }
  const MqlDateTime *operator->() const { return this; }
};
bool TimeToStruct(datetime time, MqlDateTime &parts);
datetime StructToTime(const MqlDateTime &parts);

datetime TimeGMT();
datetime TimeLocal();
datetime TimeCurrent();
datetime TimeTradeServer();
int TimeGMTOffset();
ulong GetTickCount64();
uint GetTickCount();
ulong GetMicrosecondCount();
void Sleep(int ms);

enum ENUM_CRYPT_METHOD { CRYPT_BASE64, CRYPT_AES128, CRYPT_AES256, CRYPT_DES, CRYPT_HASH_SHA1, CRYPT_HASH_SHA256, CRYPT_HASH_MD5 };

inline int GetLastError();
void ResetLastError();
void SetUserError(ushort error);
bool IsStopped();
void ExpertRemove();
inline bool EventSetTimer(int seconds);
bool EventSetMillisecondTimer(int ms);
void EventKillTimer();
int UninitializeReason();
void DebugBreak();

int last_error();
inline int GetLastError() { return last_error(); }
inline bool EventSetTimer(int seconds) { return EventSetMillisecondTimer(seconds * 1000); }

}  // namespace mql
