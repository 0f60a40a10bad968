// Control flow.
#include <algorithm>
#include <memory>

#include "base/error.h"
#include "onnx/import/converter.h"

namespace cycloid::onnx {
namespace {

// The type without its first axis.
ValueType without_batch(const ValueType& type) {
  if (!type.is_tensor() || !type.shape || type.shape->empty())
    return type.is_tensor() ? ValueType::tensor(type.dtype) : ValueType();
  return ValueType::tensor(type.dtype, Shape(type.shape->begin() + 1, type.shape->end()));
}

// Scan of version 8 runs its body over axis 1 of a batch in axis 0. As a Scan of version 9 over the batch whose body is
// a Scan over the sequence; the states, one for each instance, are scanned inputs and outputs of the outer one.
Status scan_9(NodeEditor& edit) {
  CYCLOID_ASSIGN(const GraphPtr body, get_graph(edit.node(), "body"));
  CYCLOID_ASSIGN(const auto scanned, edit.take_int("num_scan_inputs"));
  CYCLOID_ASSIGN(const auto directions, edit.take_ints("directions"));
  if (edit.has_input(0)) return unsupported("Scan of opset 8 with sequence_lens is not supported");
  const std::vector<ValueId> inputs(edit.node().inputs.begin() + std::min<std::ptrdiff_t>(1, edit.node().inputs.size()),
                                    edit.node().inputs.end());
  const auto count = static_cast<std::int64_t>(inputs.size());
  if (!scanned || *scanned < 1 || *scanned > count)
    return invalid_model("num_scan_inputs does not fit its {} inputs", count);
  for (const ValueId input : inputs) {
    if (!input.valid()) return invalid_model("an input of Scan is absent");
  }
  auto outer = std::make_shared<Graph>(body->name() + "_batch");
  Node inner;
  inner.name = edit.node().name;
  inner.op_type = "Scan";
  for (const ValueId input : inputs) {
    inner.inputs.push_back(outer->add_input(edit.graph().value(input).name, without_batch(edit.types().of(input))));
  }
  auto inner_body = std::make_shared<Graph>(*body);
  for (const ValueId capture : std::vector<ValueId>(inner_body->captures().begin(), inner_body->captures().end())) {
    const ValueId from = inner_body->value(capture).outer;
    // Both graphs number from 0: the capture's old `outer` is of edit.graph(), its new one of `outer`.
    const ValueId through = outer->add_capture(edit.graph().value(from).name, edit.types().of(from), from);
    inner.inputs.push_back(through);  // kept aside; taken off again below
  }
  const std::vector<ValueId> through(inner.inputs.begin() + count, inner.inputs.end());
  inner.inputs.resize(static_cast<std::size_t>(count));
  const std::vector<ValueId> captures(inner_body->captures().begin(), inner_body->captures().end());
  for (std::uint32_t i = 0; i < captures.size(); ++i) inner_body->set_capture_outer(captures[i], {UINT32_MAX - 1 - i});
  for (std::size_t i = 0; i < captures.size(); ++i) inner_body->set_capture_outer(captures[i], through[i]);
  inner.attributes.emplace("body", GraphPtr(std::move(inner_body)));
  inner.attributes.emplace("num_scan_inputs", *scanned);
  if (directions) inner.attributes.emplace("scan_input_directions", *directions);
  std::vector<Graph::Output> outputs;
  for (std::size_t i = 0; i < edit.node().outputs.size(); ++i) outputs.push_back({"scanned", {}});
  const NodeId made = outer->add_node(std::move(inner), std::move(outputs));
  outer->set_outputs(outer->node(made).outputs);
  edit.set_inputs(inputs);
  edit.set("num_scan_inputs", count);
  edit.set("body", GraphPtr(std::move(outer)));
  return {};
}

constexpr Converter kConverters[] = {{"Scan", 9, scan_9}};

}  // namespace

std::span<const Converter> control_converters() { return kConverters; }

}  // namespace cycloid::onnx
