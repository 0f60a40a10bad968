#include "ops/nn/pool.h"

#include "base/error.h"
#include "ops/tensor/arguments.h"

namespace cycloid {

Result<PoolAttributes> PoolAttributes::parse(const Node& node) {
  PoolAttributes attributes;
  CYCLOID_ASSIGN(attributes.window, WindowAttributes::parse(node));
  if (attributes.window.kernel_shape.empty()) return invalid_model("{} needs the attribute kernel_shape", node.op_type);
  CYCLOID_ASSIGN(const std::int64_t count_include_pad, get_int(node, "count_include_pad", 0));
  CYCLOID_ASSIGN(const std::int64_t storage_order, get_int(node, "storage_order", 0));
  CYCLOID_ASSIGN(attributes.p, get_int(node, "p", 2));
  if (attributes.p < 1) return invalid_model("p must be 1 or more, but is {}", attributes.p);
  attributes.count_include_pad = count_include_pad != 0;
  attributes.column_major = storage_order != 0;
  return attributes;
}

Result<Shape> PoolAttributes::output_shape(const Shape& x) const {
  if (x.size() < 3) return invalid_argument("X must have rank 3 or more, but its shape is {}", to_string(x));
  CYCLOID_ASSIGN(const Shape spatial, window.output_shape({x.begin() + 2, x.end()}, window.kernel_shape));
  Shape y{x[0], x[1]};
  y.insert(y.end(), spatial.begin(), spatial.end());
  return y;
}

Result<Window> PoolAttributes::resolve(const Dims& x) const {
  if (x.size() < 3) return invalid_argument("X must have rank 3 or more, but its shape is {}", to_string(x));
  return window.resolve({x.begin() + 2, x.end()}, window.kernel_shape);
}

Status infer_pool(InferContext& context, DTypeSet dtypes) {
  CYCLOID_ASSIGN(const PoolAttributes attributes, PoolAttributes::parse(context.node()));
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0, dtypes));
  if (x.shape) {
    CYCLOID_ASSIGN(x.shape, attributes.output_shape(*x.shape));
  }
  if (wants_output(context, 1)) {
    ValueType indices = x;
    indices.dtype = DType::kInt64;
    context.set_output(1, std::move(indices));
  }
  context.set_output(0, std::move(x));
  return {};
}

}  // namespace cycloid
