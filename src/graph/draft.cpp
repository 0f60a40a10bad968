#include "graph/draft.h"

#include <algorithm>
#include <functional>
#include <set>
#include <string_view>
#include <unordered_map>

#include "base/check.h"
#include "base/error.h"

namespace cycloid {
namespace {

using Names = std::set<std::string, std::less<>>;

std::string describe_draft(const NodeDraft& node) {
  std::string name = node.name;
  for (const std::string& output : node.outputs) {
    if (name.empty()) name = output;
  }
  const std::string op = node.domain.empty() ? node.op_type : node.domain + "." + node.op_type;
  return fmt::format("{}node '{}' ({})", node.place.empty() ? "" : node.place + ": ", name, op);
}

// What one graph draft defines and needs; one per draft, in the nesting of the drafts.
struct Scope {
  // Position of the node that makes the value, or kGiven for inputs and constants.
  static constexpr std::size_t kGiven = SIZE_MAX;
  std::unordered_map<std::string_view, std::size_t> defined;
  Names free;                             // names used here or deeper and defined neither here nor deeper
  std::vector<std::vector<Scope>> inner;  // by node: the scopes of its subgraphs, in order
};

Status define(Scope& scope, const GraphDraft& draft, const std::string& name, std::size_t position,
              std::string_view what) {
  if (scope.defined.emplace(name, position).second) return {};
  return invalid_model("graph '{}': {} '{}' is defined twice", draft.name, what, name);
}

Result<Scope> analyse(const GraphDraft& draft, int depth) {
  if (depth > kMaxSubgraphDepth) return invalid_model("subgraphs are nested more than {} deep", kMaxSubgraphDepth);
  Scope scope;
  Names inputs;
  for (const ValueDraft& input : draft.inputs) {
    if (input.name.empty()) return invalid_model("graph '{}': an input has no name", draft.name);
    CYCLOID_TRY(define(scope, draft, input.name, Scope::kGiven, "input"));
    inputs.insert(input.name);
  }
  for (const auto& [name, tensor] : draft.constants) {
    if (name.empty()) return invalid_model("graph '{}': a constant (initializer) has no name", draft.name);
    if (inputs.erase(name) == 0) CYCLOID_TRY(define(scope, draft, name, Scope::kGiven, "constant (initializer)"));
  }
  for (std::size_t i = 0; i < draft.nodes.size(); ++i) {
    for (const std::string& output : draft.nodes[i].outputs) {
      if (output.empty()) continue;
      CYCLOID_TRY(define(scope, draft, output, i, "value").in(describe_draft(draft.nodes[i])));
    }
  }
  const auto need = [&](const std::string& name) {
    if (!name.empty() && !scope.defined.contains(name)) scope.free.insert(name);
  };
  scope.inner.resize(draft.nodes.size());
  for (std::size_t i = 0; i < draft.nodes.size(); ++i) {
    for (const std::string& input : draft.nodes[i].inputs) need(input);
    for (const NodeDraft::Subgraphs& subgraphs : draft.nodes[i].subgraphs) {
      for (const GraphDraft& graph : subgraphs.graphs) {
        auto inner = analyse(graph, depth + 1);
        if (!inner) return inner.error().in(fmt::format("{}, {}", describe_draft(draft.nodes[i]), subgraphs.attribute));
        for (const std::string& name : inner->free) need(name);
        scope.inner[i].push_back(*std::move(inner));
      }
    }
  }
  for (const ValueDraft& output : draft.outputs) {
    if (output.name.empty()) return invalid_model("graph '{}': an output has no name", draft.name);
    need(output.name);
  }
  return scope;
}

// Visits the names a node uses, through its subgraphs' captures too.
void for_each_use(const NodeDraft& node, const std::vector<Scope>& inner,
                  const std::function<void(const std::string&)>& visit) {
  for (const std::string& input : node.inputs) {
    if (!input.empty()) visit(input);
  }
  for (const Scope& scope : inner) {
    for (const std::string& name : scope.free) visit(name);
  }
}

Error undefined_value(const GraphDraft& draft, const Scope& scope, const std::string& name) {
  for (std::size_t i = 0; i < draft.nodes.size(); ++i) {
    const NodeDraft& node = draft.nodes[i];
    if (std::ranges::find(node.inputs, name) != node.inputs.end()) {
      return invalid_model("{} uses the value '{}', which nothing defines", describe_draft(node), name);
    }
    std::size_t at = 0;
    for (const NodeDraft::Subgraphs& subgraphs : node.subgraphs) {
      for (const GraphDraft& graph : subgraphs.graphs) {
        const Scope& inner = scope.inner[i][at++];
        if (!inner.free.contains(name)) continue;
        return undefined_value(graph, inner, name).in(fmt::format("{}, {}", describe_draft(node), subgraphs.attribute));
      }
    }
  }
  return invalid_model("graph '{}': its output '{}' is not defined", draft.name, name);
}

// The nodes' positions in a topological order; among nodes that are ready, the earliest goes first.
Result<std::vector<std::size_t>> order(const GraphDraft& draft, const Scope& scope) {
  const std::size_t count = draft.nodes.size();
  std::vector<std::size_t> missing(count, 0);
  std::vector<std::vector<std::size_t>> users(count);
  for (std::size_t i = 0; i < count; ++i) {
    for_each_use(draft.nodes[i], scope.inner[i], [&](const std::string& name) {
      const auto at = scope.defined.find(name);
      if (at == scope.defined.end() || at->second == Scope::kGiven) return;
      ++missing[i];
      users[at->second].push_back(i);
    });
  }
  std::vector<std::size_t> ready;  // a min-heap
  for (std::size_t i = 0; i < count; ++i) {
    if (missing[i] == 0) ready.push_back(i);
  }
  std::vector<std::size_t> sorted;
  while (!ready.empty()) {
    std::ranges::pop_heap(ready, std::greater<>());
    const std::size_t node = ready.back();
    ready.pop_back();
    sorted.push_back(node);
    for (const std::size_t user : users[node]) {
      if (--missing[user] != 0) continue;
      ready.push_back(user);
      std::ranges::push_heap(ready, std::greater<>());
    }
  }
  if (sorted.size() == count) return sorted;
  // Walk back over unmade inputs until a node comes again: that one is in the cycle itself.
  std::size_t node =
      static_cast<std::size_t>(std::ranges::find_if(missing, [](std::size_t n) { return n != 0; }) - missing.begin());
  std::vector<bool> seen(count, false);
  while (!seen[node]) {
    seen[node] = true;
    std::size_t next = node;
    for_each_use(draft.nodes[node], scope.inner[node], [&](const std::string& name) {
      const auto at = scope.defined.find(name);
      if (at != scope.defined.end() && at->second != Scope::kGiven && missing[at->second] != 0) next = at->second;
    });
    node = next;
  }
  return invalid_model("{} is part of a cycle: it needs its own output", describe_draft(draft.nodes[node]));
}

// Where a graph's free names come from: the values of the graph around it.
struct Outer {
  const Graph* graph = nullptr;
  const std::unordered_map<std::string, ValueId>* values = nullptr;
};

class Assembler {
 public:
  Assembler(GraphDraft& draft, Scope& scope) : draft_(draft), scope_(scope), graph_(std::move(draft.name)) {}

  Result<Graph> run(const Outer& outer) {
    for (const std::string& name : scope_.free) {
      const ValueId from = outer.values->at(name);
      ids_.emplace(name, graph_.add_capture(name, outer.graph->value(from).type, from));
    }
    CYCLOID_TRY(add_given());
    CYCLOID_TRY(collect_types());
    CYCLOID_ASSIGN(const std::vector<std::size_t> sorted, order(draft_, scope_));
    for (const std::size_t i : sorted) CYCLOID_TRY(add_node(i));
    return finish();
  }

 private:
  Status add_given() {
    std::unordered_map<std::string_view, const Tensor*> constants;
    for (const auto& [name, tensor] : draft_.constants) constants.emplace(name, &tensor);
    for (ValueDraft& input : draft_.inputs) {
      if (const auto at = constants.find(input.name); at != constants.end()) {
        auto merged = merge(ValueType::of(*at->second), input.type);
        if (!merged)
          return merged.error().in(
              fmt::format("graph '{}': input '{}' and its initializer", graph_.name(), input.name));
        continue;
      }
      ids_.emplace(input.name, graph_.add_input(input.name, std::move(input.type)));
    }
    for (auto& [name, tensor] : draft_.constants) ids_.emplace(name, graph_.add_constant(name, std::move(tensor)));
    return {};
  }

  // Types that the draft declares of nodes' outputs.
  Status collect_types() {
    const auto declare = [&](const ValueDraft& value) -> Status {
      const auto at = scope_.defined.find(value.name);
      if (at == scope_.defined.end() || at->second == Scope::kGiven) return {};
      const auto [known, fresh] = types_.emplace(value.name, value.type);
      if (fresh) return {};
      auto merged = merge(known->second, value.type);
      if (!merged)
        return merged.error().in(fmt::format("graph '{}': the declared types of '{}'", graph_.name(), value.name));
      known->second = *std::move(merged);
      return {};
    };
    for (const ValueDraft& output : draft_.outputs) CYCLOID_TRY(declare(output));
    for (const ValueDraft& value : draft_.value_info) CYCLOID_TRY(declare(value));
    return {};
  }

  Status add_node(std::size_t position) {
    NodeDraft& from = draft_.nodes[position];
    const std::string place = describe_draft(from);
    Node node;
    std::size_t at = 0;
    for (NodeDraft::Subgraphs& subgraphs : from.subgraphs) {
      std::vector<GraphPtr> graphs;
      for (GraphDraft& graph : subgraphs.graphs) {
        auto inner = Assembler(graph, scope_.inner[position][at++]).run({&graph_, &ids_});
        if (!inner) return inner.error().in(fmt::format("{}, {}", place, subgraphs.attribute));
        graphs.push_back(std::make_shared<Graph>(*std::move(inner)));
      }
      Attribute attribute = subgraphs.is_list ? Attribute(std::move(graphs)) : Attribute(std::move(graphs.at(0)));
      if (!from.attributes.emplace(subgraphs.attribute, std::move(attribute)).second) {
        return invalid_model("{} has two attributes '{}'", place, subgraphs.attribute);
      }
    }
    node.name = std::move(from.name);
    node.domain = std::move(from.domain);
    node.op_type = std::move(from.op_type);
    node.overload = std::move(from.overload);
    node.attributes = std::move(from.attributes);
    for (const std::string& input : from.inputs) node.inputs.push_back(input.empty() ? ValueId{} : ids_.at(input));
    std::vector<Graph::Output> outputs;
    for (const std::string& output : from.outputs) {
      const auto type = types_.find(output);
      outputs.push_back({output, type != types_.end() && !output.empty() ? type->second : ValueType{}});
    }
    const NodeId id = graph_.add_node(std::move(node), std::move(outputs));
    for (const ValueId output : graph_.node(id).outputs) {
      if (output.valid()) ids_.emplace(graph_.value(output).name, output);
    }
    return {};
  }

  Result<Graph> finish() {
    std::vector<ValueId> outputs;
    for (const ValueDraft& output : draft_.outputs) {
      const ValueId id = ids_.at(output.name);
      auto merged = merge(graph_.value(id).type, output.type);
      if (!merged)
        return merged.error().in(
            fmt::format("graph '{}': the declared types of output '{}'", graph_.name(), output.name));
      if (graph_.value(id).kind != Value::Kind::kConstant) graph_.set_type(id, *std::move(merged));
      outputs.push_back(id);
    }
    graph_.set_outputs(std::move(outputs));
    return std::move(graph_);
  }

  GraphDraft& draft_;
  Scope& scope_;
  Graph graph_;
  std::unordered_map<std::string, ValueId> ids_;
  std::unordered_map<std::string_view, ValueType> types_;
};

}  // namespace

Dim dim_of_name(std::string_view name) {
  if (name.empty() || name.find('?') != std::string_view::npos) return Dim::unknown();
  const auto parsed = Dim::parse(name);
  return parsed && !parsed->is_known() ? *parsed : Dim::symbol(std::string(name));
}

Result<Graph> assemble(GraphDraft draft) {
  CYCLOID_ASSIGN(Scope scope, analyse(draft, 0));
  if (!scope.free.empty()) return undefined_value(draft, scope, *scope.free.begin());
  return Assembler(draft, scope).run({});
}

}  // namespace cycloid
