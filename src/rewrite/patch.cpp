#include "rewrite/patch.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"

namespace cycloid {

Patch::Ref Patch::constant(std::string name_hint, Tensor tensor) {
  constants_.emplace_back(std::move(name_hint), std::move(tensor));
  return Ref(std::in_place, Ref::NewConstant{constants_.size() - 1});
}

Patch::Ref Patch::node(std::string op_type, std::vector<Ref> inputs, Attributes attributes, std::string domain) {
  return node_with_outputs(1, std::move(op_type), std::move(inputs), std::move(attributes), std::move(domain))[0];
}

std::vector<Patch::Ref> Patch::node_with_outputs(std::size_t outputs, std::string op_type, std::vector<Ref> inputs,
                                                 Attributes attributes, std::string domain) {
  nodes_.push_back({.op_type = std::move(op_type),
                    .domain = std::move(domain),
                    .inputs = std::move(inputs),
                    .attributes = std::move(attributes),
                    .outputs = outputs});
  std::vector<Ref> refs;
  for (std::uint32_t i = 0; i < outputs; ++i) refs.push_back(Ref(std::in_place, Ref::NewOutput{nodes_.size() - 1, i}));
  return refs;
}

void Patch::set_captures(const Ref& node_output, const std::string& attribute, std::vector<Ref> outers) {
  nodes_[std::get<Ref::NewOutput>(node_output.state_).node].captures.insert_or_assign(attribute, std::move(outers));
}

const Tensor* Patch::new_constant(const Ref& ref) const {
  const auto* made = std::get_if<Ref::NewConstant>(&ref.state_);
  return made != nullptr ? &constants_[made->index].second : nullptr;
}

std::optional<std::vector<Patch::Ref>> Patch::inline_body(const Graph& body, std::span<const Ref> arguments) {
  std::map<ValueId, Ref> mapping;
  for (std::size_t i = 0; i < body.inputs().size(); ++i) {
    mapping.emplace(body.inputs()[i], i < arguments.size() ? arguments[i] : Ref::none());
  }
  const auto mapped = [&](ValueId id) {
    if (!id.valid()) return Ref::none();
    if (const auto at = mapping.find(id); at != mapping.end()) return at->second;
    const Value& value = body.value(id);  // a capture or a constant, met for the first time
    const Ref ref = value.kind == Value::Kind::kCapture ? Ref(value.outer) : constant(value.name, value.constant);
    return mapping.emplace(id, ref).first->second;
  };
  for (const NodeId id : body.nodes()) {
    const Node& node = body.node(id);
    std::vector<Ref> inputs;
    for (const ValueId input : node.inputs) inputs.push_back(mapped(input));
    const auto outputs =
        node_with_outputs(node.outputs.size(), node.op_type, std::move(inputs), node.attributes, node.domain);
    for (const auto& [name, attribute] : node.attributes) {
      if (std::holds_alternative<std::vector<GraphPtr>>(attribute)) return std::nullopt;
      const auto* inner = std::get_if<GraphPtr>(&attribute);
      if (inner == nullptr) continue;
      std::vector<Ref> outers;
      for (const ValueId capture : (*inner)->captures()) outers.push_back(mapped((*inner)->value(capture).outer));
      nodes_.back().captures.emplace(name, std::move(outers));
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (node.outputs[i].valid()) mapping.emplace(node.outputs[i], outputs[i]);
    }
  }
  std::vector<Ref> results;
  for (const ValueId output : body.outputs()) results.push_back(mapped(output));
  return results;
}

namespace {

// A copy of the subgraph with its captures, in order, pointed at these values.
GraphPtr recaptured(const Graph& subgraph, const std::vector<ValueId>& outers) {
  auto copy = std::make_shared<Graph>(subgraph);
  const std::vector<ValueId> captures(copy->captures().begin(), copy->captures().end());
  CYCLOID_CHECK(captures.size() == outers.size());
  // Both graphs number their values from 0, so first out of the way, lest two captures are taken for one.
  for (std::uint32_t i = 0; i < captures.size(); ++i) copy->set_capture_outer(captures[i], {UINT32_MAX - 1 - i});
  for (std::size_t i = 0; i < captures.size(); ++i) copy->set_capture_outer(captures[i], outers[i]);
  return copy;
}

}  // namespace

// One application of a patch to a graph. add() can be undone; replace() cannot fail.
class Patch::Application {
 public:
  Application(const Patch& patch, Graph& graph)
      : patch_(patch), graph_(graph), node_count_(graph.node_count()), position_(positions(graph)) {}

  Status add(const InferNode& infer) {
    find_needed();
    for (std::size_t i = 0; i < patch_.constants_.size(); ++i) {
      const auto& [name, tensor] = patch_.constants_[i];
      constants_.push_back(needed_constants_[i] ? graph_.add_constant(name, tensor) : ValueId{});
    }
    const NodeId before = first_replaced();
    const std::string hint =
        patch_.replacements_.empty() ? std::string() : graph_.value(patch_.replacements_[0].first).name;
    for (std::size_t i = 0; i < patch_.nodes_.size(); ++i) {
      made_.emplace_back();
      if (!needed_nodes_[i]) continue;
      const NewNode& made = patch_.nodes_[i];
      Node node;
      node.op_type = made.op_type;
      node.domain = made.domain;
      node.attributes = made.attributes;
      for (const Ref& input : made.inputs) node.inputs.push_back(resolve(input));
      for (const auto& [attribute, outers] : made.captures) {
        std::vector<ValueId> resolved;
        for (const Ref& outer : outers) {
          resolved.push_back(resolve(outer));
          if (!resolved.back().valid()) return unsupported("the subgraph of {} captures an absent value", made.op_type);
        }
        node.attributes[attribute] = recaptured(*std::get<GraphPtr>(made.attributes.at(attribute)), resolved);
      }
      std::vector<Graph::Output> outputs;
      for (std::size_t o = 0; o < made.outputs; ++o) outputs.push_back({graph_.fresh_name(hint), {}});
      added_.push_back(graph_.add_node(std::move(node), std::move(outputs), before));
      made_.back() = added_.back();
      CYCLOID_TRY(infer(graph_, added_.back()));
    }
    for (const auto& [from, ref] : patch_.replacements_) replacements_.emplace_back(from, resolve(ref));
    return {};
  }

  Status check() {
    for (const auto& [from, to] : replacements_) {
      const Value& old_value = graph_.value(from);
      auto merged = merge(old_value.type, graph_.value(to).type);  // facts already found are kept
      if (!merged) return merged.error().in(fmt::format("the replacement of '{}'", old_value.name));
      // Now, so that what is decided by types sees those that will be.
      former_.emplace_back(to, graph_.value(to).type);
      graph_.set_type(to, *std::move(merged));
      if (graph_.is_output(from) && !can_be_output(to) && old_value.uses.empty()) {
        return unsupported("the graph output '{}' cannot become '{}'", old_value.name, graph_.value(to).name);
      }
    }
    return check_no_cycle();
  }

  void undo() {
    for (auto at = former_.rbegin(); at != former_.rend(); ++at) graph_.set_type(at->first, at->second);
    for (auto at = added_.rbegin(); at != added_.rend(); ++at) graph_.erase_node(*at);
    for (const ValueId id : constants_) {
      if (id.valid()) graph_.erase_value(id);
    }
  }

  Applied replace() {
    dying_ = nodes_that_die();
    // A nameless node goes by its first output, whose name may be the replacement's soon.
    for (const NodeId id : dying_) names_.emplace(id, describe(graph_, graph_.node(id)));
    for (const auto& [from, to] : replacements_) {
      if (!graph_.is_output(from)) {
        graph_.replace_uses(from, to);
      } else if (can_be_output(to)) {
        const std::string name = graph_.value(from).name;
        graph_.replace_uses(from, to);
        graph_.rename(to, name);
      } else {  // uses by nodes alone move
        const std::vector<ValueId> outputs(graph_.outputs().begin(), graph_.outputs().end());
        graph_.replace_uses(from, to);
        graph_.set_outputs(outputs);
      }
    }
    Applied applied = remove_dead();
    if (!is_sorted()) CYCLOID_CHECK(graph_.sort().ok());
    return applied;
  }

  Status approve(const Approve& approve) const {
    const std::vector<NodeId> dying = nodes_that_die();
    return approve(graph_, {.added = added_, .dying = dying, .replacements = replacements_});
  }

 private:
  // By node index; kNoPlace where it is not in the graph.
  static constexpr std::uint32_t kNoPlace = UINT32_MAX;
  static std::vector<std::uint32_t> positions(const Graph& graph) {
    std::vector<std::uint32_t> places;
    std::uint32_t place = 0;
    for (const NodeId id : graph.nodes()) {
      if (id.index >= places.size()) places.resize(id.index + std::size_t{1}, kNoPlace);
      places[id.index] = place++;
    }
    return places;
  }
  std::size_t position_at(NodeId id) const { return position_[id.index]; }

  template <class Visit>
  static void for_each_needed(const Graph& graph, NodeId id, Visit visit) {
    for (const ValueId input : graph.node(id).inputs) {
      if (input.valid()) visit(input);
    }
    for_each_subgraph(graph.node(id), [&](const std::string&, const Graph& body) {
      for (const ValueId capture : body.captures()) visit(body.value(capture).outer);
    });
  }

  // Whether every value is still made before it is used. Only what new nodes use and what uses a replacement can have
  // changed.
  bool is_sorted() const {
    const std::vector<std::uint32_t> places = positions(graph_);
    const auto made_before = [&](ValueId id, NodeId user) {
      const Value& value = graph_.value(id);
      return value.kind != Value::Kind::kOutput || places[value.producer.index] < places[user.index];
    };
    bool sorted = true;
    for (const NodeId id : added_) {
      if (!graph_.alive(id)) continue;
      for_each_needed(graph_, id, [&](ValueId needed) { sorted = sorted && made_before(needed, id); });
    }
    for (const auto& [from, to] : replacements_) {
      if (!graph_.alive(to)) continue;
      for (const Use use : graph_.value(to).uses) sorted = sorted && made_before(to, use.node);
    }
    return sorted;
  }

  ValueId resolve(const Ref& ref) const {
    if (const auto* existing = std::get_if<ValueId>(&ref.state_)) return *existing;
    if (const auto* made = std::get_if<Ref::NewConstant>(&ref.state_)) return constants_[made->index];
    const auto& output = std::get<Ref::NewOutput>(ref.state_);
    return graph_.node(made_[output.node]).outputs[output.output];
  }

  // A patch refers to nodes it made before only, so one walk backwards finds what the replacements need.
  void find_needed() {
    needed_nodes_.resize(patch_.nodes_.size());
    needed_constants_.resize(patch_.constants_.size());
    const auto need = [&](const Ref& ref) {
      if (const auto* constant = std::get_if<Ref::NewConstant>(&ref.state_)) needed_constants_[constant->index] = true;
      if (const auto* output = std::get_if<Ref::NewOutput>(&ref.state_)) needed_nodes_[output->node] = true;
    };
    for (const auto& [from, ref] : patch_.replacements_) need(ref);
    for (std::size_t i = patch_.nodes_.size(); i-- > 0;) {
      if (!needed_nodes_[i]) continue;
      for (const Ref& input : patch_.nodes_[i].inputs) need(input);
      for (const auto& [attribute, outers] : patch_.nodes_[i].captures) std::ranges::for_each(outers, need);
    }
  }

  // Where new nodes go: before the first producer they replace. sort() mends the order where they need later values.
  NodeId first_replaced() const {
    NodeId first;
    for (const auto& [from, to] : patch_.replacements_) {
      const Value& value = graph_.value(from);
      if (value.kind != Value::Kind::kOutput) continue;
      if (!first.valid() || position_at(value.producer) < position_at(first)) first = value.producer;
    }
    return first;
  }

  bool can_be_output(ValueId id) const {
    return graph_.value(id).kind == Value::Kind::kOutput && !graph_.is_output(id);
  }

  // Whether the graph will have a cycle: then a replacement is on it, because only their users get new inputs. So the
  // search begins at them, and follows each use of a `from` to what replaces it.
  Status check_no_cycle() const {
    std::map<ValueId, ValueId> becomes;
    std::size_t first = node_count_;
    for (const auto& [from, to] : replacements_) {
      becomes.emplace(from, to);
      const Value& value = graph_.value(from);
      if (value.kind != Value::Kind::kOutput)
        return unsupported("'{}' is not made by a node, and cannot be replaced", value.name);
      first = std::min(first, position_at(value.producer));
    }
    // The producer of what `id` will be; none where nothing behind it can depend on a replacement.
    const auto producer = [&](ValueId id) {
      const auto at = becomes.find(id);
      const Value& value = graph_.value(at != becomes.end() ? at->second : id);
      if (value.kind != Value::Kind::kOutput) return NodeId{};
      const std::size_t place = value.producer.index < position_.size() ? position_at(value.producer) : kNoPlace;
      return place < first ? NodeId{} : value.producer;
    };
    std::map<NodeId, bool> finished;  // false: on the path
    struct Step {
      NodeId node;
      std::vector<NodeId> next;
    };
    std::vector<Step> path;
    const auto enter = [&](NodeId id) {
      finished.emplace(id, false);
      Step step{id, {}};
      for_each_needed(graph_, id, [&](ValueId needed) {
        if (const NodeId next = producer(needed); next.valid()) step.next.push_back(next);
      });
      path.push_back(std::move(step));
    };
    for (const auto& [from, to] : replacements_) {
      const NodeId start = producer(to);
      if (start.valid() && !finished.contains(start)) enter(start);
      while (!path.empty()) {
        if (path.back().next.empty()) {
          finished[path.back().node] = true;
          path.pop_back();
          continue;
        }
        const NodeId next = path.back().next.back();
        path.back().next.pop_back();
        const auto at = finished.find(next);
        if (at == finished.end()) {
          enter(next);
        } else if (!at->second) {
          return unsupported("'{}' would depend on itself", graph_.value(from).name);
        }
      }
    }
    return {};
  }

  // What remove_dead() will remove: nodes whose outputs lose their last use, and what only they used.
  std::vector<NodeId> nodes_that_die() const {
    std::map<ValueId, std::size_t> lost;  // uses that go away
    std::vector<ValueId> pending;
    std::set<ValueId> replaced_outputs;
    for (const auto& [from, to] : replacements_) {
      lost[from] = graph_.value(from).uses.size();
      if (graph_.is_output(from) && can_be_output(to)) replaced_outputs.insert(from);
      pending.push_back(from);
    }
    const auto dead = [&](ValueId id) {
      if (!id.valid()) return true;
      const auto at = lost.find(id);
      return graph_.value(id).uses.size() <= (at == lost.end() ? 0 : at->second) &&
             (!graph_.is_output(id) || replaced_outputs.contains(id));
    };
    std::vector<NodeId> dying;
    std::set<NodeId> seen(added_.begin(), added_.end());
    while (!pending.empty()) {
      const ValueId id = pending.back();
      pending.pop_back();
      const Value& value = graph_.value(id);
      if (value.kind != Value::Kind::kOutput || seen.contains(value.producer)) continue;
      const Node& node = graph_.node(value.producer);
      if (!std::ranges::all_of(node.outputs, dead)) continue;
      seen.insert(value.producer);
      dying.push_back(value.producer);
      std::set<ValueId> used;
      for (const ValueId input : node.inputs) {
        if (!input.valid()) continue;
        ++lost[input];
        used.insert(input);
      }
      for_each_subgraph(node, [&](const std::string&, const Graph& body) {
        for (const ValueId capture : body.captures()) {
          const ValueId outer = body.value(capture).outer;
          if (used.insert(outer).second) ++lost[outer];
        }
      });
      pending.insert(pending.end(), used.begin(), used.end());
    }
    return dying;
  }

  // Removes the nodes that die and what only they used: never more than the change concerns, however large the graph.
  Applied remove_dead() {
    Applied applied;
    std::vector<ValueId> leaves = constants_;
    std::vector<NodeId> candidates = dying_;
    // Users before producers: by place, and unused new nodes before all.
    std::ranges::sort(candidates, [&](NodeId a, NodeId b) { return position_at(a) > position_at(b); });
    candidates.insert(candidates.begin(), added_.rbegin(), added_.rend());
    const std::set<NodeId> added(added_.begin(), added_.end());
    for (const NodeId id : candidates) {
      const auto unused = [&](ValueId output) { return !output.valid() || graph_.is_dead(output); };
      if (!std::ranges::all_of(graph_.node(id).outputs, unused)) continue;
      for_each_needed(graph_, id, [&](ValueId needed) { leaves.push_back(needed); });
      if (!added.contains(id)) applied.removed.push_back(names_.at(id));
      graph_.erase_node(id);
    }
    std::ranges::reverse(applied.removed);
    for (const ValueId id : leaves) {
      if (!graph_.alive(id) || !graph_.is_dead(id)) continue;
      const Value::Kind kind = graph_.value(id).kind;
      if (kind == Value::Kind::kConstant || kind == Value::Kind::kCapture) graph_.erase_value(id);
    }
    for (const NodeId id : added_) {
      if (graph_.alive(id)) applied.added.push_back(id);
    }
    return applied;
  }

  const Patch& patch_;
  Graph& graph_;
  std::size_t node_count_;
  std::vector<std::uint32_t> position_;  // before the change
  std::vector<NodeId> dying_;
  std::map<NodeId, std::string> names_;  // of those, before the change
  std::vector<ValueId> constants_;
  std::vector<bool> needed_nodes_;      // by index in the patch
  std::vector<bool> needed_constants_;  // by index in the patch
  std::vector<NodeId> made_;            // by index in the patch; invalid where not needed
  std::vector<NodeId> added_;
  std::vector<std::pair<ValueId, ValueId>> replacements_;
  std::vector<std::pair<ValueId, ValueType>>
      former_;  // types of replacements before they got those of what they replace
};

Result<Patch::Applied> Patch::apply(Graph& graph, const InferNode& infer, const Approve& approve) const {
  Application application(*this, graph);
  Status status = application.add(infer);
  if (status) status = application.check();
  if (status && approve) status = application.approve(approve);
  if (!status) {
    application.undo();
    return status.error();
  }
  return application.replace();
}

}  // namespace cycloid
