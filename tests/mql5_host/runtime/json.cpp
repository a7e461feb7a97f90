#include "json.hpp"
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace mql {

static const Json nothing;

double Json::number() const { return kind == BOOL ? flag : std::strtod(text.c_str(), nullptr); }
ulong Json::whole() const { return kind == BOOL ? flag : std::strtoull(text.c_str(), nullptr, 10); }
const Json &Json::operator[](const char *name) const {
  auto found = fields.find(name);
  return found == fields.end() ? nothing : found->second;
}

namespace {

struct Reader {
  const std::string &in;
  size_t at = 0;

  [[noreturn]] void fail() { throw std::runtime_error("expected JSON at byte " + std::to_string(at)); }
  void blank() { while (at < in.size() && (in[at] == ' ' || in[at] == '\n' || in[at] == '\r' || in[at] == '\t')) ++at; }
  char peek() { blank(); return at < in.size() ? in[at] : '\0'; }
  void take(char c) { if (peek() != c) fail(); ++at; }
  bool word(const char *w) {
    size_t n = std::strlen(w);
    if (in.compare(at, n, w) != 0) return false;
    at += n;
    return true;
  }

  Json value() {
    Json out;
    switch (peek()) {
      case '{': object(out); break;
      case '[': array(out); break;
      case '"': out.kind = Json::TEXT; out.text = text(); break;
      case 't': case 'f': case 'n': name(out); break;
      default: number(out);
    }
    return out;
  }
  void object(Json &out) {
    out.kind = Json::OBJECT;
    take('{');
    if (peek() == '}') { ++at; return; }
    do {
      if (peek() != '"') fail();
      std::string key = text();
      take(':');
      out.fields[key] = value();
    } while (peek() == ',' && ++at);
    take('}');
  }
  void array(Json &out) {
    out.kind = Json::ARRAY;
    take('[');
    if (peek() == ']') { ++at; return; }
    do out.items.push_back(value());
    while (peek() == ',' && ++at);
    take(']');
  }
  void name(Json &out) {
    if (word("null")) return;
    out.kind = Json::BOOL;
    out.flag = word("true");
    if (!out.flag && !word("false")) fail();
  }
  void number(Json &out) {
    size_t from = at;
    while (at < in.size() && std::strchr("+-.0123456789eE", in[at])) ++at;
    if (at == from) fail();
    out.kind = Json::NUMBER;
    out.text = in.substr(from, at - from);
  }
  std::string text() {
    std::string out;
    ++at;
    while (at < in.size() && in[at] != '"') {
      if (in[at] != '\\') { out += in[at++]; continue; }
      char c = in[at + 1];
      at += 2;
      switch (c) {
        case 'n': out += '\n'; break;
        case 't': out += '\t'; break;
        case 'r': out += '\r'; break;
        case 'b': out += '\b'; break;
        case 'f': out += '\f'; break;
        case 'u': point(out); break;
        default: out += c;
      }
    }
    take('"');
    return out;
  }
  uint hex4() { uint v = (uint)std::strtoul(in.substr(at, 4).c_str(), nullptr, 16); at += 4; return v; }
  void point(std::string &out) {
    uint p = hex4();
    if (p >= 0xD800 && p < 0xDC00 && in.compare(at, 2, "\\u") == 0) { at += 2; p = 0x10000 + ((p - 0xD800) << 10) + (hex4() - 0xDC00); }
    if (p < 0x80) { out += (char)p; return; }
    if (p < 0x800) { out += (char)(0xC0 | p >> 6); }
    else if (p < 0x10000) { out += (char)(0xE0 | p >> 12); out += (char)(0x80 | (p >> 6 & 63)); }
    else { out += (char)(0xF0 | p >> 18); out += (char)(0x80 | (p >> 12 & 63)); out += (char)(0x80 | (p >> 6 & 63)); }
    out += (char)(0x80 | (p & 63));
  }
};

}  // namespace

Json parse_json(const std::string &text) {
  Reader reader{text};
  return reader.value();
}

std::string json_text(const std::string &text) {
  std::string out = "\"";
  for (char c : text) {
    char b[8];
    if (c == '"' || c == '\\') { out += '\\'; out += c; }
    else if ((uchar)c < 32) { std::snprintf(b, sizeof b, "\\u%04x", c); out += b; }
    else out += c;
  }
  return out + "\"";
}

std::string json_number(double value) {
  char b[40];
  std::snprintf(b, sizeof b, "%.17g", value);
  return b;
}

}  // namespace mql
