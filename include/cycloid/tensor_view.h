// Views of tensors that the caller owns.
//
// A view owns nothing: its elements and its shape must outlive the call it is passed to (for RunContext: until the next
// bind or the context's end). Elements are dense and row-major, in the machine's byte order, aligned for their type.
// Types narrower than a byte (int4, ...) take a byte each; complex numbers are two floats, real part first. Strings are
// an array of std::string.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>

#include "cycloid/dtype.h"
#include "cycloid/export.h"

namespace CYCLOID_API cycloid {

// The DType of a C++ element type; kUndefined for types that have none.
template <class T>
constexpr DType element_dtype() {
  using U = std::remove_cv_t<T>;
  if constexpr (std::is_same_v<U, float>)
    return DType::kFloat32;
  else if constexpr (std::is_same_v<U, double>)
    return DType::kFloat64;
  else if constexpr (std::is_same_v<U, bool>)
    return DType::kBool;
  else if constexpr (std::is_same_v<U, std::string>)
    return DType::kString;
  else if constexpr (std::is_integral_v<U> && std::is_signed_v<U>) {
    return sizeof(U) == 1   ? DType::kInt8
           : sizeof(U) == 2 ? DType::kInt16
           : sizeof(U) == 4 ? DType::kInt32
                            : DType::kInt64;
  } else if constexpr (std::is_integral_v<U>) {
    return sizeof(U) == 1   ? DType::kUInt8
           : sizeof(U) == 2 ? DType::kUInt16
           : sizeof(U) == 4 ? DType::kUInt32
                            : DType::kUInt64;
  } else {
    return DType::kUndefined;
  }
}

// Elements to read. `bytes` is the size of the memory at `data`: at least the elements (for strings: their count times
// sizeof(std::string)). `data` may be null where there are no elements.
struct TensorView {
  DType dtype = DType::kUndefined;
  std::span<const std::int64_t> shape;  // empty: a scalar
  const void* data = nullptr;
  std::size_t bytes = 0;

  TensorView() = default;
  TensorView(DType element, std::span<const std::int64_t> dims, const void* elements, std::size_t size)
      : dtype(element), shape(dims), data(elements), bytes(size) {}
  template <class T>
    requires(element_dtype<T>() != DType::kUndefined)
  TensorView(std::span<T> elements, std::span<const std::int64_t> dims)
      : dtype(element_dtype<T>()), shape(dims), data(elements.data()), bytes(elements.size_bytes()) {}

  // All elements at `data`; none where T is not the type of `dtype`.
  template <class T>
    requires(element_dtype<T>() != DType::kUndefined)
  std::span<const T> elements() const {
    return dtype == element_dtype<T>() ? std::span(static_cast<const T*>(data), bytes / sizeof(T))
                                       : std::span<const T>();
  }
};

// Memory to write a tensor to. `bytes` is its size: at least the elements.
struct MutableTensorView {
  DType dtype = DType::kUndefined;
  std::span<const std::int64_t> shape;
  void* data = nullptr;
  std::size_t bytes = 0;

  MutableTensorView() = default;
  MutableTensorView(DType element, std::span<const std::int64_t> dims, void* elements, std::size_t size)
      : dtype(element), shape(dims), data(elements), bytes(size) {}
  template <class T>
    requires(element_dtype<T>() != DType::kUndefined && !std::is_const_v<T>)
  MutableTensorView(std::span<T> elements, std::span<const std::int64_t> dims)
      : dtype(element_dtype<T>()), shape(dims), data(elements.data()), bytes(elements.size_bytes()) {}
};

}  // namespace cycloid
