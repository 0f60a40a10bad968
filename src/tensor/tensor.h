// Tensor: a dense, row-major array with an element type, whose storage is shared between copies.
//
// Copying a Tensor is cheap and shares the elements. Elements are written through mutable_*(), which first makes the
// storage unique (copy on write). Distinct Tensor objects may be used from different threads at once.
// Types narrower than a byte (int4, ...) take a byte each; complex numbers are two floats, real part first.
#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/check.h"
#include "cycloid/dtype.h"
#include "cycloid/result.h"
#include "tensor/dim.h"
#include "tensor/float16.h"

namespace cycloid {

// The DType of a C++ element type. Narrow types without a C++ type of their own (float8, int4, ...) are reached as bytes.
template <class T>
inline constexpr DType kDTypeOf = DType::kUndefined;
template <>
inline constexpr DType kDTypeOf<float> = DType::kFloat32;
template <>
inline constexpr DType kDTypeOf<double> = DType::kFloat64;
template <>
inline constexpr DType kDTypeOf<Float16> = DType::kFloat16;
template <>
inline constexpr DType kDTypeOf<BFloat16> = DType::kBFloat16;
template <>
inline constexpr DType kDTypeOf<std::int8_t> = DType::kInt8;
template <>
inline constexpr DType kDTypeOf<std::int16_t> = DType::kInt16;
template <>
inline constexpr DType kDTypeOf<std::int32_t> = DType::kInt32;
template <>
inline constexpr DType kDTypeOf<std::int64_t> = DType::kInt64;
template <>
inline constexpr DType kDTypeOf<std::uint8_t> = DType::kUInt8;
template <>
inline constexpr DType kDTypeOf<std::uint16_t> = DType::kUInt16;
template <>
inline constexpr DType kDTypeOf<std::uint32_t> = DType::kUInt32;
template <>
inline constexpr DType kDTypeOf<std::uint64_t> = DType::kUInt64;
template <>
inline constexpr DType kDTypeOf<bool> = DType::kBool;
template <>
inline constexpr DType kDTypeOf<std::string> = DType::kString;
template <>
inline constexpr DType kDTypeOf<std::complex<float>> = DType::kComplex64;
template <>
inline constexpr DType kDTypeOf<std::complex<double>> = DType::kComplex128;

class Tensor {
 public:
  // Alignment of the elements of tensors that allocate their own storage, in bytes: one cache line, one AVX-512 vector.
  static constexpr std::size_t kAlignment = 64;

  Tensor() = default;  // kUndefined, rank 1, no elements: a placeholder

  // Zeroed elements (empty strings). An error where a size is negative or the bytes leave size_t or cannot be had.
  static Result<Tensor> zeros(DType dtype, Dims dims);
  // Elements that must be written before they are read. Errors as for zeros().
  static Result<Tensor> empty(DType dtype, Dims dims);
  // Shares `bytes`, which must hold exactly the elements and be aligned for them; `owner` keeps them alive.
  static Tensor borrow(DType dtype, Dims dims, const void* bytes, std::shared_ptr<const void> owner);

  // From a list of elements in row-major order; the count must match `dims` (a bug otherwise). For tests and constants.
  template <class T>
  static Tensor of(Dims dims, std::span<const T> elements) {
    Tensor tensor = zeros(kDTypeOf<T>, std::move(dims)).value();
    CYCLOID_CHECK(tensor.element_count() == static_cast<std::int64_t>(elements.size()));
    std::span<T> to = tensor.mutable_data<T>();
    for (std::size_t i = 0; i < elements.size(); ++i) to[i] = elements[i];
    return tensor;
  }
  template <class T>
  static Tensor of(Dims dims, std::initializer_list<T> elements) {
    // std::vector<bool> has no span, so the initializer_list is read directly.
    return of<T>(std::move(dims), std::span<const T>(elements.begin(), elements.size()));
  }
  template <class T>
  static Tensor scalar(T value) {
    return of<T>({}, std::span<const T>(&value, 1));
  }

  DType dtype() const { return dtype_; }
  const Dims& dims() const { return dims_; }
  std::int64_t dim(std::size_t axis) const { return dims_[axis]; }
  std::size_t rank() const { return dims_.size(); }
  std::int64_t element_count() const { return count_; }
  std::size_t byte_count() const { return static_cast<std::size_t>(count_) * size_of(dtype_); }

  // Plain elements as bytes. Not for strings.
  const std::byte* bytes() const {
    CYCLOID_CHECK(dtype_ != DType::kString);
    return bytes_;
  }
  std::byte* mutable_bytes();

  // T must be the element type; for types without a C++ type of their own use std::uint8_t through bytes().
  template <class T>
  std::span<const T> data() const {
    CYCLOID_CHECK(kDTypeOf<T> == dtype_);
    if constexpr (std::is_same_v<T, std::string>) {
      return {strings(), static_cast<std::size_t>(count_)};
    } else {
      return {reinterpret_cast<const T*>(bytes_), static_cast<std::size_t>(count_)};
    }
  }
  template <class T>
  std::span<T> mutable_data() {
    CYCLOID_CHECK(kDTypeOf<T> == dtype_);
    if constexpr (std::is_same_v<T, std::string>) {
      return {mutable_strings(), static_cast<std::size_t>(count_)};
    } else {
      return {reinterpret_cast<T*>(mutable_bytes()), static_cast<std::size_t>(count_)};
    }
  }

  // The same elements under other dims of the same count (a bug otherwise). Shares the storage.
  Tensor reshaped(Dims dims) const;

 private:
  const std::string* strings() const;
  std::string* mutable_strings();

  DType dtype_ = DType::kUndefined;
  Dims dims_ = {0};
  std::int64_t count_ = 0;
  const std::byte* bytes_ = nullptr;
  std::shared_ptr<const void> owner_;  // the bytes, or a std::vector<std::string>
  bool borrowed_ = false;              // storage is not ours to write, even when unique
};

// Same dtype, dims and bits of every element (so NaN equals the same NaN, and 0 differs from -0).
bool identical(const Tensor& a, const Tensor& b);

// The elements of an integer or bool tensor widened to int64 (uint64 beyond int64 wraps). Needs such a dtype.
std::vector<std::int64_t> to_int64s(const Tensor& tensor);
Tensor int64s(std::span<const std::int64_t> values);  // rank 1

// Calls visit(T{}) for the C++ element type of `dtype`, and returns true; false where it has none or is not one of Ts.
template <class... Ts, class Visit>
bool dispatch(DType dtype, Visit&& visit) {
  return ((dtype == kDTypeOf<Ts> ? (static_cast<void>(visit(Ts{})), true) : false) || ...);
}

}  // namespace cycloid
