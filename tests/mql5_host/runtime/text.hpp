// `string`: UTF-16 units, and NULL as a value of its own.
#pragma once
#include <string>
#include "types.hpp"

namespace mql {

struct mql_null_type;

class string {
  std::u16string units_;
  bool is_null_ = false;

 public:
  string() : is_null_(true) {}
  string(const mql_null_type &) : is_null_(true) {}
  string(std::u16string units) : units_(std::move(units)) {}
  explicit string(bool value) : units_(value ? u"true" : u"false") {}
  explicit string(int value) : string((mql_long)value) {}
  explicit string(uint value) : string((ulong)value) {}
  explicit string(short value) : string((mql_long)value) {}
  explicit string(ushort value) : string((ulong)value) {}
  explicit string(signed char value) : string((mql_long)value) {}
  explicit string(char value) : string((mql_long)value) {}
  explicit string(uchar value) : string((ulong)value) {}
  explicit string(mql_long value);
  explicit string(ulong value);
  explicit string(double value);
  explicit string(float value);
  explicit string(datetime value);
  explicit string(color value) : string((ulong)value.value) {}
  template <class E> requires std::is_enum_v<E>
  explicit string(E value) : string((mql_long)value) {}

  const std::u16string &units() const { return units_; }
  std::u16string &units() { is_null_ = false; return units_; }
  bool is_null() const { return is_null_; }
  string &operator+=(const string &other) { units_ += other.units_; is_null_ = is_null_ && other.is_null_; return *this; }
  ushort operator[](int at) const { return at >= 0 && (size_t)at < units_.size() ? units_[at] : 0; }

  explicit operator mql_long() const;
  explicit operator int() const { return (int)(mql_long)*this; }
  explicit operator uint() const { return (uint)(mql_long)*this; }
  explicit operator ulong() const;
  explicit operator double() const;
  explicit operator bool() const;
};

inline string operator+(string a, const string &b) { a += b; return a; }
// NULL and "" differ, as in MQL5.
inline bool operator==(const string &a, const string &b) { return a.is_null() == b.is_null() && a.units() == b.units(); }
inline bool operator!=(const string &a, const string &b) { return !(a == b); }
inline bool operator<(const string &a, const string &b) { return a.units() < b.units(); }
inline bool operator>(const string &a, const string &b) { return b < a; }
inline bool operator<=(const string &a, const string &b) { return !(b < a); }
inline bool operator>=(const string &a, const string &b) { return !(a < b); }

template <size_t N>
string mql_text(const char16_t (&units)[N]) { return string(std::u16string(units, N - 1)); }
string mql_text_of(const char *utf8);

std::string to_utf8(const string &text);
std::string to_utf8(const std::u16string &units);
std::u16string from_utf8(const char *bytes, size_t size);
inline string from_utf8(const std::string &bytes) { return string(from_utf8(bytes.data(), bytes.size())); }

}  // namespace mql
