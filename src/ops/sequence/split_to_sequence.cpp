// SplitToSequence and ConcatFromSequence: a tensor cut into the items of a sequence, and put together again.
#include "base/error.h"
#include "ops/sequence/list.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/concat.h"
#include "ops/tensor/split.h"

namespace cycloid {
namespace {

Status infer_split(InferContext& context) {
  CYCLOID_ASSIGN(const std::int64_t axis_given, get_int(context.node(), "axis", 0));
  CYCLOID_ASSIGN(const std::int64_t keep, get_int(context.node(), "keepdims", 1));
  CYCLOID_ASSIGN(ValueType item, input_type(context, 0));
  CYCLOID_ASSIGN(const auto split, optional_input_type(context, 1, kIndexTypes));
  if (item.shape) {
    CYCLOID_ASSIGN(const std::int64_t axis, normalize_axis(axis_given, item.shape->size()));
    if (split || keep != 0) {
      (*item.shape)[static_cast<std::size_t>(axis)] = split ? Dim::unknown() : Dim(1);
    } else {
      item.shape->erase(item.shape->begin() + axis);
    }
  }
  context.set_output(0, ValueType::sequence(std::move(item)));
  return {};
}

// The lengths of the items along the axis.
Result<std::vector<std::int64_t>> item_lengths(const Tensor* split, std::int64_t size) {
  std::vector<std::int64_t> lengths;
  if (split != nullptr && split->rank() > 0) {
    CYCLOID_ASSIGN(lengths, integers(*split, "split"));
    std::int64_t rest = size;
    for (const std::int64_t length : lengths) {
      if (length < 0 || length > rest) return invalid_argument("split does not fit an axis of size {}", size);
      rest -= length;
    }
    if (rest != 0) return invalid_argument("split leaves {} of an axis of size {}", rest, size);
    return lengths;
  }
  const std::int64_t chunk = split != nullptr ? to_int64s(*split)[0] : 1;
  if (chunk < 1) return invalid_argument("split must be 1 or more, but is {}", chunk);
  for (std::int64_t rest = size; rest > 0; rest -= lengths.back()) lengths.push_back(std::min(chunk, rest));
  return lengths;
}

Result<std::vector<Datum>> evaluate_split(EvalContext& context) {
  CYCLOID_ASSIGN(const std::int64_t axis_given, get_int(context.node(), "axis", 0));
  CYCLOID_ASSIGN(const std::int64_t keep, get_int(context.node(), "keepdims", 1));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0));
  CYCLOID_ASSIGN(const Tensor* split, optional_tensor_input(context, 1, kIndexTypes));
  CYCLOID_ASSIGN(const std::int64_t signed_axis, normalize_axis(axis_given, x->rank()));
  const auto axis = static_cast<std::size_t>(signed_axis);
  CYCLOID_ASSIGN(const auto lengths, item_lengths(split, x->dim(axis)));
  Sequence sequence;
  std::int64_t begin = 0;
  for (const std::int64_t length : lengths) {
    CYCLOID_ASSIGN(Tensor item, slice_axis(*x, axis, begin, length));
    begin += length;
    if (split == nullptr && keep == 0) {
      Dims dims = item.dims();
      dims.erase(dims.begin() + signed_axis);
      item = item.reshaped(std::move(dims));
    }
    sequence.items.emplace_back(std::move(item));
  }
  std::vector<Datum> data;
  data.emplace_back(std::move(sequence));
  return data;
}

struct ConcatOptions {
  std::int64_t axis = 0;
  bool new_axis = false;

  static Result<ConcatOptions> parse(const Node& node) {
    if (!has_attribute(node, "axis")) return invalid_model("ConcatFromSequence needs the attribute axis");
    ConcatOptions options;
    CYCLOID_ASSIGN(options.axis, get_int(node, "axis", 0));
    CYCLOID_ASSIGN(const std::int64_t new_axis, get_int(node, "new_axis", 0));
    options.new_axis = new_axis != 0;
    return options;
  }
};

Status infer_concat(InferContext& context) {
  CYCLOID_ASSIGN(const ConcatOptions options, ConcatOptions::parse(context.node()));
  const ValueType* type = context.input(0);
  if (type == nullptr || type->kind == ValueType::Kind::kUnknown || !type->element) {
    context.set_output(0, ValueType::tensor(DType::kUndefined));
    return {};
  }
  if (type->kind != ValueType::Kind::kSequence || !type->element->is_tensor()) {
    return invalid_model("input 0 must be a sequence of tensors, but is {}", to_string(*type));
  }
  ValueType y = *type->element;
  if (y.shape) {
    CYCLOID_ASSIGN(const std::int64_t axis, normalize_axis(options.axis, y.shape->size() + (options.new_axis ? 1 : 0)));
    if (options.new_axis) {
      y.shape->insert(y.shape->begin() + axis, Dim::unknown());
    } else {
      (*y.shape)[static_cast<std::size_t>(axis)] = Dim::unknown();
    }
  }
  context.set_output(0, std::move(y));
  return {};
}

Result<std::vector<Datum>> evaluate_concat(EvalContext& context) {
  CYCLOID_ASSIGN(const ConcatOptions options, ConcatOptions::parse(context.node()));
  const Datum* datum = context.input_count() > 0 ? context.input(0) : nullptr;
  const Sequence* sequence = datum != nullptr ? datum->sequence() : nullptr;
  if (sequence == nullptr || sequence->items.empty())
    return invalid_argument("ConcatFromSequence needs a sequence with an item or more");
  std::vector<Tensor> items;
  for (const Datum& item : sequence->items) {
    if (item.tensor() == nullptr) return invalid_argument("an item of the sequence is no tensor");
    Tensor tensor = *item.tensor();
    if (options.new_axis) {
      CYCLOID_ASSIGN(const std::int64_t axis, normalize_axis(options.axis, tensor.rank() + 1));
      Dims dims = tensor.dims();
      dims.insert(dims.begin() + axis, 1);
      tensor = tensor.reshaped(std::move(dims));
    }
    items.push_back(std::move(tensor));
  }
  std::vector<const Tensor*> pointers;
  for (const Tensor& item : items) pointers.push_back(&item);
  CYCLOID_ASSIGN(Tensor y, concatenate(pointers, options.axis));
  return outputs(std::move(y));
}

}  // namespace

const Op kSplitToSequence = {.domain = "",
                             .name = "SplitToSequence",
                             .since = 11,
                             .min_inputs = 1,
                             .max_inputs = 2,
                             .infer = infer_split,
                             .evaluate = evaluate_split};
const Op kConcatFromSequence = {.domain = "",
                                .name = "ConcatFromSequence",
                                .since = 11,
                                .min_inputs = 1,
                                .max_inputs = 1,
                                .infer = infer_concat,
                                .evaluate = evaluate_concat};

}  // namespace cycloid
