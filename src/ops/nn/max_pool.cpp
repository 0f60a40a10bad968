// MaxPool: the largest element of each window, and where it was.
#include <cmath>
#include <limits>

#include "base/error.h"
#include "ops/linalg/product.h"
#include "ops/nn/list.h"
#include "ops/nn/pool.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

template <class T>
bool is_nan(T value) {
  if constexpr (std::is_floating_point_v<T>) return std::isnan(value);
  return false;
}

constexpr DTypeSet kTypes = kFloats | DTypeSet{DType::kInt8, DType::kUInt8};

Status infer(InferContext& context) { return infer_pool(context, kTypes); }

// The flat index, counted over the whole tensor, of an element at row-major `offset` of an image.
std::int64_t flat_index(const Dims& x, std::int64_t first, std::int64_t offset, bool column_major) {
  if (!column_major) return first + offset;
  std::int64_t index = 0;
  std::int64_t stride = 1;
  for (std::size_t i = x.size(); i-- > 2;) stride *= x[i];
  for (std::size_t i = x.size(); i-- > 2;) {  // the last axis is the slowest
    stride /= x[i];
    index += offset % x[i] * stride;
    offset /= x[i];
  }
  return first + index;
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const PoolAttributes attributes, PoolAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const Tensor* input, tensor_input(context, 0, kTypes));
  CYCLOID_ASSIGN(const Window window, attributes.resolve(input->dims()));
  CYCLOID_ASSIGN(const Tensor x, widened(*input));
  Dims dims{x.dim(0), x.dim(1)};
  dims.insert(dims.end(), window.output.begin(), window.output.end());
  CYCLOID_ASSIGN(Tensor y, Tensor::zeros(x.dtype(), dims));
  const bool wanted = wants_output(context, 1);
  CYCLOID_ASSIGN(Tensor indices, Tensor::zeros(DType::kInt64, wanted ? dims : Dims{0}));
  std::int64_t* indices_to = wanted ? indices.mutable_data<std::int64_t>().data() : nullptr;
  if (y.element_count() > 0) {
    dispatch<float, double, std::int8_t, std::uint8_t>(x.dtype(), [&]<class T>(T) {
      const T* from = x.data<T>().data();
      T* to = y.mutable_data<T>().data();
      for_each_window(x.dims(), window, [&](std::int64_t out, std::int64_t first, const auto& offsets, std::int64_t) {
        T best = std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity()
                                                      : std::numeric_limits<T>::lowest();
        std::int64_t where = -1;
        for (const std::int64_t offset : offsets) {
          const T value = from[first + offset];
          if (where >= 0 && !(value > best || is_nan(value))) continue;
          best = value;
          where = offset;
          if (is_nan(value)) break;  // a NaN is the result, as in PyTorch
        }
        to[out] = best;
        if (indices_to != nullptr)
          indices_to[out] = where < 0 ? -1 : flat_index(x.dims(), first, where, attributes.column_major);
      });
    });
  }
  CYCLOID_ASSIGN(Tensor result, narrowed(std::move(y), input->dtype()));
  std::vector<Datum> data = outputs(std::move(result));
  if (wanted) data.emplace_back(std::move(indices));
  return data;
}

}  // namespace

const Op kMaxPool = {.domain = "",
                     .name = "MaxPool",
                     .since = 8,
                     .min_inputs = 1,
                     .max_inputs = 1,
                     .max_outputs = 2,
                     .infer = infer,
                     .evaluate = evaluate};

}  // namespace cycloid
