#include "ops/tensor/arguments.h"

#include <algorithm>

#include "base/error.h"
#include "ops/element_bytes.h"

namespace cycloid {
namespace {

Error missing(const Node& node, std::size_t i) { return invalid_model("{} needs input {}", node.op_type, i); }

Status check_dtype(const Node& node, std::size_t i, DType dtype, DTypeSet allowed) {
  if (dtype == DType::kUndefined || allowed.contains(dtype)) return {};
  return invalid_model("input {} of {} is {}, but must be {}", i, node.op_type, to_string(dtype), to_string(allowed));
}

}  // namespace

bool wants_output(const InferContext& context, std::size_t i) {
  return i < context.output_count() && context.node().outputs[i].valid();
}
bool wants_output(const EvalContext& context, std::size_t i) {
  return i < context.output_count() && context.node().outputs[i].valid();
}

Result<ValueType> input_type(const InferContext& context, std::size_t i, DTypeSet allowed) {
  CYCLOID_ASSIGN(std::optional<ValueType> type, optional_input_type(context, i, allowed));
  if (!type) return missing(context.node(), i);
  return *std::move(type);
}

Result<std::optional<ValueType>> optional_input_type(const InferContext& context, std::size_t i, DTypeSet allowed) {
  if (!has_input(context, i)) return std::optional<ValueType>();
  const ValueType* type = context.input(i);
  if (type == nullptr || type->kind == ValueType::Kind::kUnknown) {
    return std::optional<ValueType>(ValueType::tensor(DType::kUndefined));
  }
  if (!type->is_tensor()) {
    return invalid_model("input {} of {} must be a tensor, but is {}", i, context.node().op_type, to_string(*type));
  }
  CYCLOID_TRY(check_dtype(context.node(), i, type->dtype, allowed));
  return std::optional<ValueType>(*type);
}

Result<const Tensor*> tensor_input(const EvalContext& context, std::size_t i, DTypeSet allowed) {
  CYCLOID_ASSIGN(const Tensor* tensor, optional_tensor_input(context, i, allowed));
  if (tensor == nullptr) return missing(context.node(), i);
  return tensor;
}

Result<const Tensor*> optional_tensor_input(const EvalContext& context, std::size_t i, DTypeSet allowed) {
  if (i >= context.input_count() || context.input(i) == nullptr) return static_cast<const Tensor*>(nullptr);
  const Tensor* tensor = context.input(i)->tensor();
  if (tensor == nullptr || tensor->dtype() == DType::kUndefined) {
    return invalid_argument("input {} of {} must be a tensor", i, context.node().op_type);
  }
  CYCLOID_TRY(check_dtype(context.node(), i, tensor->dtype(), allowed));
  return tensor;
}

Status check_rank(const ValueType& type, std::size_t rank, std::string_view what) {
  if (!type.shape || type.shape->size() == rank) return {};
  return invalid_model("{} must have rank {}, but its shape is {}", what, rank, to_string(*type.shape));
}

Status check_rank(const Tensor& tensor, std::size_t rank, std::string_view what) {
  if (tensor.rank() == rank) return {};
  return invalid_argument("{} must have rank {}, but its shape is {}", what, rank, to_string(tensor.dims()));
}

Status check_equal(const Dim& a, const Dim& b, std::string_view what) {
  if (!a.is_known() || !b.is_known() || a.value() == b.value()) return {};
  return invalid_argument("{} must be equal, but are {} and {}", what, a.value(), b.value());
}

Dim known_of(const Dim& a, const Dim& b) { return !a.is_known() && b.is_known() ? b : a; }

Status check_same_dtype(const ValueType& a, const ValueType& b, std::string_view what) {
  if (a.dtype == DType::kUndefined || b.dtype == DType::kUndefined || a.dtype == b.dtype) return {};
  return invalid_model("{} must have one type, but are {} and {}", what, to_string(a.dtype), to_string(b.dtype));
}

Status check_same_dtype(const Tensor& a, const Tensor& b, std::string_view what) {
  if (a.dtype() == b.dtype()) return {};
  return invalid_argument("{} must have one type, but are {} and {}", what, to_string(a.dtype()), to_string(b.dtype()));
}

Status check_fits(const EvalContext& context, DType dtype, const Dims& dims) {
  const auto count = element_count(dims);
  const std::size_t size = element_bytes(context, dtype);
  if (count && static_cast<std::size_t>(*count) <= context.bytes_left() / size) return {};
  return make_error(ErrorCode::kResourceExhausted,
                    "an output of shape {} needs more memory than is left of the limit (max_memory)", to_string(dims));
}

Result<Dims> concrete(const Shape& shape) {
  const auto dims = known_dims(shape);
  if (!dims) return invalid_argument("a size of {} leaves 64 bits or is not known", to_string(shape));
  if (!element_count(*dims)) return invalid_argument("shape {} is too large or has a negative size", to_string(shape));
  return *dims;
}

Dims strides_of(const Dims& dims) {
  Dims strides(dims.size(), 1);
  for (std::size_t i = dims.size(); i-- > 1;) {
    // Where a size is 0 no element is reached, and the product of the others may leave 64 bits.
    if (__builtin_mul_overflow(strides[i], std::max<std::int64_t>(dims[i], 1), &strides[i - 1])) strides[i - 1] = 0;
  }
  return strides;
}

Result<std::vector<std::int64_t>> integers(const Tensor& tensor, std::string_view what) {
  if (!is_integer(tensor.dtype()) || size_of(tensor.dtype()) == 0 || tensor.rank() > 1) {
    return invalid_argument("{} must be integers of rank 0 or 1, but is {}", what, to_string(ValueType::of(tensor)));
  }
  if (bits_of(tensor.dtype()) < 8) return invalid_argument("{} cannot be of type {}", what, to_string(tensor.dtype()));
  return to_int64s(tensor);
}

std::optional<std::vector<std::int64_t>> known_integers(const InferContext& context, std::size_t i) {
  if (!has_input(context, i)) return std::nullopt;
  if (const Tensor* tensor = context.constant(i)) {
    auto values = integers(*tensor, "");
    if (values) return *std::move(values);
    return std::nullopt;
  }
  const auto data = context.shape_data(i);
  if (!data) return std::nullopt;
  return known_dims(*data);
}

const Shape* input_shape(const Graph& graph, const Node& node, std::size_t i) {
  if (i >= node.inputs.size() || !node.inputs[i].valid()) return nullptr;
  const ValueType& type = graph.value(node.inputs[i]).type;
  return type.shape ? &*type.shape : nullptr;
}

const Shape* output_shape(const Graph& graph, const Node& node, std::size_t i) {
  if (i >= node.outputs.size() || !node.outputs[i].valid()) return nullptr;
  const ValueType& type = graph.value(node.outputs[i]).type;
  return type.shape ? &*type.shape : nullptr;
}

Cost cost_with_flops(const Graph& graph, const Node& node, Dim flops) {
  Cost cost{std::move(flops), 0};
  const auto add = [&](ValueId id) {
    if (!id.valid()) return;
    const ValueType& type = graph.value(id).type;
    const auto bytes = static_cast<std::int64_t>(size_of(type.dtype));
    cost.bytes = cost.bytes + (type.shape && bytes > 0 ? element_count(*type.shape) * bytes : Dim::unknown());
  };
  std::ranges::for_each(node.inputs, add);
  std::ranges::for_each(node.outputs, add);
  return cost;
}

Cost cost_per_output(const Graph& graph, const Node& node, const Dim& flops_per_element) {
  const Shape* shape = output_shape(graph, node, 0);
  return cost_with_flops(graph, node, shape != nullptr ? element_count(*shape) * flops_per_element : Dim::unknown());
}

}  // namespace cycloid
