#include "text.hpp"
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include "calendar.hpp"

namespace mql {

static std::u16string ascii(const char *text) { return std::u16string(text, text + std::strlen(text)); }

string::string(mql_long value) { char b[32]; std::snprintf(b, sizeof b, "%" PRId64, value); units_ = ascii(b); }
string::string(ulong value) { char b[32]; std::snprintf(b, sizeof b, "%" PRIu64, value); units_ = ascii(b); }

// The shortest text that is the same number again, never with fewer digits than it needs.
string::string(double value) {
  char b[40];
  for (int digits = 15; digits <= 17; ++digits) {
    std::snprintf(b, sizeof b, "%.*g", digits, value);
    if (std::strtod(b, nullptr) == value) break;
  }
  if (std::strpbrk(b, ".en") == nullptr) std::strcat(b, ".0");
  units_ = ascii(b);
}
string::string(float value) { char b[40]; std::snprintf(b, sizeof b, "%.7g", (double)value); units_ = ascii(b); }

string::string(datetime value) {
  CalendarTime t = calendar_of(value.value);
  char b[80];
  std::snprintf(b, sizeof b, "%04d.%02d.%02d %02d:%02d:%02d", t.year, t.month, t.day, t.hour, t.minute, t.second);
  units_ = ascii(b);
}

string::operator mql_long() const { return std::strtoll(to_utf8(units_).c_str(), nullptr, 10); }
string::operator ulong() const {
  std::string text = to_utf8(units_);
  return text.find('-') != std::string::npos ? (ulong)std::strtoll(text.c_str(), nullptr, 10)
                                             : std::strtoull(text.c_str(), nullptr, 10);
}
string::operator double() const { return std::strtod(to_utf8(units_).c_str(), nullptr); }
string::operator bool() const { return units_ == u"true" || (mql_long)*this != 0; }

string mql_text_of(const char *utf8) { return string(from_utf8(utf8, std::strlen(utf8))); }

std::string to_utf8(const string &text) { return to_utf8(text.units()); }

// Unpaired surrogates become U+FFFD, as the terminal's own conversion makes them.
std::string to_utf8(const std::u16string &units) {
  std::string out;
  for (size_t i = 0; i < units.size(); ++i) {
    uint point = units[i];
    if (point >= 0xD800 && point <= 0xDBFF && i + 1 < units.size() && units[i + 1] >= 0xDC00 && units[i + 1] <= 0xDFFF)
      point = 0x10000 + ((point - 0xD800) << 10) + (units[++i] - 0xDC00u);
    else if (point >= 0xD800 && point <= 0xDFFF)
      point = 0xFFFD;
    if (point < 0x80) {
      out += (char)point;
    } else if (point < 0x800) {
      out += (char)(0xC0 | point >> 6);
      out += (char)(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
      out += (char)(0xE0 | point >> 12);
      out += (char)(0x80 | (point >> 6 & 0x3F));
      out += (char)(0x80 | (point & 0x3F));
    } else {
      out += (char)(0xF0 | point >> 18);
      out += (char)(0x80 | (point >> 12 & 0x3F));
      out += (char)(0x80 | (point >> 6 & 0x3F));
      out += (char)(0x80 | (point & 0x3F));
    }
  }
  return out;
}

// What is not UTF-8 becomes U+FFFD, byte by byte.
std::u16string from_utf8(const char *bytes, size_t size) {
  std::u16string out;
  const auto *b = reinterpret_cast<const uchar *>(bytes);
  for (size_t i = 0; i < size;) {
    int more = b[i] < 0x80 ? 0 : b[i] >= 0xF0 ? 3 : b[i] >= 0xE0 ? 2 : 1;
    uint point = more == 0 ? b[i] : b[i] & (0x3F >> more);
    bool good = b[i] < 0x80 || (b[i] >= 0xC2 && b[i] <= 0xF4 && i + more < size);
    for (int k = 1; good && k <= more; ++k) {
      good = (b[i + k] & 0xC0) == 0x80;
      point = point << 6 | (b[i + k] & 0x3F);
    }
    static const uint least[] = {0, 0x80, 0x800, 0x10000};
    good = good && (more == 0 || point >= least[more]) && point <= 0x10FFFF && !(point >= 0xD800 && point <= 0xDFFF);
    if (!good) {
      out += u'\uFFFD';
      ++i;
      continue;
    }
    if (point >= 0x10000) {
      out += (char16_t)(0xD800 + ((point - 0x10000) >> 10));
      out += (char16_t)(0xDC00 + ((point - 0x10000) & 0x3FF));
    } else {
      out += (char16_t)point;
    }
    i += more + 1;
  }
  return out;
}

}  // namespace mql
