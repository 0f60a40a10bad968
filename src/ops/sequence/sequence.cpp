// SequenceConstruct, SequenceEmpty, SequenceAt, SequenceInsert, SequenceErase and SequenceLength.
#include "base/error.h"
#include "ops/control/join_types.h"
#include "ops/sequence/list.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

// The type of the items of sequence input `i`; unknown where nothing is known.
Result<ValueType> item_type(const InferContext& context, std::size_t i) {
  const ValueType* type = context.input(i);
  if (type == nullptr || type->kind == ValueType::Kind::kUnknown) return ValueType{};
  if (type->kind != ValueType::Kind::kSequence)
    return invalid_model("input {} must be a sequence, but is {}", i, to_string(*type));
  return type->element ? *type->element : ValueType{};
}

Result<const Sequence*> sequence_input(const EvalContext& context, std::size_t i) {
  const Datum* datum = i < context.input_count() ? context.input(i) : nullptr;
  if (datum == nullptr || datum->sequence() == nullptr) return invalid_argument("input {} must be a sequence", i);
  return datum->sequence();
}

// The position, below `places`, that input `i` names in a sequence of `length` items, counted from the end where it is
// negative; `fallback` where the input is absent.
Result<std::size_t> position_input(const EvalContext& context, std::size_t i, std::size_t places, std::size_t length,
                                   std::size_t fallback) {
  CYCLOID_ASSIGN(const Tensor* tensor, optional_tensor_input(context, i, kIndexTypes));
  if (tensor == nullptr) return fallback;
  if (tensor->element_count() != 1)
    return invalid_argument("a position in a sequence must be one number, but is {}", to_string(tensor->dims()));
  std::int64_t at = to_int64s(*tensor)[0];
  if (at < 0) at += static_cast<std::int64_t>(length);
  if (at < 0 || at >= static_cast<std::int64_t>(places)) {
    return invalid_argument("position {} is out of range for a sequence of {}", to_int64s(*tensor)[0], length);
  }
  return static_cast<std::size_t>(at);
}

std::vector<Datum> one(Sequence sequence) {
  std::vector<Datum> data;
  data.emplace_back(std::move(sequence));
  return data;
}

Status infer_construct(InferContext& context) {
  TypeJoin joiner;
  CYCLOID_ASSIGN(ValueType item, input_type(context, 0));
  for (std::size_t i = 1; i < context.input_count(); ++i) {
    CYCLOID_ASSIGN(const ValueType other, input_type(context, i));
    CYCLOID_ASSIGN(item, joiner.join(item, other));
  }
  context.set_output(0, ValueType::sequence(std::move(item)));
  return {};
}

Result<std::vector<Datum>> evaluate_construct(EvalContext& context) {
  Sequence sequence;
  for (std::size_t i = 0; i < context.input_count(); ++i) {
    CYCLOID_ASSIGN(const Tensor* tensor, tensor_input(context, i));
    if (i > 0) CYCLOID_TRY(check_same_dtype(*sequence.items[0].tensor(), *tensor, "the items of a sequence"));
    sequence.items.emplace_back(*tensor);
  }
  return one(std::move(sequence));
}

Status infer_empty(InferContext& context) {
  CYCLOID_ASSIGN(const std::int64_t dtype,
                 get_int(context.node(), "dtype", static_cast<std::int64_t>(DType::kFloat32)));
  if (dtype < 1 || dtype >= kDTypeCount) return invalid_model("dtype {} is no element type", dtype);
  context.set_output(0, ValueType::sequence(ValueType::tensor(static_cast<DType>(dtype))));
  return {};
}

Result<std::vector<Datum>> evaluate_empty(EvalContext&) { return one({}); }

Status infer_at(InferContext& context) {
  CYCLOID_ASSIGN(ValueType item, item_type(context, 0));
  CYCLOID_TRY(input_type(context, 1, kIndexTypes));
  context.set_output(0, std::move(item));
  return {};
}

Result<std::vector<Datum>> evaluate_at(EvalContext& context) {
  CYCLOID_ASSIGN(const Sequence* sequence, sequence_input(context, 0));
  const std::size_t length = sequence->items.size();
  CYCLOID_ASSIGN(const std::size_t at, position_input(context, 1, length, length, length));
  if (at >= length) return invalid_argument("SequenceAt needs a position");
  return std::vector<Datum>{sequence->items[at]};
}

Status infer_insert(InferContext& context) {
  CYCLOID_ASSIGN(const ValueType item, item_type(context, 0));
  CYCLOID_ASSIGN(const ValueType added, input_type(context, 1));
  CYCLOID_TRY(optional_input_type(context, 2, kIndexTypes));
  TypeJoin joiner;
  CYCLOID_ASSIGN(ValueType joined, joiner.join(item, added));
  context.set_output(0, ValueType::sequence(std::move(joined)));
  return {};
}

Result<std::vector<Datum>> evaluate_insert(EvalContext& context) {
  CYCLOID_ASSIGN(const Sequence* sequence, sequence_input(context, 0));
  CYCLOID_ASSIGN(const Tensor* added, tensor_input(context, 1));
  const std::size_t length = sequence->items.size();
  CYCLOID_ASSIGN(const std::size_t at, position_input(context, 2, length + 1, length, length));
  if (length > 0 && sequence->items[0].tensor() != nullptr) {
    CYCLOID_TRY(check_same_dtype(*sequence->items[0].tensor(), *added, "the items of a sequence"));
  }
  Sequence result = *sequence;
  result.items.insert(result.items.begin() + static_cast<std::ptrdiff_t>(at), Datum(*added));
  return one(std::move(result));
}

Status infer_erase(InferContext& context) {
  CYCLOID_ASSIGN(ValueType item, item_type(context, 0));
  CYCLOID_TRY(optional_input_type(context, 1, kIndexTypes));
  context.set_output(0, ValueType::sequence(std::move(item)));
  return {};
}

Result<std::vector<Datum>> evaluate_erase(EvalContext& context) {
  CYCLOID_ASSIGN(const Sequence* sequence, sequence_input(context, 0));
  const std::size_t length = sequence->items.size();
  if (length == 0) return invalid_argument("nothing can be erased from an empty sequence");
  CYCLOID_ASSIGN(const std::size_t at, position_input(context, 1, length, length, length - 1));
  Sequence result = *sequence;
  result.items.erase(result.items.begin() + static_cast<std::ptrdiff_t>(at));
  return one(std::move(result));
}

Status infer_length(InferContext& context) {
  CYCLOID_TRY(item_type(context, 0));
  context.set_output(0, ValueType::tensor(DType::kInt64, Shape{}));
  return {};
}

Result<std::vector<Datum>> evaluate_length(EvalContext& context) {
  CYCLOID_ASSIGN(const Sequence* sequence, sequence_input(context, 0));
  return outputs(Tensor::scalar<std::int64_t>(static_cast<std::int64_t>(sequence->items.size())));
}

}  // namespace

const Op kSequenceConstruct = {.domain = "",
                               .name = "SequenceConstruct",
                               .since = 11,
                               .min_inputs = 1,
                               .max_inputs = Op::kVariadic,
                               .infer = infer_construct,
                               .evaluate = evaluate_construct};
const Op kSequenceEmpty = {.domain = "",
                           .name = "SequenceEmpty",
                           .since = 11,
                           .min_inputs = 0,
                           .max_inputs = 0,
                           .infer = infer_empty,
                           .evaluate = evaluate_empty};
const Op kSequenceAt = {.domain = "",
                        .name = "SequenceAt",
                        .since = 11,
                        .min_inputs = 2,
                        .max_inputs = 2,
                        .infer = infer_at,
                        .evaluate = evaluate_at};
const Op kSequenceInsert = {.domain = "",
                            .name = "SequenceInsert",
                            .since = 11,
                            .min_inputs = 2,
                            .max_inputs = 3,
                            .infer = infer_insert,
                            .evaluate = evaluate_insert};
const Op kSequenceErase = {.domain = "",
                           .name = "SequenceErase",
                           .since = 11,
                           .min_inputs = 1,
                           .max_inputs = 2,
                           .infer = infer_erase,
                           .evaluate = evaluate_erase};
const Op kSequenceLength = {.domain = "",
                            .name = "SequenceLength",
                            .since = 11,
                            .min_inputs = 1,
                            .max_inputs = 1,
                            .infer = infer_length,
                            .evaluate = evaluate_length};

}  // namespace cycloid
