#include "rewrite/loop_form.h"

#include <algorithm>

#include "rewrite/sizes.h"

namespace cycloid {
namespace {

ValueId output_or_none(const Node& node, std::size_t i, const Graph& graph) {
  const ValueId id = i < node.outputs.size() ? node.outputs[i] : ValueId{};
  return id.valid() && !graph.is_dead(id) ? id : ValueId{};
}

ValueId input_or_none(const Node& node, std::size_t i) { return i < node.inputs.size() ? node.inputs[i] : ValueId{}; }

std::optional<LoopForm> form_of_loop(const RuleContext& context, const Node& node) {
  LoopForm form;
  const auto body = get_graph(node, "body");
  if (!body || (*body)->inputs().size() < 2 || (*body)->outputs().empty()) return std::nullopt;
  form.body = *body;
  form.trip_count = input_or_none(node, 0);
  if (!form.trip_count.valid()) return std::nullopt;
  const ValueId first_condition = input_or_none(node, 1);
  if (first_condition.valid() && !is_true(context.graph, first_condition)) return std::nullopt;
  form.iteration = form.body->inputs()[0];
  form.condition = form.body->inputs()[1];
  const ValueId goes_on = without_identities(*form.body, form.body->outputs()[0]);
  if (goes_on != form.condition && !is_true(*form.body, goes_on)) {
    // A condition captured from outside is the same in every iteration.
    const Value& value = form.body->value(goes_on);
    if (value.kind != Value::Kind::kCapture || !is_true(context.graph, value.outer)) return std::nullopt;
  }
  if (const auto trips = size_of(context, form.trip_count)) {
    form.trips = trips->is_known() ? Dim(std::max<std::int64_t>(trips->value(), 0)) : *trips;
    form.counts_sizes = true;
  }
  const std::size_t carried = form.body->inputs().size() - 2;
  // A condition that is absent and last need not be written as an empty input.
  const std::size_t inputs = std::max<std::size_t>(node.inputs.size(), 2);
  if (form.body->outputs().size() < 1 + carried || inputs != 2 + carried) return std::nullopt;
  for (std::size_t i = 0; i < carried; ++i) {
    form.carried.push_back({.in = form.body->inputs()[2 + i],
                            .out = form.body->outputs()[1 + i],
                            .first = node.inputs[2 + i],
                            .last = output_or_none(node, i, context.graph)});
  }
  for (std::size_t i = carried; i + 1 < form.body->outputs().size(); ++i) {
    form.stacked.push_back({.out = form.body->outputs()[1 + i], .result = output_or_none(node, i, context.graph)});
  }
  return form;
}

std::optional<LoopForm> form_of_scan(const RuleContext& context, const Node& node) {
  LoopForm form;
  const auto body = get_graph(node, "body");
  const auto count = get_int(node, "num_scan_inputs", 0);
  if (!body || !count || *count < 1 || static_cast<std::size_t>(*count) > node.inputs.size()) return std::nullopt;
  form.body = *body;
  const auto slices = static_cast<std::size_t>(*count);
  const std::size_t states = node.inputs.size() - slices;
  if (form.body->inputs().size() != node.inputs.size() || form.body->outputs().size() < states) return std::nullopt;
  const std::size_t stacks = form.body->outputs().size() - states;
  const auto list = [&](const char* name, std::size_t size) {
    auto values = get_ints(node, name, std::vector<std::int64_t>(size, 0));
    return values && values->size() == size ? *values : std::vector<std::int64_t>();
  };
  const auto input_axes = list("scan_input_axes", slices);
  const auto input_directions = list("scan_input_directions", slices);
  const auto output_axes = list("scan_output_axes", stacks);
  const auto output_directions = list("scan_output_directions", stacks);
  if (input_axes.size() != slices || input_directions.size() != slices) return std::nullopt;
  if (output_axes.size() != stacks || output_directions.size() != stacks) return std::nullopt;
  for (std::size_t i = 0; i < states; ++i) {
    form.carried.push_back({.in = form.body->inputs()[i],
                            .out = form.body->outputs()[i],
                            .first = node.inputs[i],
                            .last = output_or_none(node, i, context.graph)});
  }
  for (std::size_t i = 0; i < slices; ++i) {
    const Shape* shape = context.shape(node.inputs[states + i]);
    if (shape == nullptr) return std::nullopt;
    const auto rank = static_cast<std::int64_t>(shape->size());
    const std::int64_t axis = input_axes[i] < 0 ? input_axes[i] + rank : input_axes[i];
    if (axis < 0 || axis >= rank) return std::nullopt;
    form.sliced.push_back({.in = form.body->inputs()[states + i],
                           .source = node.inputs[states + i],
                           .axis = axis,
                           .backwards = input_directions[i] != 0});
    if (!form.trips.is_known()) form.trips = (*shape)[static_cast<std::size_t>(axis)];
  }
  for (std::size_t i = 0; i < stacks; ++i) {
    form.stacked.push_back({.out = form.body->outputs()[states + i],
                            .result = output_or_none(node, states + i, context.graph),
                            .axis = output_axes[i],
                            .backwards = output_directions[i] != 0});
  }
  return form;
}

}  // namespace

ValueId without_identities(const Graph& graph, ValueId id) {
  const Node* node = graph.producer(id);
  while (node != nullptr && node->domain.empty() && node->op_type == "Identity") {
    id = node->inputs[0];
    node = graph.producer(id);
  }
  return id;
}

bool is_true(const Graph& graph, ValueId id) {
  const Tensor* tensor = graph.constant(id);
  return tensor != nullptr && tensor->dtype() == DType::kBool && tensor->element_count() == 1 &&
         tensor->data<bool>()[0];
}

std::optional<LoopForm> loop_form(const RuleContext& context, const Node& node) {
  if (!node.domain.empty()) return std::nullopt;
  if (node.op_type == "Loop") return form_of_loop(context, node);
  if (node.op_type == "Scan") return form_of_scan(context, node);
  return std::nullopt;
}

}  // namespace cycloid
