// Arrays: dynamic, fixed, and what a parameter `T &a[]` takes. An index outside ends the program, as at MT5.
// New elements of plain types hold garbage on purpose: MQL5 promises no zeros either.
#pragma once
#include <initializer_list>
#include <memory>
#include "types.hpp"

namespace mql {

constexpr int WHOLE_ARRAY = -1;
constexpr uchar GARBAGE = 0xCB;

inline size_t checked(mql_long at, mql_long size) {
  if (at < 0 || at >= size) [[unlikely]] critical_error("array out of range");
  return (size_t)at;
}

template <class T>
class dynamic_array {
  std::unique_ptr<T[]> items_;
  int size_ = 0;
  int capacity_ = 0;

 public:
  using element = T;
  dynamic_array() = default;
  dynamic_array(std::initializer_list<T> items) {
    resize((int)items.size(), 0);
    int at = 0;
    for (const T &item : items) items_[at++] = item;
  }
  dynamic_array(const dynamic_array &other) { *this = other; }
  dynamic_array &operator=(const dynamic_array &other) {
    if (this == &other) return *this;
    resize(other.size_, 0);
    for (int i = 0; i < size_; ++i) items_[i] = other.items_[i];
    return *this;
  }
  int size() const { return size_; }
  T *data() { return items_.get(); }
  const T *data() const { return items_.get(); }
  int resize(int size, int reserve) {
    if (size < 0) return -1;
    if (size > capacity_) grow(size + (reserve > 0 ? reserve : size / 8));
    if constexpr (!std::is_trivially_copyable_v<T>)
      for (int i = size; i < size_; ++i) items_[i] = T();
    size_ = size;
    return size;
  }
  void free() { items_.reset(); size_ = capacity_ = 0; }
  template <class I> T &operator[](I at) { return items_[checked((mql_long)at, size_)]; }
  template <class I> const T &operator[](I at) const { return items_[checked((mql_long)at, size_)]; }

 private:
  void grow(int capacity) {
    std::unique_ptr<T[]> items(new T[(size_t)capacity]);
    if constexpr (std::is_trivially_copyable_v<T> && !std::is_same_v<T, bool>)
      std::memset((void *)items.get(), GARBAGE, sizeof(T) * (size_t)capacity);
    for (int i = 0; i < size_; ++i) items[i] = std::move(items_[i]);
    items_ = std::move(items);
    capacity_ = capacity;
  }
};

template <class T, size_t N>
struct fixed_array {
  using element = T;
  T items[N];
  int size() const { return (int)N; }
  T *data() { return items; }
  const T *data() const { return items; }
  template <class I> T &operator[](I at) { return items[checked((mql_long)at, N)]; }
  template <class I> const T &operator[](I at) const { return items[checked((mql_long)at, N)]; }
};

template <class T>
class array_ref {
  dynamic_array<T> *dynamic_ = nullptr;
  T *items_ = nullptr;
  int size_ = 0;

 public:
  using element = T;
  array_ref(dynamic_array<T> &array) : dynamic_(&array) {}
  template <size_t N> array_ref(fixed_array<T, N> &array) : items_(array.items), size_((int)N) {}
  bool is_dynamic() const { return dynamic_ != nullptr; }
  int size() const { return dynamic_ ? dynamic_->size() : size_; }
  T *data() const { return dynamic_ ? dynamic_->data() : items_; }
  int resize(int size, int reserve) { return dynamic_ ? dynamic_->resize(size, reserve) : -1; }
  void free() { if (dynamic_) dynamic_->free(); }
  template <class I> T &operator[](I at) const { return data()[checked((mql_long)at, size())]; }
};

template <class T>
class const_array_ref {
  const dynamic_array<T> *dynamic_ = nullptr;
  const T *items_ = nullptr;
  int size_ = 0;

 public:
  using element = const T;
  const_array_ref(const dynamic_array<T> &array) : dynamic_(&array) {}
  template <size_t N> const_array_ref(const fixed_array<T, N> &array) : items_(array.items), size_((int)N) {}
  const_array_ref(const array_ref<T> &array) : items_(array.data()), size_(array.size()) {}
  int size() const { return dynamic_ ? dynamic_->size() : size_; }
  const T *data() const { return dynamic_ ? dynamic_->data() : items_; }
  template <class I> const T &operator[](I at) const { return data()[checked((mql_long)at, size())]; }
};

template <class A>
concept Array = requires(A a) { typename std::remove_cvref_t<A>::element; a.size(); a.data(); };
template <class A>
using element_of = std::remove_cv_t<typename std::remove_cvref_t<A>::element>;

template <Array A> int ArraySize(const A &array) { return array.size(); }
template <Array A> bool ArrayIsDynamic(const A &) { return requires(A a) { a.free(); }; }
template <Array A> void ArrayFree(A &&array) { array.free(); }
template <Array A> int ArrayResize(A &&array, mql_long size, int reserve = 0) { return array.resize((int)size, reserve); }
template <Array A, class V> int ArrayInitialize(A &&array, V value) {
  for (int i = 0; i < array.size(); ++i) array.data()[i] = (element_of<A>)value;
  return array.size();
}
template <Array A, class V> void ArrayFill(A &&array, int start, int count, V value) {
  for (int i = start; i < start + count; ++i) array[i] = (element_of<A>)value;
}

// Copies as much as fits: a dynamic target grows, a fixed one doesn't.
template <Array D, Array S>
int ArrayCopy(D &&target, const S &source, int target_start = 0, int source_start = 0, int count = WHOLE_ARRAY) {
  int there = source.size() - source_start;
  if (count < 0 || count > there) count = there;
  if (source_start < 0 || target_start < 0 || count <= 0) return 0;
  if (target_start + count > target.size()) {
    if constexpr (requires { target.resize(0, 0); }) target.resize(target_start + count, 0);
    if (target_start + count > target.size()) count = target.size() - target_start;
  }
  if (count <= 0) return 0;
  bool backwards = (const void *)source.data() == (const void *)target.data() && target_start > source_start;
  for (int k = 0; k < count; ++k) {
    int i = backwards ? count - 1 - k : k;
    target.data()[target_start + i] = (element_of<D>)source.data()[source_start + i];
  }
  return count;
}

template <Array A> bool ArrayRemove(A &&array, uint start, int count = WHOLE_ARRAY) {
  int size = array.size();
  if ((int)start >= size) return false;
  if (count < 0 || (int)start + count > size) count = size - (int)start;
  for (int i = (int)start; i + count < size; ++i) array.data()[i] = array.data()[i + count];
  return array.resize(size - count, 0) >= 0;
}

template <Array D, Array S> bool ArrayInsert(D &&target, const S &source, uint at, uint from = 0, int count = WHOLE_ARRAY) {
  int there = source.size() - (int)from;
  if (count < 0 || count > there) count = there;
  int size = target.size();
  if ((int)at > size || count <= 0 || target.resize(size + count, 0) < 0) return false;
  for (int i = size - 1; i >= (int)at; --i) target.data()[i + count] = target.data()[i];
  for (int i = 0; i < count; ++i) target.data()[(int)at + i] = source.data()[(int)from + i];
  return true;
}

template <Array A> int ArrayCompare(const A &a, const A &b) {
  int n = a.size() < b.size() ? a.size() : b.size();
  for (int i = 0; i < n; ++i)
    if (a.data()[i] != b.data()[i]) return a.data()[i] < b.data()[i] ? -1 : 1;
  return a.size() == b.size() ? 0 : a.size() < b.size() ? -1 : 1;
}

template <Array A, class V> int ArrayBsearch(const A &array, V value) {
  int low = 0, high = array.size() - 1, nearest = -1;
  while (low <= high) {
    nearest = (low + high) / 2;
    if (array.data()[nearest] == value) return nearest;
    if (array.data()[nearest] < value) low = nearest + 1; else high = nearest - 1;
  }
  return nearest;
}

template <Array A> bool ArraySort(A &&array) {
  auto *items = array.data();  // insertion into a heap-free merge is not needed: arrays that are sorted here are short
  for (int i = 1; i < array.size(); ++i)
    for (int k = i; k > 0 && items[k] < items[k - 1]; --k) std::swap(items[k], items[k - 1]);
  return true;
}
template <Array A> void ArrayReverse(A &&array) {
  for (int i = 0, k = array.size() - 1; i < k; ++i, --k) std::swap(array.data()[i], array.data()[k]);
}
template <Array A, Array B> void ArraySwap(A &&a, B &&b) { std::swap(a, b); }

template <class T> void ZeroMemory(T &value) {
  if constexpr (Array<T>) {
    for (int i = 0; i < value.size(); ++i) ZeroMemory(value.data()[i]);
  } else if constexpr (std::is_trivially_copyable_v<T>) {
    std::memset((void *)&value, 0, sizeof value);
  } else {
    static_assert(std::is_aggregate_v<T>, "ZeroMemory of a class with a constructor");
    value = T{};
  }
}

}  // namespace mql
