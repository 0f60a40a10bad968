#include "graph/splice.h"

#include <map>
#include <memory>

#include "base/error.h"

namespace cycloid {
namespace {

using Mapping = std::map<ValueId, ValueId>;  // of the body's values to the graph's

// The subgraph with its captures pointed at what they have become.
Result<GraphPtr> recaptured(const GraphPtr& subgraph, const Mapping& mapping) {
  auto copy = std::make_shared<Graph>(*subgraph);
  const std::vector<ValueId> captures(copy->captures().begin(), copy->captures().end());
  std::vector<ValueId> outers;
  for (const ValueId capture : captures) {
    const ValueId outer = mapping.at(copy->value(capture).outer);
    if (!outer.valid())
      return unsupported("a subgraph uses '{}', an input that is absent here", copy->value(capture).name);
    outers.push_back(outer);
  }
  // Both sides number their values from 0, so first out of the way, lest two captures are taken for one.
  for (std::uint32_t i = 0; i < captures.size(); ++i) copy->set_capture_outer(captures[i], {UINT32_MAX - 1 - i});
  for (std::size_t i = 0; i < captures.size(); ++i) copy->set_capture_outer(captures[i], outers[i]);
  return GraphPtr(std::move(copy));
}

Status recapture_attributes(Node& node, const Mapping& mapping) {
  for (auto& [name, attribute] : node.attributes) {
    if (auto* graph = std::get_if<GraphPtr>(&attribute)) {
      CYCLOID_ASSIGN(*graph, recaptured(*graph, mapping));
    } else if (auto* graphs = std::get_if<std::vector<GraphPtr>>(&attribute)) {
      for (GraphPtr& graph_of_list : *graphs) {
        CYCLOID_ASSIGN(graph_of_list, recaptured(graph_of_list, mapping));
      }
    }
  }
  return {};
}

}  // namespace

Result<std::vector<ValueId>> splice(Graph& graph, const Graph& body, std::span<const ValueId> arguments,
                                    NodeId before) {
  Mapping mapping;
  for (std::size_t i = 0; i < body.inputs().size(); ++i) {
    mapping.emplace(body.inputs()[i], i < arguments.size() ? arguments[i] : ValueId{});
  }
  for (const ValueId id : body.values()) {
    const Value& value = body.value(id);
    if (value.kind == Value::Kind::kConstant) mapping.emplace(id, graph.add_constant(value.name, value.constant));
    if (value.kind == Value::Kind::kCapture) mapping.emplace(id, value.outer);
  }
  for (const NodeId id : body.nodes()) {
    Node node = body.node(id);
    for (ValueId& input : node.inputs) {
      if (input.valid()) input = mapping.at(input);
    }
    CYCLOID_TRY(recapture_attributes(node, mapping).in(describe(body, body.node(id))));
    std::vector<Graph::Output> outputs;
    for (const ValueId output : body.node(id).outputs) {
      outputs.push_back(output.valid() ? Graph::Output{body.value(output).name, body.value(output).type}
                                       : Graph::Output{});
    }
    const NodeId made = graph.add_node(std::move(node), std::move(outputs), before);
    for (std::size_t i = 0; i < body.node(id).outputs.size(); ++i) {
      if (body.node(id).outputs[i].valid()) mapping.emplace(body.node(id).outputs[i], graph.node(made).outputs[i]);
    }
  }
  std::vector<ValueId> results;
  for (const ValueId output : body.outputs()) results.push_back(mapping.at(output));
  return results;
}

void take_over(Graph& graph, ValueId from, ValueId to, NodeId before) {
  const std::string name = graph.value(from).name;
  const ValueType type = graph.value(from).type;
  const bool is_output = graph.is_output(from);
  if (is_output && (graph.value(to).kind != Value::Kind::kOutput || graph.is_output(to))) {
    Node identity;
    identity.op_type = "Identity";
    identity.inputs = {to};
    const NodeId made = graph.add_node(std::move(identity), {{name, type}}, before);
    to = graph.node(made).outputs[0];
  } else if (graph.value(to).type.kind == ValueType::Kind::kUnknown) {
    graph.set_type(to, type);
  }
  graph.replace_uses(from, to);
  if (is_output) graph.rename(to, name);
}

}  // namespace cycloid
