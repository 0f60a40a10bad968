// SequenceMap: a subgraph run for each item of a sequence.
#include "base/error.h"
#include "ops/control/list.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

bool is_sequence(const ValueType& type) { return type.kind == ValueType::Kind::kSequence; }

Status infer(InferContext& context) {
  std::vector<ValueType> items;
  for (std::size_t i = 0; i < context.input_count(); ++i) {
    const ValueType type = context.input(i) != nullptr ? *context.input(i) : ValueType{};
    if (i == 0 && type.kind != ValueType::Kind::kUnknown && !is_sequence(type)) {
      return invalid_model("input 0 must be a sequence, but is {}", to_string(type));
    }
    items.push_back(is_sequence(type) ? (type.element ? *type.element : ValueType{}) : type);
  }
  CYCLOID_ASSIGN(const auto results, context.infer_subgraph("body", items));
  if (results.size() < context.output_count()) return invalid_model("the body has {} outputs only", results.size());
  for (std::size_t i = 0; i < context.output_count(); ++i) context.set_output(i, ValueType::sequence(results[i]));
  return {};
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  if (context.input_count() < 1 || context.input(0) == nullptr || context.input(0)->sequence() == nullptr) {
    return invalid_argument("input 0 of SequenceMap must be a sequence");
  }
  const std::size_t length = context.input(0)->sequence()->items.size();
  std::vector<Sequence> mapped(context.output_count());
  for (std::size_t item = 0; item < length; ++item) {
    std::vector<Datum> inputs;
    for (std::size_t i = 0; i < context.input_count(); ++i) {
      const Datum* datum = context.input(i);
      const Sequence* sequence = datum != nullptr ? datum->sequence() : nullptr;
      if (sequence != nullptr && sequence->items.size() != length)
        return invalid_argument("the sequences differ in length");
      inputs.push_back(sequence != nullptr ? sequence->items[item] : datum != nullptr ? *datum : Datum());
    }
    CYCLOID_ASSIGN(auto results, context.run_subgraph("body", inputs));
    if (results.size() < mapped.size()) return invalid_model("the body has {} outputs only", results.size());
    for (std::size_t i = 0; i < mapped.size(); ++i) mapped[i].items.push_back(std::move(results[i]));
  }
  std::vector<Datum> data;
  for (Sequence& sequence : mapped) data.emplace_back(std::move(sequence));
  return data;
}

}  // namespace

const Op kSequenceMap = {.domain = "",
                         .name = "SequenceMap",
                         .since = 17,
                         .min_inputs = 1,
                         .max_inputs = Op::kVariadic,
                         .max_outputs = Op::kVariadic,
                         .infer = infer,
                         .evaluate = evaluate};

}  // namespace cycloid
