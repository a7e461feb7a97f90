// Pointers to objects: handles that know whether the object still lives. Using a dead one ends the program, as at MT5.
#pragma once
#include <memory>
#include <unordered_map>
#include "array.hpp"
#include "text.hpp"
#include "types.hpp"

namespace mql {

struct ObjectLife {
  bool is_alive = true;
  void (*destroy)(void *) = nullptr;
  void *object = nullptr;
};

// Lives of all objects made by `new`, by address; what is left in it at the end was leaked.
std::unordered_map<const void *, std::shared_ptr<ObjectLife>> &object_lives();

enum ENUM_POINTER_TYPE { POINTER_INVALID, POINTER_DYNAMIC, POINTER_AUTOMATIC };

template <class T>
class Ptr {
  T *object_ = nullptr;
  std::shared_ptr<ObjectLife> life_;
  template <class> friend class Ptr;

 public:
  Ptr() = default;
  Ptr(const mql_null_type &) {}
  Ptr(T *object) : object_(object) {
    auto found = object_lives().find(object);
    if (found != object_lives().end()) life_ = found->second;
  }
  Ptr(T *object, std::shared_ptr<ObjectLife> life) : object_(object), life_(std::move(life)) {}
  template <class D> requires std::is_convertible_v<D *, T *>
  Ptr(const Ptr<D> &other) : object_(other.object_), life_(other.life_) {}
  template <class B> requires(!std::is_convertible_v<B *, T *> && std::is_base_of_v<B, T>)
  explicit Ptr(const Ptr<B> &base) : object_(static_cast<T *>(base.object_)), life_(base.life_) {}

  bool is_valid() const { return object_ != nullptr && (!life_ || life_->is_alive); }
  T *get() const {
    if (!is_valid()) [[unlikely]] critical_error("invalid pointer access");
    return object_;
  }
  T *operator->() const { return get(); }
  T &operator*() const { return *get(); }
  operator T &() const { return *get(); }
  explicit operator bool() const { return is_valid(); }
  T *address() const { return object_; }
  const std::shared_ptr<ObjectLife> &life() const { return life_; }
  template <class U> bool operator==(const Ptr<U> &other) const { return object_ == other.address(); }
  bool operator==(const mql_null_type &) const { return object_ == nullptr; }
};

struct mql_null_type {
  template <Number T> constexpr operator T() const { return T(0); }
};
inline constexpr mql_null_type mql_null{};
inline bool operator==(const string &text, const mql_null_type &) { return text.is_null(); }
inline bool operator!=(const string &text, const mql_null_type &) { return !text.is_null(); }
template <Number T> bool operator==(T number, const mql_null_type &) { return number == T(0); }

template <class T, class... Arguments>
Ptr<T> mql_new(Arguments &&...arguments) {
  T *object = new T(std::forward<Arguments>(arguments)...);
  auto life = std::make_shared<ObjectLife>();
  life->object = object;
  life->destroy = [](void *it) { delete static_cast<T *>(it); };
  object_lives()[object] = life;
  return Ptr<T>(object, life);
}

template <class T>
void mql_delete(const Ptr<T> &pointer) {
  if (!pointer.is_valid()) return;
  auto life = pointer.life();
  if (!life) critical_error("delete of an object that was not made by new");
  life->is_alive = false;
  object_lives().erase(life->object);
  life->destroy(life->object);
}

template <class T> Ptr<T> GetPointer(T &object) { return Ptr<T>(&object); }
template <class T> Ptr<T> GetPointer(const Ptr<T> &pointer) { return pointer; }
template <class T> ENUM_POINTER_TYPE CheckPointer(const Ptr<T> &pointer) {
  if (!pointer.is_valid()) return POINTER_INVALID;
  return pointer.life() ? POINTER_DYNAMIC : POINTER_AUTOMATIC;
}
template <class P, class B> P mql_dynamic_cast(const Ptr<B> &base) {
  using T = std::remove_reference_t<decltype(*std::declval<P>())>;
  T *object = base.is_valid() ? dynamic_cast<T *>(base.get()) : nullptr;
  return object ? P(object, base.life()) : P();
}

}  // namespace mql
