// Errors that a caller can cause are values: Result<T> holds a T or an Error.
//
// An Error says what is wrong, where, and what to do about it, in one line that can be shown to a person as it is.
// Bugs of this library are not errors: they stop the program through CYCLOID_CHECK (src/base/check.h).
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "cycloid/export.h"

namespace CYCLOID_API cycloid {

enum class ErrorCode {
  kInvalidArgument,    // the caller passed a wrong name, shape, dtype, option or file path
  kNotFound,           // a file, value or backend does not exist
  kInvalidModel,       // the model file is broken, hostile, or violates the ONNX specification
  kUnsupported,        // valid, but this build or this backend cannot do it
  kUnavailable,        // a backend or a tool is not installed
  kResourceExhausted,  // memory, time or another bound was reached
  kFailed,             // an outside program or library reported a failure
};

// The name of `code` in messages and JSON, such as "invalid argument".
std::string_view to_string(ErrorCode code);

// What went wrong. Immutable but for `in`, which puts the place before the message.
class Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }

  // The same error with `place` put before it: "model.onnx: node 'conv1': ...".
  Error in(std::string_view place) const { return {code_, std::string(place) + ": " + message_}; }

 private:
  ErrorCode code_;
  std::string message_;
};

// A T or an Error. `value()` and `operator*` need ok(); otherwise the program stops.
template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return *pointer(); }
  const T& value() const& { return *const_cast<Result*>(this)->pointer(); }
  T&& value() && { return std::move(*pointer()); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return pointer(); }
  const T* operator->() const { return const_cast<Result*>(this)->pointer(); }

  // Needs !ok().
  const Error& error() const {
    if (ok()) std::abort();
    return *std::get_if<1>(&state_);
  }

  // The same result, its error (if it is one) with `place` put before the message.
  Result in(std::string_view place) && {
    if (ok()) return std::move(*this);
    return error().in(place);
  }

 private:
  T* pointer() {
    T* value = std::get_if<0>(&state_);
    if (value == nullptr) std::abort();
    return value;
  }

  std::variant<T, Error> state_;
};

// Success or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;
  Result(Error error) : state_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // Needs !ok().
  const Error& error() const {
    if (ok()) std::abort();
    return *std::get_if<1>(&state_);
  }

  Result in(std::string_view place) && {
    if (ok()) return {};
    return error().in(place);
  }

 private:
  std::variant<std::monostate, Error> state_;
};

using Status = Result<void>;

}  // namespace CYCLOID_API cycloid

#define CYCLOID_CONCAT_(a, b) a##b
#define CYCLOID_CONCAT(a, b) CYCLOID_CONCAT_(a, b)

// Returns from the enclosing function with the error of `expression` (a Status or a Result) when it has one.
#define CYCLOID_TRY(expression)                                                                \
  do {                                                                                         \
    if (auto cycloid_status_ = (expression); !cycloid_status_) return cycloid_status_.error(); \
  } while (false)

// CYCLOID_ASSIGN(auto x, f()): x is the value of f(), or the enclosing function returns f()'s error.
#define CYCLOID_ASSIGN(declaration, expression) \
  CYCLOID_ASSIGN_(declaration, expression, CYCLOID_CONCAT(cycloid_result_, __LINE__))
#define CYCLOID_ASSIGN_(declaration, expression, name) \
  auto name = (expression);                            \
  if (!name) return name.error();                      \
  declaration = *std::move(name)
