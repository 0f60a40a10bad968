#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "graph/graph.h"

namespace cycloid {
namespace {

class Verifier {
 public:
  explicit Verifier(const Graph& graph) : graph_(graph) {}

  Status run() {
    for (const ValueId id : graph_.values()) {
      if (graph_.value(id).kind != Value::Kind::kOutput) defined_.insert(id);
    }
    for (const NodeId id : graph_.nodes()) CYCLOID_TRY(check_node(id));
    for (const ValueId id : graph_.outputs()) {
      if (!graph_.alive(id) || !defined_.contains(id)) return broken("an output of the graph is not defined");
    }
    for (const ValueId id : graph_.values()) CYCLOID_TRY(check_value(id));
    return {};
  }

 private:
  Error broken(std::string_view what) const { return invalid_model("graph '{}': {}", graph_.name(), what); }

  Status check_use(ValueId id, Use use, const Node& node) {
    if (!graph_.alive(id)) return broken(fmt::format("{} uses an erased value", describe(graph_, node)));
    const Value& value = graph_.value(id);
    if (!defined_.contains(id))
      return broken(fmt::format("{} uses '{}' before it is defined", describe(graph_, node), value.name));
    if (std::ranges::find(value.uses, use) == value.uses.end()) {
      return broken(fmt::format("'{}' does not know its use by {}", value.name, describe(graph_, node)));
    }
    ++use_count_[id];
    return {};
  }

  Status check_node(NodeId id) {
    const Node& node = graph_.node(id);
    for (std::uint32_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i].valid()) CYCLOID_TRY(check_use(node.inputs[i], {id, i}, node));
    }
    std::set<ValueId> captured;
    Status status;
    for_each_subgraph(node, [&](const std::string& attribute, const Graph& body) {
      if (!status) return;
      for (const ValueId capture : body.captures()) captured.insert(body.value(capture).outer);
      status = verify(body).in(fmt::format("{}, {}", describe(graph_, node), attribute));
    });
    if (!status) return status.error();
    for (const ValueId outer : captured) CYCLOID_TRY(check_use(outer, {id, Use::kCaptured}, node));
    for (std::uint32_t i = 0; i < node.outputs.size(); ++i) {
      const ValueId output = node.outputs[i];
      if (!output.valid()) continue;
      if (!graph_.alive(output)) return broken(fmt::format("{} has an erased output", describe(graph_, node)));
      const Value& value = graph_.value(output);
      if (value.kind != Value::Kind::kOutput || value.producer != id || value.output != i ||
          !defined_.insert(output).second) {
        return broken(fmt::format("'{}' is not output {} of {} alone", value.name, i, describe(graph_, node)));
      }
    }
    return {};
  }

  Status check_value(ValueId id) {
    const Value& value = graph_.value(id);
    if (value.uses.size() != use_count_[id]) return broken(fmt::format("'{}' has a use that no node has", value.name));
    if (graph_.find_value(value.name) != id) return broken(fmt::format("'{}' is not found by its name", value.name));
    if (value.kind == Value::Kind::kOutput && !defined_.contains(id)) {
      return broken(fmt::format("'{}' has no live producer", value.name));
    }
    return {};
  }

  const Graph& graph_;
  std::set<ValueId> defined_;
  std::map<ValueId, std::size_t> use_count_;
};

}  // namespace

Status verify(const Graph& graph) { return Verifier(graph).run(); }

}  // namespace cycloid
