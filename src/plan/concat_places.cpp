#include "plan/concat_places.h"

namespace cycloid {
namespace {

// The dims of a float tensor with channels and pixels, or nothing.
std::optional<Dims> image_dims(const Graph& graph, ValueId id) {
  const ValueType& type = graph.value(id).type;
  if (!type.is_tensor() || type.dtype != DType::kFloat32 || !type.shape || type.shape->size() < 3 ||
      type.shape->size() > 4)
    return {};
  return known_dims(*type.shape);
}

}  // namespace

std::optional<std::int64_t> channel_padding(const Graph& graph, const Node& node) {
  if (node.op_type != "Pad" || !node.domain.empty() || node.inputs.size() < 2 || !node.inputs[1].valid()) return {};
  const Result<std::string> mode = get_string(node, "mode", "constant");
  const std::optional<Dims> in = image_dims(graph, node.inputs[0]), out = image_dims(graph, node.outputs[0]);
  const Tensor* pads = graph.constant(node.inputs[1]);
  if (!mode || *mode != "constant" || !in || !out || pads == nullptr || pads->dtype() != DType::kInt64) return {};
  for (std::size_t i = 0; i < in->size(); ++i) {
    if (i != 1 && (*in)[i] != (*out)[i]) return {};
  }
  // Other axes keep their size, but might be moved (-1 and 1).
  const bool axes = node.inputs.size() > 3 && node.inputs[3].valid();
  const std::span<const std::int64_t> amounts = pads->data<std::int64_t>();
  if (axes || amounts.size() != 2 * in->size()) return {};
  for (std::size_t i = 0; i < amounts.size(); ++i) {
    if (amounts[i] < 0 || (i % in->size() != 1 && amounts[i] != 0)) return {};
  }
  return amounts[1];
}

ConcatPlaces::ConcatPlaces(const Graph& graph) {
  for (const NodeId id : graph.nodes()) {
    const Node& node = graph.node(id);
    if (const std::optional<std::int64_t> before = channel_padding(graph, node)) {
      wholes_[node.outputs[0]] = (*image_dims(graph, node.outputs[0]))[1];
      if (graph.value(node.inputs[0]).kind == Value::Kind::kOutput)
        links_.try_emplace(node.inputs[0], Link{node.outputs[0], *before});
      continue;
    }
    if (node.op_type != "Concat" || !node.domain.empty()) continue;
    const std::optional<Dims> whole = image_dims(graph, node.outputs[0]);
    const Result<std::int64_t> axis = get_int(node, "axis", 0);
    if (!whole || !axis || (*axis < 0 ? *axis + static_cast<std::int64_t>(whole->size()) : *axis) != 1) continue;
    wholes_[node.outputs[0]] = (*whole)[1];
    std::int64_t channel = 0;
    for (const ValueId input : node.inputs) {
      const std::optional<Dims> part = image_dims(graph, input);
      if (!part) break;
      // Nodes are in topological order, so a link never closes a circle.
      if (graph.value(input).kind == Value::Kind::kOutput) links_.try_emplace(input, Link{node.outputs[0], channel});
      channel += (*part)[1];
    }
  }
}

std::optional<ConcatPlaces::Part> ConcatPlaces::find(ValueId id) const {
  Part part{.whole = id};
  for (auto link = links_.find(id); link != links_.end(); link = links_.find(part.whole)) {
    part.whole = link->second.parent;
    part.channel += link->second.channel;
  }
  const auto whole = wholes_.find(part.whole);
  if (whole == wholes_.end()) return {};
  part.channels = whole->second;
  return part;
}

}  // namespace cycloid
