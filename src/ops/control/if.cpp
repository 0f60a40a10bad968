// If: one of two subgraphs.
#include "base/error.h"
#include "ops/control/join_types.h"
#include "ops/control/list.h"
#include "ops/cost.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

using Types = Result<std::vector<ValueType>>;

// Exporters write branches for what a shape may be, such as Squeeze where a size is 1. Where shapes are known, the branch
// that is for other ones contradicts them: it would fail if it were taken, so that the other's types hold.
bool contradicts_shapes(const Types& types) { return !types && types.error().code() != ErrorCode::kUnsupported; }

Status set_outputs(InferContext& context, const std::vector<ValueType>& types) {
  if (types.size() < context.output_count())
    return invalid_model("the branch has {} outputs, but If has {}", types.size(), context.output_count());
  for (std::size_t i = 0; i < context.output_count(); ++i) context.set_output(i, types[i]);
  return {};
}

Status infer(InferContext& context) {
  CYCLOID_TRY(input_type(context, 0, kBools));
  const Tensor* condition = context.constant(0);
  const bool decided = condition != nullptr && condition->dtype() == DType::kBool && condition->element_count() == 1;
  if (decided) {
    // The other branch may be one that these shapes do not allow.
    CYCLOID_ASSIGN(const auto types,
                   context.infer_subgraph(condition->data<bool>()[0] ? "then_branch" : "else_branch", {}));
    return set_outputs(context, types);
  }
  const Types then_types = context.infer_subgraph("then_branch", {});
  const Types else_types = context.infer_subgraph("else_branch", {});
  if (!then_types)
    return contradicts_shapes(then_types) && else_types ? set_outputs(context, *else_types) : then_types.error();
  if (!else_types) return contradicts_shapes(else_types) ? set_outputs(context, *then_types) : else_types.error();
  if (then_types->size() != else_types->size() || then_types->size() < context.output_count()) {
    return invalid_model("the branches have {} and {} outputs, but If has {}", then_types->size(), else_types->size(),
                         context.output_count());
  }
  TypeJoin joiner;
  for (std::size_t i = 0; i < context.output_count(); ++i) {
    CYCLOID_ASSIGN(ValueType joined,
                   joiner.join((*then_types)[i], (*else_types)[i]).in(fmt::format("output {} of the branches", i)));
    context.set_output(i, std::move(joined));
  }
  return {};
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* condition, tensor_input(context, 0, kBools));
  if (condition->element_count() != 1)
    return invalid_argument("the condition must be one element, but is {}", to_string(condition->dims()));
  CYCLOID_ASSIGN(auto results, context.run_subgraph(condition->data<bool>()[0] ? "then_branch" : "else_branch", {}));
  if (results.size() < context.output_count()) return invalid_model("the branch has {} outputs only", results.size());
  return results;
}

// The dearer branch.
Result<Cost> cost(const Graph&, const Node& node) {
  CYCLOID_ASSIGN(const GraphPtr then_branch, get_graph(node, "then_branch"));
  CYCLOID_ASSIGN(const GraphPtr else_branch, get_graph(node, "else_branch"));
  CYCLOID_ASSIGN(const Cost a, cost_of(*then_branch));
  CYCLOID_ASSIGN(const Cost b, cost_of(*else_branch));
  return Cost{Dim::max(a.flops, b.flops), Dim::max(a.bytes, b.bytes)};
}

}  // namespace

const Op kIf = {.domain = "",
                .name = "If",
                .since = 1,
                .min_inputs = 1,
                .max_inputs = 1,
                .min_outputs = 1,
                .max_outputs = Op::kVariadic,
                .infer = infer,
                .evaluate = evaluate,
                .cost = cost};

}  // namespace cycloid
