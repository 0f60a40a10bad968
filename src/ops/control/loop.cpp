// Loop: a subgraph run a number of times, or while a condition holds, with values carried from one run to the next.
#include "base/error.h"
#include "ops/control/join_types.h"
#include "ops/control/list.h"
#include "ops/control/stack.h"
#include "ops/cost.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

// Whether the body's condition is true after every iteration: a constant, or the condition it was given.
bool runs_on(const Graph& body) {
  if (body.outputs().empty() || body.inputs().size() < 2) return false;
  ValueId id = body.outputs()[0];
  for (const Node* node = body.producer(id); node != nullptr; node = body.producer(id)) {
    if (node->op_type != "Identity" || !node->domain.empty() || node->inputs.size() != 1) return false;
    id = node->inputs[0];
  }
  if (id == body.inputs()[1]) return true;
  const Tensor* constant = body.constant(id);
  return constant != nullptr && constant->dtype() == DType::kBool && constant->element_count() == 1 &&
         constant->data<bool>()[0];
}

// How often the body runs, where that is known.
Dim trip_count(InferContext& context, const Graph& body) {
  if (!has_input(context, 0) || !runs_on(body)) return Dim::unknown();
  if (has_input(context, 1)) {
    const Tensor* condition = context.constant(1);
    if (condition == nullptr || condition->dtype() != DType::kBool || condition->element_count() != 1 ||
        !condition->data<bool>()[0]) {
      return Dim::unknown();
    }
  }
  const auto count = context.shape_data(0);
  if (!count || count->size() != 1) return Dim::unknown();
  return (*count)[0].is_known() ? Dim(std::max<std::int64_t>((*count)[0].value(), 0)) : (*count)[0];
}

// The carried values' types, widened until an iteration leaves them as they are, and the body's output types under them.
struct FixedPoint {
  std::vector<ValueType> carried;
  std::vector<ValueType> outputs;
};

Result<FixedPoint> fixed_point(InferContext& context, std::size_t count) {
  FixedPoint point;
  for (std::size_t i = 0; i < count; ++i) {
    const ValueType* type = context.input(2 + i);
    point.carried.push_back(type != nullptr ? *type : ValueType{});
  }
  TypeJoin joiner;
  constexpr int kMostRounds = 4;  // ranks may be lost, then sizes; then nothing is left to lose but by long chains
  for (int round = 0;; ++round) {
    std::vector<ValueType> inputs{ValueType::tensor(DType::kInt64, Shape{}), ValueType::tensor(DType::kBool, Shape{})};
    inputs.insert(inputs.end(), point.carried.begin(), point.carried.end());
    CYCLOID_ASSIGN(point.outputs, context.infer_subgraph("body", inputs));
    if (point.outputs.size() < 1 + count)
      return invalid_model("the body has {} outputs, but carries {} values", point.outputs.size(), count);
    bool changed = false;
    for (std::size_t i = 0; i < count; ++i) {
      CYCLOID_ASSIGN(ValueType joined,
                     joiner.join(point.carried[i], point.outputs[1 + i]).in(fmt::format("carried value {}", i)));
      if (round >= kMostRounds && !(joined == point.carried[i])) joined.shape = std::nullopt;
      changed = changed || !(joined == point.carried[i]);
      point.carried[i] = std::move(joined);
    }
    if (!changed) return point;
    if (round > 2 * kMostRounds) return unsupported("the types of the carried values do not come to rest");
  }
}

// What a carried value is after the loop. Where it may be an optional at the start and the body makes a value of it, it is
// that value: a loop that does not run hands its start on, and who uses it checks that it is one.
ValueType carried_type(const ValueType& carried, const ValueType& made) {
  using Kind = ValueType::Kind;
  const bool becomes_value =
      carried.kind == Kind::kOptional && made.kind != Kind::kOptional && made.kind != Kind::kUnknown;
  return becomes_value && carried.element ? *carried.element : carried;
}

Status infer(InferContext& context) {
  CYCLOID_TRY(optional_input_type(context, 0, kInt64Type));
  CYCLOID_TRY(optional_input_type(context, 1, kBools));
  const std::size_t carried = context.input_count() > 2 ? context.input_count() - 2 : 0;
  CYCLOID_ASSIGN(const GraphPtr body, get_graph(context.node(), "body"));
  if (body->inputs().size() != carried + 2) {
    return invalid_model("the body has {} inputs, but {} are needed: iteration, condition and {} carried values",
                         body->inputs().size(), carried + 2, carried);
  }
  CYCLOID_ASSIGN(const FixedPoint point, fixed_point(context, carried));
  if (context.output_count() > point.outputs.size() - 1) {
    return invalid_model("Loop has {} outputs, but its body only {}", context.output_count(), point.outputs.size());
  }
  const Dim trips = trip_count(context, *body);
  for (std::size_t i = 0; i < context.output_count(); ++i) {
    context.set_output(i, i < carried ? carried_type(point.carried[i], point.outputs[1 + i])
                                      : stacked_type(point.outputs[1 + i], 0, trips));
  }
  return {};
}

Result<bool> flag(const Datum& datum) {
  const Tensor* tensor = datum.tensor();
  if (tensor == nullptr || tensor->dtype() != DType::kBool || tensor->element_count() != 1) {
    return invalid_argument("the condition of Loop must be one bool");
  }
  return tensor->data<bool>()[0];
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const GraphPtr body, get_graph(context.node(), "body"));
  CYCLOID_ASSIGN(const Tensor* most, optional_tensor_input(context, 0, kInt64Type));
  std::int64_t limit = INT64_MAX;
  if (most != nullptr) {
    if (most->element_count() != 1)
      return invalid_argument("the trip count must be one number, but is {}", to_string(most->dims()));
    limit = most->data<std::int64_t>()[0];
  }
  bool go_on = true;
  if (context.input_count() > 1 && context.input(1) != nullptr) {
    CYCLOID_ASSIGN(go_on, flag(*context.input(1)));
  }
  std::vector<Datum> carried;
  for (std::size_t i = 2; i < context.input_count(); ++i)
    carried.push_back(context.input(i) != nullptr ? *context.input(i) : Datum());
  const std::size_t count = carried.size();
  if (body->outputs().size() < 1 + count) return invalid_model("the body has too few outputs");
  const std::size_t scans = body->outputs().size() - 1 - count;
  std::vector<std::vector<Datum>> scanned(scans);
  HeldStrings held;
  for (std::int64_t i = 0; i < limit && go_on; ++i) {
    std::vector<Datum> inputs{Datum(Tensor::scalar<std::int64_t>(i)), Datum(Tensor::scalar<bool>(true))};
    inputs.insert(inputs.end(), std::make_move_iterator(carried.begin()), std::make_move_iterator(carried.end()));
    CYCLOID_ASSIGN(auto results, context.run_subgraph("body", inputs));
    if (results.size() != 1 + count + scans) return invalid_model("the body has too few outputs");
    CYCLOID_ASSIGN(go_on, flag(results[0]));
    carried.assign(std::make_move_iterator(results.begin() + 1),
                   std::make_move_iterator(results.begin() + 1 + static_cast<std::ptrdiff_t>(count)));
    for (std::size_t s = 0; s < scans; ++s) {
      CYCLOID_TRY(held.add(context, results[1 + count + s]));
      scanned[s].push_back(std::move(results[1 + count + s]));
    }
  }
  for (std::size_t s = 0; s < scans; ++s) {
    CYCLOID_ASSIGN(Tensor stacked, stack(context, scanned[s], 0, body->value(body->outputs()[1 + count + s]).type));
    carried.emplace_back(std::move(stacked));
  }
  return carried;
}

// One iteration's cost times the iterations where an output's size says how many they are.
Result<Cost> cost(const Graph& graph, const Node& node) {
  CYCLOID_ASSIGN(const GraphPtr body, get_graph(node, "body"));
  CYCLOID_ASSIGN(const Cost once, cost_of(*body));
  const Tensor* most = node.inputs.empty() ? nullptr : graph.constant(node.inputs[0]);
  const bool known = most != nullptr && most->dtype() == DType::kInt64 && most->element_count() == 1 && runs_on(*body);
  const Dim trips = known ? Dim(std::max<std::int64_t>(most->data<std::int64_t>()[0], 0)) : Dim::unknown();
  return Cost{once.flops * trips, once.bytes * trips};
}

}  // namespace

const Op kLoop = {.domain = "",
                  .name = "Loop",
                  .since = 1,
                  .min_inputs = 0,
                  .max_inputs = Op::kVariadic,
                  .min_outputs = 0,
                  .max_outputs = Op::kVariadic,
                  .infer = infer,
                  .evaluate = evaluate,
                  .cost = cost};

}  // namespace cycloid
