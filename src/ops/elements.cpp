#include "ops/elements.h"

#include <array>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "tensor/float8.h"

namespace cycloid {
namespace {

std::int64_t to_int64(double x) {
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (!(x >= -kLimit && x < kLimit)) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(x);
}

// What `T` becomes in wide type To.
template <class To, class From>
To widen(From x) {
  if constexpr (std::is_same_v<From, Float16> || std::is_same_v<From, BFloat16>) {
    return widen<To>(to_float(x));
  } else if constexpr (std::is_floating_point_v<From> && std::is_same_v<To, std::int64_t>) {
    return to_int64(x);
  } else if constexpr (std::is_floating_point_v<From> && std::is_same_v<To, std::uint64_t>) {
    return x >= 9223372036854775808.0 && x < 18446744073709551616.0 ? static_cast<std::uint64_t>(x)
                                                                    : static_cast<std::uint64_t>(to_int64(x));
  } else {
    return static_cast<To>(x);
  }
}

template <class To, class From>
To narrow(From x) {
  if constexpr (std::is_same_v<To, Float16>) {
    return to_float16(static_cast<float>(x));
  } else if constexpr (std::is_same_v<To, BFloat16>) {
    return to_bfloat16(static_cast<float>(x));
  } else if constexpr (std::is_same_v<To, bool>) {
    return x != 0;
  } else if constexpr (std::is_same_v<From, double> && std::is_same_v<To, std::uint64_t>) {
    return widen<std::uint64_t>(x);
  } else if constexpr (std::is_same_v<From, double> && std::is_integral_v<To>) {
    return static_cast<To>(to_int64(x));
  } else {
    return static_cast<To>(x);
  }
}

template <class Visit>
bool dispatch_plain(DType dtype, Visit&& visit) {
  return dispatch<float, double, Float16, BFloat16, std::int64_t, std::int32_t, std::int16_t, std::int8_t,
                  std::uint64_t, std::uint32_t, std::uint16_t, std::uint8_t, bool>(dtype, visit);
}

// The values of all bit patterns of a type without a C++ type of its own.
std::array<double, 256> make_table(DType dtype) {
  std::array<double, 256> table{};
  for (int i = 0; i < 256; ++i) {
    const auto bits = static_cast<std::uint8_t>(i);
    switch (dtype) {
      case DType::kInt4:
      case DType::kInt2: table[bits] = static_cast<std::int8_t>(bits); break;  // a byte each in memory, sign extended
      case DType::kUInt4:
      case DType::kUInt2: table[bits] = bits; break;
      default: table[bits] = static_cast<double>(float8_to_float(dtype, bits));
    }
  }
  return table;
}

template <class From>
std::uint8_t narrow_bits(DType dtype, From x) {
  switch (dtype) {
    case DType::kInt4: return static_cast<std::uint8_t>(static_cast<std::int8_t>(narrow<std::int64_t>(x) << 4) >> 4);
    case DType::kInt2: return static_cast<std::uint8_t>(static_cast<std::int8_t>(narrow<std::int64_t>(x) << 6) >> 6);
    case DType::kUInt4: return static_cast<std::uint8_t>(narrow<std::int64_t>(x) & 0xF);
    case DType::kUInt2: return static_cast<std::uint8_t>(narrow<std::int64_t>(x) & 0x3);
    default: return float_to_float8(dtype, static_cast<float>(x));
  }
}

template <class T, class Index>
void load_indexed(const Tensor& tensor, Index index, std::span<T> to) {
  const bool plain = dispatch_plain(tensor.dtype(), [&]<class E>(E) {
    const E* data = tensor.data<E>().data();
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = widen<T>(data[index(i)]);
  });
  if (plain) return;
  const std::array<double, 256> table = make_table(tensor.dtype());
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(tensor.bytes());
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = widen<T>(table[bytes[index(i)]]);
}

}  // namespace

Wide wide_of(DType dtype) {
  CYCLOID_CHECK(dtype != DType::kString && dtype != DType::kComplex64 && dtype != DType::kComplex128);
  if (is_floating_point(dtype)) return Wide::kDouble;
  return dtype == DType::kUInt64 ? Wide::kUInt64 : Wide::kInt64;
}

template <class T>
void load(const Tensor& tensor, std::int64_t offset, std::span<T> to, std::int64_t step) {
  load_indexed(tensor, [=](std::size_t i) { return offset + static_cast<std::int64_t>(i) * step; }, to);
}

template <class T>
void load_at(const Tensor& tensor, std::span<const std::int64_t> offsets, std::span<T> to) {
  load_indexed(tensor, [=](std::size_t i) { return offsets[i]; }, to);
}

template <class T>
void store(Tensor& tensor, std::int64_t offset, std::span<const T> from, std::int64_t step) {
  const bool plain = dispatch_plain(tensor.dtype(), [&]<class E>(E) {
    E* data = tensor.mutable_data<E>().data() + offset;
    for (std::size_t i = 0; i < from.size(); ++i) data[static_cast<std::int64_t>(i) * step] = narrow<E>(from[i]);
  });
  if (plain) return;
  auto* bytes = reinterpret_cast<std::uint8_t*>(tensor.mutable_bytes()) + offset;
  for (std::size_t i = 0; i < from.size(); ++i)
    bytes[static_cast<std::int64_t>(i) * step] = narrow_bits(tensor.dtype(), from[i]);
}

template <class T>
Result<T> load_scalar(const Tensor& tensor, std::string_view what) {
  if (tensor.element_count() != 1)
    return invalid_argument("{} must have one element, but has shape {}", what, to_string(tensor.dims()));
  T value{};
  load<T>(tensor, 0, std::span<T>(&value, 1));
  return value;
}

template <class T>
Result<Tensor> make_tensor(const EvalContext& context, DType dtype, Dims dims, std::span<const T> elements) {
  CYCLOID_ASSIGN(Tensor tensor, context.allocate(dtype, std::move(dims)));
  CYCLOID_CHECK(tensor.element_count() == static_cast<std::int64_t>(elements.size()));
  store<T>(tensor, 0, elements);
  return tensor;
}

template void load(const Tensor&, std::int64_t, std::span<double>, std::int64_t);
template void load(const Tensor&, std::int64_t, std::span<std::int64_t>, std::int64_t);
template void load(const Tensor&, std::int64_t, std::span<std::uint64_t>, std::int64_t);
template void load_at(const Tensor&, std::span<const std::int64_t>, std::span<double>);
template void load_at(const Tensor&, std::span<const std::int64_t>, std::span<std::int64_t>);
template void load_at(const Tensor&, std::span<const std::int64_t>, std::span<std::uint64_t>);
template void store(Tensor&, std::int64_t, std::span<const double>, std::int64_t);
template void store(Tensor&, std::int64_t, std::span<const std::int64_t>, std::int64_t);
template void store(Tensor&, std::int64_t, std::span<const std::uint64_t>, std::int64_t);
template Result<double> load_scalar(const Tensor&, std::string_view);
template Result<std::int64_t> load_scalar(const Tensor&, std::string_view);
template Result<std::uint64_t> load_scalar(const Tensor&, std::string_view);
template Result<Tensor> make_tensor(const EvalContext&, DType, Dims, std::span<const double>);
template Result<Tensor> make_tensor(const EvalContext&, DType, Dims, std::span<const std::int64_t>);
template Result<Tensor> make_tensor(const EvalContext&, DType, Dims, std::span<const std::uint64_t>);

}  // namespace cycloid
