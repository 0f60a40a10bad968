#include "rewrite/shadow.h"

#include "base/error.h"
#include "ops/op.h"

namespace cycloid {
namespace {

std::size_t bytes_of(const Datum& datum) {
  if (datum.tensor() != nullptr) return datum.tensor()->byte_count();
  std::size_t bytes = 0;
  if (datum.sequence() != nullptr) {
    for (const Datum& item : datum.sequence()->items) bytes += bytes_of(item);
  }
  return bytes;
}

}  // namespace

Result<Shadow> Shadow::compute(const ModelIr& model, std::span<const Datum> inputs, std::size_t max_bytes) {
  const Graph& graph = model.graph;
  if (inputs.size() != graph.inputs().size()) {
    return invalid_argument("a sample has {} inputs, the model {}", inputs.size(), graph.inputs().size());
  }
  Shadow shadow;
  for (std::size_t i = 0; i < inputs.size(); ++i) shadow.values_.emplace(graph.inputs()[i], inputs[i]);
  std::size_t bytes = 0;
  for (const NodeId id : graph.nodes()) {
    CYCLOID_TRY(shadow.extend(model, graph, std::span(&id, 1)));
    for (const ValueId output : graph.node(id).outputs) {
      if (output.valid()) bytes += bytes_of(*shadow.find(graph, output));
    }
    if (bytes > max_bytes) {
      return make_error(ErrorCode::kResourceExhausted, "the values of the model take more than {} MB", max_bytes >> 20);
    }
  }
  return shadow;
}

const Datum* Shadow::find(const Graph& graph, ValueId id) {
  if (const auto at = values_.find(id); at != values_.end()) return &at->second;
  const Tensor* constant = graph.constant(id);
  if (constant == nullptr) return nullptr;
  return &values_.emplace(id, Datum(*constant)).first->second;
}

Status Shadow::extend(const ModelIr& model, const Graph& graph, std::span<const NodeId> nodes) {
  for (const NodeId id : nodes) {
    const Node& node = graph.node(id);
    std::vector<const Datum*> inputs;
    for (const ValueId input : node.inputs) {
      inputs.push_back(input.valid() ? find(graph, input) : nullptr);
      if (input.valid() && inputs.back() == nullptr) {
        return unsupported("the value of '{}' is not known", graph.value(input).name);
      }
    }
    CYCLOID_ASSIGN(auto outputs,
                   evaluate_node(model, graph, node, inputs, [&](ValueId value) { return find(graph, value); }));
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i].valid()) values_.insert_or_assign(node.outputs[i], std::move(outputs[i]));
    }
  }
  return {};
}

void Shadow::forget(const Graph& graph, std::span<const NodeId> nodes) {
  for (const NodeId id : nodes) {
    for (const ValueId output : graph.node(id).outputs) values_.erase(output);
  }
}

}  // namespace cycloid
