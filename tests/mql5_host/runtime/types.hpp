// The simple types of MQL5 and what is wrong with a program: nothing here knows the terminal.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace mql {

using uchar = std::uint8_t;
using ushort = std::uint16_t;
using uint = std::uint32_t;
using mql_long = std::int64_t;
using ulong = std::uint64_t;

// What ends a program at MT5: a message on the Experts tab, and it is removed.
[[noreturn]] void critical_error(const char *what);

template <class T>
concept Number = std::is_arithmetic_v<T> || std::is_enum_v<T>;

// An integer that is a type of its own: a time or a colour. Converts to and from numbers like one.
template <class Integer, int Tag>
struct Tagged {
  Integer value;
  Tagged() = default;
  template <Number T>
  constexpr Tagged(T number) : value(static_cast<Integer>(number)) {}
  constexpr operator Integer() const { return value; }
  template <Number T> Tagged &operator+=(T other) { value += static_cast<Integer>(other); return *this; }
  template <Number T> Tagged &operator-=(T other) { value -= static_cast<Integer>(other); return *this; }
  Tagged &operator++() { ++value; return *this; }
  Tagged operator++(int) { Tagged before = *this; ++value; return before; }
};
using datetime = Tagged<mql_long, 0>;
using color = Tagged<uint, 1>;

template <class A, class B> struct either { using type = std::common_type_t<A, B>; };

struct EnumName { const char *name; mql_long value; };

}  // namespace mql
