// What the quantized operators have in common: a tensor of small integers (or float8) stands for (q - zero point) * scale.
#pragma once

#include <string_view>
#include <vector>

#include "ops/op.h"

namespace cycloid {

// Types that quantised elements have.
inline constexpr DTypeSet kQuantized{
    DType::kInt8,       DType::kUInt8,          DType::kInt16,     DType::kUInt16,       DType::kInt4,
    DType::kUInt4,      DType::kInt2,           DType::kUInt2,     DType::kFloat8E4M3FN, DType::kFloat8E4M3FNUZ,
    DType::kFloat8E5M2, DType::kFloat8E5M2FNUZ, DType::kFloat4E2M1};
inline constexpr DTypeSet kBytes{DType::kInt8, DType::kUInt8};

// For each element of a tensor, the index of its scale and zero point: one for all (a scalar), one for each index of an
// axis (rank 1), or one for each block of `block_size` elements along it (same rank).
class ScaleIndex {
 public:
  static Result<ScaleIndex> make(const Dims& tensor, const Dims& scale, std::int64_t axis, std::int64_t block_size);

  std::size_t at(std::int64_t element) const {
    const std::int64_t inner = element % inner_;
    const std::int64_t along = element / inner_ % length_;
    const std::int64_t outer = element / inner_ / length_;
    return static_cast<std::size_t>(outer * outer_step_ + along / block_ * along_step_ + inner * inner_step_);
  }

 private:
  std::int64_t inner_ = 1;
  std::int64_t length_ = 1;
  std::int64_t block_ = 1;
  std::int64_t outer_step_ = 0;
  std::int64_t along_step_ = 0;
  std::int64_t inner_step_ = 0;
};

// `x` rounded to the precision of a floating-point type; as it is for others.
double round_to(DType dtype, double x);

// q = round(real) + zero_point, saturated to the range of `dtype`; for float8 and float4, real (+ zero_point) rounded to the
// type. NaN as an integer is the zero point.
double quantize(double real, double zero_point, DType dtype);

// The elements of input i, a zero point, or zeros (as many as `count`) where it is absent.
Result<std::vector<double>> zero_points(const EvalContext& context, std::size_t i, std::size_t count);
// The one element of input i, `fallback` where it is absent; an error where it has several.
Result<double> scalar_input(const EvalContext& context, std::size_t i, double fallback);

// Writes quantised values, which must be in the dtype's range.
Result<std::vector<Datum>> quantized_output(const EvalContext& context, DType dtype, Dims dims,
                                            const std::vector<double>& values);

}  // namespace cycloid
