#include "ops/tensor/split.h"

#include "base/error.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/list.h"
#include "ops/tensor/movement.h"

namespace cycloid {

Result<Tensor> slice_axis(const Tensor& tensor, std::size_t axis, std::int64_t begin, std::int64_t count) {
  if (begin < 0 || count < 0 || begin > tensor.dim(axis) || count > tensor.dim(axis) - begin) {
    return invalid_argument("elements {} to {} are outside axis {} of {}", begin, begin + count, axis,
                            to_string(tensor.dims()));
  }
  const Dims strides = strides_of(tensor.dims());
  Dims dims = tensor.dims();
  dims[axis] = count;
  return strided_copy(tensor, std::move(dims), begin * strides[axis], strides);
}

std::vector<Dim> even_parts(const Dim& size, std::int64_t parts) {
  const Dim chunk = Dim::ceil_div(size, parts);
  std::vector<Dim> sizes;
  for (std::int64_t i = 0; i < parts; ++i) {
    if (size.is_known() && chunk.is_known()) {
      const std::int64_t begin = std::min(size.value(), i * chunk.value());
      sizes.emplace_back(std::min(chunk.value(), size.value() - begin));
    } else if (i + 1 < parts) {
      sizes.push_back(chunk);
    } else {
      sizes.push_back(size - chunk * (parts - 1));
    }
  }
  return sizes;
}

namespace {

// The number of parts where no sizes are given.
Result<std::int64_t> part_count(const Node& node) {
  CYCLOID_ASSIGN(const std::int64_t count,
                 get_int(node, "num_outputs", static_cast<std::int64_t>(node.outputs.size())));
  if (count != static_cast<std::int64_t>(node.outputs.size())) {
    return invalid_model("num_outputs is {}, but Split has {} outputs", count, node.outputs.size());
  }
  return count;
}

Status check_sizes(const std::vector<std::int64_t>& sizes, std::size_t output_count, const Dim& axis_size) {
  if (sizes.size() != output_count)
    return invalid_argument("split has {} sizes, but Split has {} outputs", sizes.size(), output_count);
  Dim total = 0;
  for (const std::int64_t size : sizes) {
    if (size < 0) return invalid_argument("split has the negative size {}", size);
    total = total + size;
  }
  if (!total.is_known()) return invalid_argument("split's sizes leave 64 bits");
  return check_equal(total, axis_size, "the sum of split and the size of the axis");
}

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const std::int64_t axis_given, get_int(context.node(), "axis", 0));
  CYCLOID_ASSIGN(const ValueType x, input_type(context, 0));
  CYCLOID_ASSIGN(const auto split, optional_input_type(context, 1, kInt64Type));
  if (split) CYCLOID_TRY(check_rank(*split, 1, "split"));
  const std::size_t count = context.output_count();
  std::vector<Dim> sizes;
  if (!x.shape) {
    for (std::size_t i = 0; i < count; ++i) context.set_output(i, ValueType::tensor(x.dtype));
    return {};
  }
  CYCLOID_ASSIGN(const std::int64_t axis, normalize_axis(axis_given, x.shape->size()));
  const Dim& size = (*x.shape)[static_cast<std::size_t>(axis)];
  if (const auto given = known_integers(context, 1)) {
    CYCLOID_TRY(check_sizes(*given, count, size));
    sizes.assign(given->begin(), given->end());
  } else if (split) {
    for (std::size_t i = 0; i < count; ++i) sizes.push_back(Dim::unknown());
  } else {
    CYCLOID_ASSIGN(const std::int64_t parts, part_count(context.node()));
    sizes = even_parts(size, parts);
  }
  const auto data = x.shape->size() == 1 ? context.shape_data(0) : std::nullopt;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < count; ++i) {
    ValueType y = x;
    (*y.shape)[static_cast<std::size_t>(axis)] = sizes[i];
    context.set_output(i, std::move(y));
    if (!data || !sizes[i].is_known() || begin > data->size()) continue;
    const auto length = static_cast<std::size_t>(sizes[i].value());
    if (length > data->size() - begin) continue;
    context.set_shape_data(i, ShapeData(data->begin() + static_cast<std::ptrdiff_t>(begin),
                                        data->begin() + static_cast<std::ptrdiff_t>(begin + length)));
    begin += length;
  }
  return {};
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const std::int64_t axis_given, get_int(context.node(), "axis", 0));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0));
  CYCLOID_ASSIGN(const Tensor* split, optional_tensor_input(context, 1, kInt64Type));
  CYCLOID_ASSIGN(const std::int64_t signed_axis, normalize_axis(axis_given, x->rank()));
  const auto axis = static_cast<std::size_t>(signed_axis);
  std::vector<std::int64_t> sizes;
  if (split != nullptr) {
    CYCLOID_ASSIGN(sizes, integers(*split, "split"));
    CYCLOID_TRY(check_sizes(sizes, context.output_count(), x->dim(axis)));
  } else {
    CYCLOID_ASSIGN(const std::int64_t parts, part_count(context.node()));
    for (const Dim& size : even_parts(x->dim(axis), parts)) sizes.push_back(size.value());
  }
  std::vector<Datum> data;
  std::int64_t begin = 0;
  for (const std::int64_t size : sizes) {
    CYCLOID_ASSIGN(Tensor part, slice_axis(*x, axis, begin, size));
    data.emplace_back(std::move(part));
    begin += size;
  }
  return data;
}

}  // namespace

const Op kSplit = {.domain = "",
                   .name = "Split",
                   .since = 18,
                   .min_inputs = 1,
                   .max_inputs = 2,
                   .max_outputs = Op::kVariadic,
                   .infer = infer,
                   .evaluate = evaluate};

}  // namespace cycloid
