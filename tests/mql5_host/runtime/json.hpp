// JSON as the simulated broker speaks it: one object per line. Whole numbers keep all 64 bits.
#pragma once
#include <map>
#include <string>
#include <vector>
#include "types.hpp"

namespace mql {

class Json {
 public:
  enum Kind { NIL, BOOL, NUMBER, TEXT, ARRAY, OBJECT };
  Kind kind = NIL;
  std::string text;  // of a text, or a number as it was written
  bool flag = false;
  std::vector<Json> items;
  std::map<std::string, Json> fields;

  bool is_nil() const { return kind == NIL; }
  double number() const;
  ulong whole() const;
  const Json &operator[](const char *name) const;  // nil when it is not there
  const Json &operator[](int at) const { return items.at((size_t)at); }
  size_t size() const { return items.size(); }
};

// Throws std::runtime_error when the text is not JSON.
Json parse_json(const std::string &text);

std::string json_text(const std::string &text);
std::string json_number(double value);

}  // namespace mql
