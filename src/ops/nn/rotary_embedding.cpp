// RotaryEmbedding: pairs of a head's elements rotated by angles that grow with the position.
#include "base/error.h"
#include "ops/elements.h"
#include "ops/linalg/product.h"
#include "ops/nn/list.h"
#include "ops/nn/rotate.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

constexpr DTypeSet kTypes{DType::kFloat32, DType::kFloat16, DType::kBFloat16};

struct RotaryAttributes {
  std::int64_t heads = 0;
  std::int64_t rotated = 0;  // elements of a head that are rotated; 0: all
  bool interleaved = false;

  static Result<RotaryAttributes> parse(const Node& node) {
    RotaryAttributes a;
    CYCLOID_ASSIGN(a.heads, get_int(node, "num_heads", 0));
    CYCLOID_ASSIGN(a.rotated, get_int(node, "rotary_embedding_dim", 0));
    CYCLOID_ASSIGN(const std::int64_t interleaved, get_int(node, "interleaved", 0));
    a.interleaved = interleaved != 0;
    if (a.heads < 0 || a.rotated < 0 || a.rotated % 2 != 0)
      return invalid_model("{} heads with {} rotated elements", a.heads, a.rotated);
    return a;
  }
};

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const RotaryAttributes a, RotaryAttributes::parse(context.node()));
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0, kTypes));
  CYCLOID_TRY(input_type(context, 1, kTypes));
  CYCLOID_TRY(input_type(context, 2, kTypes));
  CYCLOID_TRY(optional_input_type(context, 3, kInt64Type));
  if (x.shape && x.shape->size() != 3 && x.shape->size() != 4)
    return invalid_argument("X must have rank 3 or 4, but its shape is {}", to_string(*x.shape));
  if (x.shape && x.shape->size() == 3 && a.heads == 0) return invalid_model("an input of rank 3 needs num_heads");
  context.set_output(0, std::move(x));
  return {};
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const RotaryAttributes a, RotaryAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kTypes));
  CYCLOID_ASSIGN(const Tensor* cos_tensor, tensor_input(context, 1, kTypes));
  CYCLOID_ASSIGN(const Tensor* sin_tensor, tensor_input(context, 2, kTypes));
  CYCLOID_ASSIGN(const Tensor* positions, optional_tensor_input(context, 3, kInt64Type));
  const bool packed = x->rank() == 3;
  if (!packed && x->rank() != 4)
    return invalid_argument("X must have rank 3 or 4, but its shape is {}", to_string(x->dims()));
  if (packed && (a.heads == 0 || x->dim(2) % a.heads != 0))
    return invalid_argument("X {} cannot be split into {} heads", to_string(x->dims()), a.heads);
  const std::int64_t batch = x->dim(0);
  const std::int64_t heads = packed ? a.heads : x->dim(1);
  const std::int64_t length = packed ? x->dim(1) : x->dim(2);
  const std::int64_t size = packed ? x->dim(2) / a.heads : x->dim(3);
  const std::int64_t rotated = a.rotated == 0 ? size : a.rotated;
  const std::int64_t half = rotated / 2;
  if (rotated > size || rotated % 2 != 0) return invalid_argument("{} of {} elements cannot be rotated", rotated, size);
  const std::size_t cache_rank = positions != nullptr ? 2 : 3;
  CYCLOID_TRY(check_rank(*cos_tensor, cache_rank, "cos_cache"));
  if (cos_tensor->dims() != sin_tensor->dims() || cos_tensor->dims().back() != half ||
      (positions == nullptr && (cos_tensor->dim(0) != batch || cos_tensor->dim(1) != length))) {
    return invalid_argument("the caches {} and {} do not fit X {}", to_string(cos_tensor->dims()),
                            to_string(sin_tensor->dims()), to_string(x->dims()));
  }
  std::vector<std::int64_t> rows;  // of the caches, by batch and position
  if (positions != nullptr) {
    if (positions->dims() != Dims{batch, length})
      return invalid_argument("position_ids must have shape [{}, {}]", batch, length);
    rows = to_int64s(*positions);
    for (const std::int64_t row : rows) {
      if (row < 0 || row >= cos_tensor->dim(0))
        return invalid_argument("position {} is outside a cache of {}", row, cos_tensor->dim(0));
    }
  }
  CYCLOID_ASSIGN(std::vector<double> values, doubles(*x));
  CYCLOID_ASSIGN(const auto cosines, doubles(*cos_tensor));
  CYCLOID_ASSIGN(const auto sines, doubles(*sin_tensor));
  for (std::int64_t at = 0; at < batch * heads * length; ++at) {
    const std::int64_t t = packed ? at / heads % length : at % length;
    const std::int64_t b = at / (heads * length);
    const std::int64_t row = rows.empty() ? b * length + t : rows[static_cast<std::size_t>(b * length + t)];
    rotate_pairs(values.data() + at * size, half, a.interleaved, cosines.data() + row * half,
                 sines.data() + row * half);
  }
  CYCLOID_ASSIGN(Tensor y, make_tensor<double>(context, x->dtype(), x->dims(), values));
  return outputs(std::move(y));
}

Result<Cost> cost(const Graph& graph, const Node& node) { return cost_per_output(graph, node, 3); }

}  // namespace

const Op kRotaryEmbedding = {.domain = "",
                             .name = "RotaryEmbedding",
                             .since = 23,
                             .min_inputs = 3,
                             .max_inputs = 4,
                             .infer = infer,
                             .evaluate = evaluate,
                             .cost = cost};

}  // namespace cycloid
