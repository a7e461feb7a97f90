// Print, PrintFormat, StringFormat, Comment: values of any simple type as text.
#pragma once
#include <vector>
#include "text.hpp"

namespace mql {

struct FormatValue {
  enum { TEXT, WHOLE, NUMBER } kind;
  string text;
  mql_long whole = 0;
  double number = 0;
  FormatValue(const string &value) : kind(TEXT), text(value) {}
  template <class T> requires(std::is_integral_v<T> || std::is_enum_v<T>)
  FormatValue(T value) : kind(WHOLE), text(string(value)), whole((mql_long)value), number((double)value) {}
  template <class T> requires std::is_floating_point_v<T>
  FormatValue(T value) : kind(NUMBER), text(string(value)), whole((mql_long)value), number(value) {}
  FormatValue(datetime value) : kind(WHOLE), text(string(value)), whole(value.value), number((double)value.value) {}
};

string format_values(const string &format, const std::vector<FormatValue> &values);
void print_line(const string &line);
void set_comment(const string &text);

template <class... T> string joined(const T &...values) {
  string all(std::u16string{});
  ((all += FormatValue(values).text), ...);
  return all;
}
template <class... T> string StringFormat(const string &format, const T &...values) { return format_values(format, {FormatValue(values)...}); }
template <class... T> void Print(const T &...values) { print_line(joined(values...)); }
template <class... T> void PrintFormat(const string &format, const T &...values) { print_line(StringFormat(format, values...)); }
template <class... T> void printf(const string &format, const T &...values) { PrintFormat(format, values...); }
template <class... T> void Alert(const T &...values) { print_line(mql_text(u"Alert: ") + joined(values...)); }
template <class... T> void Comment(const T &...values) { set_comment(joined(values...)); }

}  // namespace mql
