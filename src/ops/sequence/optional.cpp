// Optional, OptionalHasElement and OptionalGetElement.
#include "base/error.h"
#include "ops/sequence/list.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

// The element's type; the type itself where it is no optional.
ValueType element_of(const ValueType* type) {
  if (type == nullptr) return {};
  if (type->kind != ValueType::Kind::kOptional) return *type;
  return type->element ? *type->element : ValueType{};
}

Status infer_optional(InferContext& context) {
  if (has_input(context, 0)) {
    context.set_output(0, ValueType::optional(*context.input(0)));
    return {};
  }
  const auto at = context.node().attributes.find("type");
  const ValueType* type = at != context.node().attributes.end() ? std::get_if<ValueType>(&at->second) : nullptr;
  if (type == nullptr) return invalid_model("Optional without an input needs the attribute type");
  context.set_output(0, ValueType::optional(*type));
  return {};
}

Result<std::vector<Datum>> evaluate_optional(EvalContext& context) {
  const Datum* input = context.input_count() > 0 ? context.input(0) : nullptr;
  return std::vector<Datum>{input != nullptr ? *input : Datum()};
}

Status infer_has_element(InferContext& context) {
  context.set_output(0, ValueType::tensor(DType::kBool, Shape{}));
  return {};
}

Result<std::vector<Datum>> evaluate_has_element(EvalContext& context) {
  const Datum* input = context.input_count() > 0 ? context.input(0) : nullptr;
  return outputs(Tensor::scalar<bool>(input != nullptr && !input->is_none()));
}

Status infer_get_element(InferContext& context) {
  context.set_output(0, element_of(context.input(0)));
  return {};
}

Result<std::vector<Datum>> evaluate_get_element(EvalContext& context) {
  const Datum* input = context.input_count() > 0 ? context.input(0) : nullptr;
  if (input == nullptr || input->is_none()) return invalid_argument("the optional has no element");
  return std::vector<Datum>{*input};
}

}  // namespace

const Op kOptional = {.domain = "",
                      .name = "Optional",
                      .since = 15,
                      .min_inputs = 0,
                      .max_inputs = 1,
                      .infer = infer_optional,
                      .evaluate = evaluate_optional};
const Op kOptionalHasElement = {.domain = "",
                                .name = "OptionalHasElement",
                                .since = 15,
                                .min_inputs = 0,
                                .max_inputs = 1,
                                .infer = infer_has_element,
                                .evaluate = evaluate_has_element};
const Op kOptionalGetElement = {.domain = "",
                                .name = "OptionalGetElement",
                                .since = 15,
                                .min_inputs = 1,
                                .max_inputs = 1,
                                .infer = infer_get_element,
                                .evaluate = evaluate_get_element};

}  // namespace cycloid
