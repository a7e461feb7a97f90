#include "strings.hpp"
#include <cinttypes>
#include <cstdio>
#include <vector>
#include "calendar.hpp"
#include "host.hpp"

namespace mql {

bool StringSetCharacter(string &s, uint at, ushort unit) {
  if (at > s.units().size()) return false;
  if (unit == 0) s.units().resize(at);
  else if (at == s.units().size()) s.units() += (char16_t)unit;
  else s.units()[at] = unit;
  return true;
}
int StringFind(const string &s, const string &what, int from) {
  size_t at = s.units().find(what.units(), (size_t)(from < 0 ? 0 : from));
  return at == std::u16string::npos ? -1 : (int)at;
}
string StringSubstr(const string &s, int from, int count) {
  if (from < 0 || (size_t)from >= s.units().size() || count == 0) return string(std::u16string());
  return string(s.units().substr((size_t)from, count < 0 ? std::u16string::npos : (size_t)count));
}
int StringReplace(string &s, const string &what, const string &by) {
  if (what.units().empty()) return 0;
  int count = 0;
  for (size_t at = 0; (at = s.units().find(what.units(), at)) != std::u16string::npos; at += by.units().size(), ++count)
    s.units().replace(at, what.units().size(), by.units());
  return count;
}
int StringSplit(const string &s, ushort separator, array_ref<string> parts) {
  if (s.units().empty()) { parts.resize(0, 0); return 0; }
  std::vector<std::u16string> found(1);
  for (char16_t unit : s.units())
    if (unit == separator) found.emplace_back(); else found.back() += unit;
  parts.resize((int)found.size(), 0);
  for (size_t i = 0; i < found.size(); ++i) parts[i] = string(found[i]);
  return (int)found.size();
}
static char16_t lower(char16_t c) { return c >= u'A' && c <= u'Z' ? c + 32 : c; }
static char16_t upper(char16_t c) { return c >= u'a' && c <= u'z' ? c - 32 : c; }
int StringCompare(const string &a, const string &b, bool case_sensitive) {
  string x = a, y = b;
  if (!case_sensitive) { StringToLower(x); StringToLower(y); }
  return x.units() < y.units() ? -1 : y.units() < x.units() ? 1 : 0;
}
bool StringToLower(string &s) { for (char16_t &c : s.units()) c = lower(c); return true; }
bool StringToUpper(string &s) { for (char16_t &c : s.units()) c = upper(c); return true; }
static bool is_blank(char16_t c) { return c == u' ' || c == u'\t' || c == u'\r' || c == u'\n'; }
int StringTrimLeft(string &s) {
  size_t n = 0;
  while (n < s.units().size() && is_blank(s.units()[n])) ++n;
  s.units().erase(0, n);
  return (int)n;
}
int StringTrimRight(string &s) {
  int n = 0;
  while (!s.units().empty() && is_blank(s.units().back())) { s.units().pop_back(); ++n; }
  return n;
}
bool StringAdd(string &s, const string &more) { s += more; return true; }
bool StringFill(string &s, ushort unit) { for (char16_t &c : s.units()) c = unit; return true; }
bool StringInit(string &s, int size, ushort unit) { s = string(std::u16string((size_t)(unit ? size : 0), unit)); return true; }
mql_long StringToInteger(const string &s) { return (mql_long)s; }
double StringToDouble(const string &s) { return (double)s; }
datetime StringToTime(const string &s) {
  int year, month, day, hour = 0, minute = 0, second = 0;
  int n = std::sscanf(to_utf8(s).c_str(), "%d.%d.%d %d:%d:%d", &year, &month, &day, &hour, &minute, &second);
  return n < 3 ? 0 : seconds_of(year, month, day, hour, minute, second);
}
string IntegerToString(mql_long value, int length, ushort fill) {
  std::u16string digits = string(value).units();
  if ((int)digits.size() < length) digits.insert(0, (size_t)length - digits.size(), (char16_t)fill);
  return string(digits);
}
// Above zero: so many decimals; below: so many significant digits, in exponent form.
string DoubleToString(double value, int digits) {
  char b[400];
  if (digits < 0) std::snprintf(b, sizeof b, "%.*e", -digits, value);
  else std::snprintf(b, sizeof b, "%.*f", digits > 16 ? 16 : digits, value);
  return from_utf8(std::string(b));
}
string TimeToString(datetime value, int mode) {
  std::string all = to_utf8(string(value));
  std::string out = mode & TIME_DATE ? all.substr(0, 10) : "";
  std::string time = mode & TIME_SECONDS ? all.substr(11, 8) : mode & TIME_MINUTES ? all.substr(11, 5) : "";
  return from_utf8(out + (out.empty() || time.empty() ? "" : " ") + time);
}
string CharToString(uchar c) { return string(std::u16string(1, c)); }
string ShortToString(ushort unit) { return string(std::u16string(1, (char16_t)unit)); }

// ANSI is Latin-1 here; what it lacks becomes '?', as a Western terminal does.
static std::string encoded(const string &s, uint codepage) {
  if (codepage == CP_UTF8) return to_utf8(s);
  std::string out;
  for (char16_t unit : s.units()) out += unit < 256 ? (char)unit : '?';
  return out;
}

// With the whole text the terminating 0 is copied and counted; with a count exactly so many bytes at most.
int StringToCharArray(const string &s, array_ref<uchar> bytes, int start, int count, uint codepage) {
  std::string text = encoded(s, codepage);
  size_t wanted = count < 0 ? text.size() + 1 : std::min((size_t)count, text.size() + 1);
  text.resize(wanted, '\0');
  int end = start + (int)wanted;
  if (start < 0) return 0;
  if (bytes.size() < end && bytes.resize(end, 0) < 0) end = bytes.size();
  for (int i = start; i < end; ++i) bytes[i] = (uchar)text[(size_t)(i - start)];
  return end - start;
}
string CharArrayToString(const_array_ref<uchar> bytes, int start, int count, uint codepage) {
  std::string text;
  int end = count < 0 ? bytes.size() : std::min(bytes.size(), start + count);
  for (int i = start; i < end && bytes[i] != 0; ++i) text += (char)bytes[i];
  if (codepage == CP_UTF8) return from_utf8(text);
  std::u16string out;
  for (char c : text) out += (char16_t)(uchar)c;
  return string(out);
}
int StringToShortArray(const string &s, array_ref<ushort> units, int start, int count) {
  std::u16string text = s.units();
  text.resize(count < 0 ? text.size() + 1 : std::min((size_t)count, text.size() + 1), u'\0');
  int end = start + (int)text.size();
  if (units.size() < end && units.resize(end, 0) < 0) end = units.size();
  for (int i = start; i < end; ++i) units[i] = text[(size_t)(i - start)];
  return end - start;
}
string ShortArrayToString(const_array_ref<ushort> units, int start, int count) {
  std::u16string text;
  int end = count < 0 ? units.size() : std::min(units.size(), start + count);
  for (int i = start; i < end && units[i] != 0; ++i) text += (char16_t)units[i];
  return string(text);
}

}  // namespace mql
