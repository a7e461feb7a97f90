// Enumerations with a table of their names. `M(NAME, value)` lists come from enums.hpp.
#pragma once
#include <initializer_list>
#include <vector>
#include "text.hpp"

namespace mql {

using EnumNames = std::vector<EnumName>;

#define MQL_MEMBER(name, value) name = value,
#define MQL_ROW(name, value) {#name, (mql_long)name},
#define MQL_ENUM(E, LIST)            \
  enum E : int { LIST(MQL_MEMBER) }; \
  inline EnumNames mql_enum_names(E) { return {LIST(MQL_ROW)}; }

template <class E> requires std::is_enum_v<E>
string EnumToString(E value) {
  for (const EnumName &row : mql_enum_names(value))
    if (row.value == (mql_long)value) return mql_text_of(row.name);
  return mql_text_of("ENUM::") + string((mql_long)value);
}

// The member whose name is `prefix` and the broker's word, underscores and case aside; -1 when there is none.
mql_long mql_enum_find(const EnumNames &names, const std::string &prefix, const std::string &word);
template <class E> E enum_of(const char *prefix, const std::string &word) {
  return (E)mql_enum_find(mql_enum_names(E()), prefix, word);
}
// The broker's word for a value: its name without `prefix`, in lower case.
std::string mql_enum_word(const EnumNames &names, const std::string &prefix, mql_long value);
template <class E> std::string word_of(E value, const char *prefix) {
  return mql_enum_word(mql_enum_names(value), prefix, (mql_long)value);
}

}  // namespace mql
