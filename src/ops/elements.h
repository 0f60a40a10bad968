// Elements of any numeric type through three wide ones that hold them all exactly: double for floating point, int64 for
// integers and bool, uint64 for uint64. Reference evaluation computes in these and rounds once, on writing: for +, -,
// *, / and sqrt that is the correctly rounded result of float32 and narrower (a double has more than twice their bits).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ops/op.h"

namespace cycloid {

enum class Wide { kDouble, kInt64, kUInt64 };

// Needs a dtype that is no string and no complex number.
Wide wide_of(DType dtype);

// T is double, std::int64_t or std::uint64_t; any of them may read and write any dtype that has a Wide.
// to[i] = element `offset + i * step`.
template <class T>
void load(const Tensor& tensor, std::int64_t offset, std::span<T> to, std::int64_t step = 1);
// to[i] = element offsets[i].
template <class T>
void load_at(const Tensor& tensor, std::span<const std::int64_t> offsets, std::span<T> to);
// Element `offset + i * step` = from[i]. Integers wrap; floating point to an integer truncates, and wraps beyond int64's
// narrowing as x86 does; to float8 saturates; to bool is != 0.
template <class T>
void store(Tensor& tensor, std::int64_t offset, std::span<const T> from, std::int64_t step = 1);

// All elements.
template <class T>
std::vector<T> load_all(const Tensor& tensor) {
  std::vector<T> values(static_cast<std::size_t>(tensor.element_count()));
  load<T>(tensor, 0, values);
  return values;
}
// The one element of a scalar or a tensor with one element; an error that names `what` otherwise.
template <class T>
Result<T> load_scalar(const Tensor& tensor, std::string_view what);

// A tensor of `dtype` from wide elements.
template <class T>
Result<Tensor> make_tensor(const EvalContext& context, DType dtype, Dims dims, std::span<const T> elements);

}  // namespace cycloid
