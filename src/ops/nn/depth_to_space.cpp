// DepthToSpace and SpaceToDepth: blocks of pixels moved between the channels and the plane.
#include "base/error.h"
#include "ops/nn/list.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/movement.h"

namespace cycloid {
namespace {

struct BlockAttributes {
  std::int64_t size = 1;
  bool column_row_depth = false;  // CRD: the channel is the slowest part of a split depth, else the fastest

  static Result<BlockAttributes> parse(const Node& node) {
    BlockAttributes a;
    CYCLOID_ASSIGN(a.size, get_int(node, "blocksize", 0));
    if (a.size < 1 || a.size > 65536) return invalid_model("blocksize must be 1 or more, but is {}", a.size);
    CYCLOID_ASSIGN(const std::string mode, get_string(node, "mode", "DCR"));
    if (mode != "DCR" && mode != "CRD") return invalid_model("mode '{}' is neither DCR nor CRD", mode);
    a.column_row_depth = mode == "CRD";
    return a;
  }
};

Result<Dim> divided(const Dim& size, std::int64_t divisor, std::string_view what) {
  if (size.is_known() && size.value() % divisor != 0)
    return invalid_argument("{} of {} cannot be divided by {}", what, size.value(), divisor);
  return Dim::floor_div(size, divisor);
}

Result<Shape> output_shape_of(const BlockAttributes& a, const Shape& x, bool to_space) {
  if (x.size() != 4) return invalid_argument("the input must have rank 4, but its shape is {}", to_string(x));
  if (to_space) {
    CYCLOID_ASSIGN(const Dim depth, divided(x[1], a.size * a.size, "a depth"));
    return Shape{x[0], depth, x[2] * a.size, x[3] * a.size};
  }
  CYCLOID_ASSIGN(const Dim height, divided(x[2], a.size, "a height"));
  CYCLOID_ASSIGN(const Dim width, divided(x[3], a.size, "a width"));
  return Shape{x[0], x[1] * (a.size * a.size), height, width};
}

template <bool kToSpace>
Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const BlockAttributes a, BlockAttributes::parse(context.node()));
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0));
  if (x.shape) {
    CYCLOID_ASSIGN(x.shape, output_shape_of(a, *x.shape, kToSpace));
  }
  context.set_output(0, std::move(x));
  return {};
}

template <bool kToSpace>
Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const BlockAttributes a, BlockAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0));
  CYCLOID_ASSIGN(const Shape shape, output_shape_of(a, to_shape(x->dims()), kToSpace));
  CYCLOID_ASSIGN(const Dims dims, concrete(shape));
  const std::int64_t n = x->dim(0);
  const std::int64_t b = a.size;
  if (kToSpace) {
    const std::int64_t c = dims[1];
    const std::int64_t h = x->dim(2);
    const std::int64_t w = x->dim(3);
    const Tensor split = x->reshaped(a.column_row_depth ? Dims{n, c, b, b, h, w} : Dims{n, b, b, c, h, w});
    CYCLOID_ASSIGN(const Tensor y,
                   a.column_row_depth ? transposed(split, {0, 1, 4, 2, 5, 3}) : transposed(split, {0, 3, 4, 1, 5, 2}));
    return outputs(y.reshaped(dims));
  }
  const std::int64_t c = x->dim(1);
  const Tensor split = x->reshaped({n, c, dims[2], b, dims[3], b});
  CYCLOID_ASSIGN(const Tensor y,
                 a.column_row_depth ? transposed(split, {0, 1, 3, 5, 2, 4}) : transposed(split, {0, 3, 5, 1, 2, 4}));
  return outputs(y.reshaped(dims));
}

}  // namespace

const Op kDepthToSpace = {.domain = "",
                          .name = "DepthToSpace",
                          .since = 11,
                          .min_inputs = 1,
                          .max_inputs = 1,
                          .infer = infer<true>,
                          .evaluate = evaluate<true>};
const Op kSpaceToDepth = {.domain = "",
                          .name = "SpaceToDepth",
                          .since = 1,
                          .min_inputs = 1,
                          .max_inputs = 1,
                          .infer = infer<false>,
                          .evaluate = evaluate<false>};

}  // namespace cycloid
