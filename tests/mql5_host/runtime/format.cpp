#include "format.hpp"
#include <cstdio>
#include <mutex>
#include "host.hpp"
#include "make_enum.hpp"

namespace mql {

static std::mutex output_mutex;

void print_line(const string &line) {
  std::lock_guard lock(output_mutex);
  std::string bytes = to_utf8(line) + "\n";
  std::fwrite(bytes.data(), 1, bytes.size(), stdout);
  std::fflush(stdout);
}

// The chart's comment is kept in a file, so that a test can read it.
void set_comment(const string &text) {
  if (host().comment_path.empty()) return;
  std::string next = host().comment_path + ".new";
  if (FILE *file = std::fopen(next.c_str(), "wb")) {
    std::string bytes = to_utf8(text);
    std::fwrite(bytes.data(), 1, bytes.size(), file);
    std::fclose(file);
    std::rename(next.c_str(), host().comment_path.c_str());
  }
}

static std::string formatted(std::string spec, char conversion, const FormatValue &value) {
  char b[512];
  if (conversion == 's') {
    spec += "s";
    std::snprintf(b, sizeof b, "%s", "");
    std::string text = to_utf8(value.text);
    std::vector<char> room(text.size() + 300);
    std::snprintf(room.data(), room.size(), spec.c_str(), text.c_str());
    return room.data();
  }
  if (value.kind == FormatValue::TEXT) critical_error("format: expected a number, found a text");
  if (std::strchr("diuxXoc", conversion)) {
    spec += conversion == 'c' ? "c" : std::string("l") + conversion;
    std::snprintf(b, sizeof b, spec.c_str(), value.whole);
  } else {
    spec += conversion;
    std::snprintf(b, sizeof b, spec.c_str(), value.number);
  }
  return b;
}

string format_values(const string &format, const std::vector<FormatValue> &values) {
  std::string in = to_utf8(format), out;
  size_t next = 0;
  for (size_t i = 0; i < in.size();) {
    if (in[i] != '%') { out += in[i++]; continue; }
    if (i + 1 < in.size() && in[i + 1] == '%') { out += '%'; i += 2; continue; }
    std::string spec = "%";
    bool is_long = false;
    for (++i; i < in.size() && std::strchr("-+ #0123456789.*", in[i]); ++i) {
      if (in[i] == '*' && next < values.size()) spec += std::to_string(values[next++].whole);
      else spec += in[i];
    }
    for (const char *prefix : {"I64", "I32", "ll", "l", "h"})
      if (in.compare(i, std::strlen(prefix), prefix) == 0) { is_long = prefix[0] != 'h' && std::strcmp(prefix, "I32"); i += std::strlen(prefix); break; }
    if (i >= in.size() || next >= values.size()) critical_error("format: expected as many values as places, found fewer");
    FormatValue value = values[next++];
    char conversion = in[i++];
    if (!is_long && value.kind == FormatValue::WHOLE && std::strchr("uxXo", conversion)) value.whole = (uint)value.whole;
    if (!is_long && value.kind == FormatValue::WHOLE && std::strchr("di", conversion)) value.whole = (int)value.whole;
    out += formatted(spec, conversion, value);
  }
  return from_utf8(out);
}

static std::string plain(const std::string &name) {
  std::string out;
  for (char c : name)
    if (c != '_') out += (char)std::toupper((uchar)c);
  return out;
}

mql_long mql_enum_find(const EnumNames &names, const std::string &prefix, const std::string &word) {
  for (const EnumName &row : names)
    if (plain(row.name) == plain(prefix + word)) return row.value;
  return -1;
}

std::string mql_enum_word(const EnumNames &names, const std::string &prefix, mql_long value) {
  for (const EnumName &row : names) {
    std::string name = row.name;
    if (row.value != value || name.compare(0, prefix.size(), prefix) != 0) continue;
    std::string word;
    for (char c : name.substr(prefix.size())) word += (char)std::tolower((uchar)c);
    return word;
  }
  return "";
}

}  // namespace mql
