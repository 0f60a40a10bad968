// RotaryEmbedding of com.microsoft: as ai.onnx's, with the positions before the tables, or one first position for all.
#include "base/error.h"
#include "ops/contrib/list.h"
#include "ops/elements.h"
#include "ops/linalg/product.h"
#include "ops/nn/rotate.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

struct RotaryAttributes {
  std::int64_t heads = 0;
  bool interleaved = false;
  double scale = 1;

  static Result<RotaryAttributes> parse(const Node& node) {
    RotaryAttributes a;
    CYCLOID_ASSIGN(a.heads, get_int(node, "num_heads", 0));
    CYCLOID_ASSIGN(const std::int64_t interleaved, get_int(node, "interleaved", 0));
    CYCLOID_ASSIGN(const std::int64_t packed, get_int(node, "is_packed_batching", 0));
    CYCLOID_ASSIGN(const float scale, get_float(node, "scale", 1));
    if (a.heads < 0) return invalid_model("{} heads", a.heads);
    if (packed != 0) return unsupported("RotaryEmbedding with is_packed_batching");
    if (scale != 1) return unsupported("RotaryEmbedding with scale {}", scale);
    a.interleaved = interleaved != 0;
    return a;
  }
};

Status infer(InferContext& context) {
  CYCLOID_TRY(RotaryAttributes::parse(context.node()));
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0, kFloats));
  CYCLOID_TRY(input_type(context, 1, kInt64Type));
  CYCLOID_TRY(input_type(context, 2, kFloats));
  CYCLOID_TRY(input_type(context, 3, kFloats));
  if (x.shape && x.shape->size() != 3 && x.shape->size() != 4)
    return invalid_argument("the input must have rank 3 or 4, but its shape is {}", to_string(*x.shape));
  context.set_output(0, std::move(x));
  return {};
}

// (batch, length, heads * size), or (batch, heads, length, size).
struct Layout {
  std::int64_t batch = 0, heads = 0, length = 0, size = 0;
  bool packed = false;

  // With the tables' width: half of what is rotated, which is a whole head where num_heads is not given.
  static Result<Layout> make(const Tensor& x, std::int64_t heads, std::int64_t half) {
    Layout layout;
    layout.packed = x.rank() == 3;
    layout.batch = x.dim(0);
    layout.length = x.dim(layout.packed ? 1 : 2);
    if (layout.packed) {
      layout.size = heads > 0 ? x.dim(2) / heads : 2 * half;
      if (layout.size < 1 || x.dim(2) % layout.size != 0 || (heads > 0 && x.dim(2) % heads != 0))
        return invalid_argument("{} cannot be split into heads", to_string(x.dims()));
      layout.heads = x.dim(2) / layout.size;
    } else {
      layout.heads = x.dim(1);
      layout.size = x.dim(3);
    }
    if (half < 1 || 2 * half > layout.size) return invalid_argument("tables of {} for heads of {}", half, layout.size);
    return layout;
  }
};

Result<std::vector<std::int64_t>> rows_of(const Tensor& positions, const Layout& layout, std::int64_t rows) {
  const std::vector<std::int64_t> given = to_int64s(positions);
  const bool first = positions.element_count() == 1 && positions.rank() <= 1;
  if (!first && positions.dims() != Dims{layout.batch, layout.length})
    return invalid_argument("position_ids have shape {}", to_string(positions.dims()));
  std::vector<std::int64_t> result;
  for (std::int64_t i = 0; i < layout.batch * layout.length; ++i) {
    const std::int64_t row = first ? given[0] : given[static_cast<std::size_t>(i)];
    if (row < 0 || row >= rows) return invalid_argument("position {} is outside a table of {}", row, rows);
    result.push_back(first ? row + i % layout.length : row);
    if (result.back() >= rows) return invalid_argument("position {} is outside a table of {}", result.back(), rows);
  }
  return result;
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const RotaryAttributes a, RotaryAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kFloats));
  CYCLOID_ASSIGN(const Tensor* positions, tensor_input(context, 1, kInt64Type));
  CYCLOID_ASSIGN(const Tensor* cos_table, tensor_input(context, 2, kFloats));
  CYCLOID_ASSIGN(const Tensor* sin_table, tensor_input(context, 3, kFloats));
  if (x->rank() != 3 && x->rank() != 4)
    return invalid_argument("the input must have rank 3 or 4, but its shape is {}", to_string(x->dims()));
  if (cos_table->rank() != 2 || cos_table->dims() != sin_table->dims())
    return invalid_argument("tables of shape {} and {}", to_string(cos_table->dims()), to_string(sin_table->dims()));
  const std::int64_t half = cos_table->dim(1);
  CYCLOID_ASSIGN(const Layout layout, Layout::make(*x, a.heads, half));
  CYCLOID_ASSIGN(const auto rows, rows_of(*positions, layout, cos_table->dim(0)));
  CYCLOID_ASSIGN(std::vector<double> values, doubles(*x));
  CYCLOID_ASSIGN(const auto cosines, doubles(*cos_table));
  CYCLOID_ASSIGN(const auto sines, doubles(*sin_table));
  for (std::int64_t at = 0; at < layout.batch * layout.heads * layout.length; ++at) {
    const std::int64_t t = layout.packed ? at / layout.heads % layout.length : at % layout.length;
    const std::int64_t b = at / (layout.heads * layout.length);
    const std::int64_t row = rows[static_cast<std::size_t>(b * layout.length + t)];
    rotate_pairs(values.data() + at * layout.size, half, a.interleaved, cosines.data() + row * half,
                 sines.data() + row * half);
  }
  CYCLOID_ASSIGN(Tensor y, make_tensor<double>(context, x->dtype(), x->dims(), values));
  return outputs(std::move(y));
}

Result<Cost> cost(const Graph& graph, const Node& node) { return cost_per_output(graph, node, 3); }

}  // namespace

const Op kMicrosoftRotaryEmbedding = {.domain = kMicrosoft,
                                      .name = "RotaryEmbedding",
                                      .min_inputs = 4,
                                      .max_inputs = 4,
                                      .infer = infer,
                                      .evaluate = evaluate,
                                      .cost = cost,
                                      .dtypes = kFloats};

}  // namespace cycloid
