#include "ops/quantization/quantized.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ops/elements.h"
#include "ops/infer.h"

namespace cycloid {

Result<ScaleIndex> ScaleIndex::make(const Dims& tensor, const Dims& scale, std::int64_t axis, std::int64_t block_size) {
  ScaleIndex index;
  const auto misfit = [&] {
    return invalid_argument("a scale of shape {} does not fit a tensor of shape {} along axis {}", to_string(scale),
                            to_string(tensor), axis);
  };
  if (element_count(scale) == 1 && block_size == 0) return index;
  if (tensor.empty()) return misfit();
  CYCLOID_ASSIGN(axis, normalize_axis(axis, tensor.size()));
  const auto at = static_cast<std::size_t>(axis);
  index.length_ = std::max<std::int64_t>(tensor[at], 1);
  for (std::size_t i = at + 1; i < tensor.size(); ++i) index.inner_ *= std::max<std::int64_t>(tensor[i], 1);
  index.along_step_ = 1;
  if (block_size == 0) {
    if (scale.size() != 1 || scale[0] != tensor[at]) return misfit();
    return index;
  }
  if (block_size < 0 || scale.size() != tensor.size()) return misfit();
  for (std::size_t i = 0; i < tensor.size(); ++i) {
    const std::int64_t wanted = i == at ? tensor[i] / block_size + (tensor[i] % block_size != 0 ? 1 : 0) : tensor[i];
    if (scale[i] != wanted) return misfit();
  }
  index.block_ = block_size;
  index.inner_step_ = 1;
  index.along_step_ = index.inner_;
  index.outer_step_ = index.inner_ * scale[at];
  return index;
}

double round_to(DType dtype, double x) {
  switch (dtype) {
    case DType::kFloat32: return static_cast<double>(static_cast<float>(x));
    case DType::kFloat16: return static_cast<double>(to_float(to_float16(static_cast<float>(x))));
    case DType::kBFloat16: return static_cast<double>(to_float(to_bfloat16(static_cast<float>(x))));
    default: return x;
  }
}

double quantize(double real, double zero_point, DType dtype) {
  if (is_floating_point(dtype)) return dtype == DType::kFloat4E2M1 ? real + zero_point : real;
  const int bits = bits_of(dtype);
  const double low = is_signed_integer(dtype) ? -std::ldexp(1.0, bits - 1) : 0;
  const double high = std::ldexp(1.0, is_signed_integer(dtype) ? bits - 1 : bits) - 1;
  if (std::isnan(real)) return zero_point;
  return std::clamp(std::nearbyint(real) + zero_point, low, high);
}

Result<std::vector<double>> zero_points(const EvalContext& context, std::size_t i, std::size_t count) {
  const Tensor* tensor = context.optional_tensor(i);
  if (tensor == nullptr) return std::vector<double>(count, 0.0);
  if (static_cast<std::size_t>(tensor->element_count()) != count) {
    return invalid_argument("the zero point has {} elements, but the scale has {}", tensor->element_count(), count);
  }
  return load_all<double>(*tensor);
}

Result<double> scalar_input(const EvalContext& context, std::size_t i, double fallback) {
  const Tensor* tensor = context.optional_tensor(i);
  if (tensor == nullptr) return fallback;
  return load_scalar<double>(*tensor, fmt::format("input {}", i));
}

Result<std::vector<Datum>> quantized_output(const EvalContext& context, DType dtype, Dims dims,
                                            const std::vector<double>& values) {
  CYCLOID_ASSIGN(Tensor y, make_tensor<double>(context, dtype, std::move(dims), values));
  return std::vector<Datum>{std::move(y)};
}

}  // namespace cycloid
