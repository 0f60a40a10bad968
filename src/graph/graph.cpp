#include "graph/graph.h"

#include <algorithm>

#include "base/check.h"
#include "base/error.h"

namespace cycloid {

const Value& Graph::value(ValueId id) const {
  CYCLOID_CHECK(alive(id));
  return values_[id.index].value;
}

const Node& Graph::node(NodeId id) const {
  CYCLOID_CHECK(alive(id));
  return nodes_[id.index].node;
}

bool Graph::alive(NodeId id) const { return id.index < nodes_.size() && nodes_[id.index].alive; }
bool Graph::alive(ValueId id) const { return id.index < values_.size() && values_[id.index].alive; }

std::vector<ValueId> Graph::values() const {
  std::vector<ValueId> ids;
  for (std::uint32_t i = 0; i < values_.size(); ++i) {
    if (values_[i].alive) ids.push_back({i});
  }
  return ids;
}

std::optional<ValueId> Graph::find_value(std::string_view name) const {
  const auto at = by_name_.find(name);
  if (at == by_name_.end()) return std::nullopt;
  return at->second;
}

bool Graph::is_output(ValueId id) const { return std::ranges::find(outputs_, id) != outputs_.end(); }

const Tensor* Graph::constant(ValueId id) const {
  if (!id.valid() || value(id).kind != Value::Kind::kConstant) return nullptr;
  return &value(id).constant;
}

const Node* Graph::producer(ValueId id) const {
  if (!id.valid() || value(id).kind != Value::Kind::kOutput) return nullptr;
  return &node(value(id).producer);
}

std::string Graph::fresh_name(std::string_view hint) const {
  std::string name(hint);
  for (int i = 1; name.empty() || by_name_.contains(name); ++i)
    name = fmt::format("{}_{}", hint.empty() ? "v" : hint, i);
  return name;
}

ValueId Graph::new_value(Value value) {
  const ValueId id{static_cast<std::uint32_t>(values_.size())};
  value.name = fresh_name(value.name);
  by_name_.emplace(value.name, id);
  values_.push_back({std::move(value), true});
  return id;
}

ValueId Graph::add_input(std::string name, ValueType type) {
  Value value;
  value.name = std::move(name);
  value.type = std::move(type);
  const ValueId id = new_value(std::move(value));
  inputs_.push_back(id);
  return id;
}

ValueId Graph::add_constant(std::string name, Tensor tensor) {
  Value value;
  value.name = std::move(name);
  value.kind = Value::Kind::kConstant;
  value.type = ValueType::of(tensor);
  value.constant = std::move(tensor);
  return new_value(std::move(value));
}

ValueId Graph::add_capture(std::string name, ValueType type, ValueId outer) {
  CYCLOID_CHECK(outer.valid());
  for (const ValueId id : captures_) {
    if (value(id).outer == outer) return id;
  }
  Value value;
  value.name = std::move(name);
  value.kind = Value::Kind::kCapture;
  value.type = std::move(type);
  value.outer = outer;
  const ValueId id = new_value(std::move(value));
  captures_.push_back(id);
  return id;
}

void Graph::add_use(ValueId id, Use use) {
  CYCLOID_CHECK(alive(id));
  values_[id.index].value.uses.push_back(use);
}

void Graph::remove_use(ValueId id, Use use) {
  CYCLOID_CHECK(alive(id));
  auto& uses = values_[id.index].value.uses;
  const auto at = std::ranges::find(uses, use);
  CYCLOID_CHECK(at != uses.end());
  uses.erase(at);
}

std::vector<ValueId> Graph::captured_by(const Node& node) const {
  std::vector<ValueId> outers;
  for_each_subgraph(node, [&](const std::string&, const Graph& body) {
    for (const ValueId id : body.captures()) {
      const ValueId outer = body.value(id).outer;
      if (std::ranges::find(outers, outer) == outers.end()) outers.push_back(outer);
    }
  });
  return outers;
}

NodeId Graph::add_node(Node node, std::vector<Output> outputs, NodeId before) {
  const NodeId id{static_cast<std::uint32_t>(nodes_.size())};
  for (std::uint32_t i = 0; i < node.inputs.size(); ++i) {
    if (node.inputs[i].valid()) add_use(node.inputs[i], {id, i});
  }
  for (const ValueId outer : captured_by(node)) add_use(outer, {id, Use::kCaptured});
  node.outputs.clear();
  for (std::uint32_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].name.empty() && outputs[i].type.kind == ValueType::Kind::kUnknown) {
      node.outputs.push_back({});
      continue;
    }
    Value value;
    value.name = std::move(outputs[i].name);
    value.kind = Value::Kind::kOutput;
    value.type = std::move(outputs[i].type);
    value.producer = id;
    value.output = i;
    node.outputs.push_back(new_value(std::move(value)));
  }
  nodes_.push_back({std::move(node), true});
  if (before.valid()) {
    const auto at = std::ranges::find(order_, before);
    CYCLOID_CHECK(at != order_.end());
    order_.insert(at, id);
  } else {
    order_.push_back(id);
  }
  return id;
}

void Graph::set_outputs(std::vector<ValueId> outputs) {
  for (const ValueId id : outputs) CYCLOID_CHECK(alive(id));
  outputs_ = std::move(outputs);
}

void Graph::set_type(ValueId id, ValueType type) {
  CYCLOID_CHECK(alive(id));
  values_[id.index].value.type = std::move(type);
}

void Graph::rename(ValueId id, std::string name) {
  CYCLOID_CHECK(alive(id) && !name.empty());
  Value& value = values_[id.index].value;
  if (value.name == name) return;
  by_name_.erase(value.name);
  if (const auto holder = find_value(name)) {
    Value& other = values_[holder->index].value;
    by_name_.insert_or_assign(name, id);  // taken before the other looks for a fresh one
    other.name = fresh_name(name);
    by_name_.emplace(other.name, *holder);
  } else {
    by_name_.emplace(name, id);
  }
  value.name = std::move(name);
}

void Graph::set_attribute(NodeId id, std::string name, Attribute attribute) {
  CYCLOID_CHECK(alive(id));
  Node& node = nodes_[id.index].node;
  for (const ValueId outer : captured_by(node)) remove_use(outer, {id, Use::kCaptured});
  node.attributes.insert_or_assign(std::move(name), std::move(attribute));
  for (const ValueId outer : captured_by(node)) add_use(outer, {id, Use::kCaptured});
}

void Graph::remove_attribute(NodeId id, std::string_view name) {
  CYCLOID_CHECK(alive(id));
  Node& node = nodes_[id.index].node;
  const auto at = node.attributes.find(name);
  if (at == node.attributes.end()) return;
  for (const ValueId outer : captured_by(node)) remove_use(outer, {id, Use::kCaptured});
  node.attributes.erase(at);
  for (const ValueId outer : captured_by(node)) add_use(outer, {id, Use::kCaptured});
}

void Graph::set_input(NodeId id, std::size_t input, ValueId value) {
  CYCLOID_CHECK(alive(id) && input < node(id).inputs.size());
  const Use use{id, static_cast<std::uint32_t>(input)};
  ValueId& slot = nodes_[id.index].node.inputs[input];
  if (slot.valid()) remove_use(slot, use);
  slot = value;
  if (slot.valid()) add_use(slot, use);
}

void Graph::set_inputs(NodeId id, std::vector<ValueId> inputs) {
  CYCLOID_CHECK(alive(id));
  std::vector<ValueId>& slots = nodes_[id.index].node.inputs;
  for (std::uint32_t i = 0; i < slots.size(); ++i) {
    if (slots[i].valid()) remove_use(slots[i], {id, i});
  }
  slots = std::move(inputs);
  for (std::uint32_t i = 0; i < slots.size(); ++i) {
    if (slots[i].valid()) add_use(slots[i], {id, i});
  }
}

void Graph::set_operator(NodeId id, std::string domain, std::string op_type) {
  CYCLOID_CHECK(alive(id));
  Node& node = nodes_[id.index].node;
  node.domain = std::move(domain);
  node.op_type = std::move(op_type);
}

void Graph::drop_outputs(NodeId id, std::size_t count) {
  CYCLOID_CHECK(alive(id));
  std::vector<ValueId>& outputs = nodes_[id.index].node.outputs;
  for (; outputs.size() > count; outputs.pop_back()) {
    const ValueId output = outputs.back();
    if (!output.valid()) continue;
    CYCLOID_CHECK(is_dead(output));
    by_name_.erase(value(output).name);
    values_[output.index] = {{}, false};
  }
}

namespace {

// The attribute with captures of `from` pointed at `to` instead; the same attribute if it has none.
Attribute recapture(const Attribute& attribute, ValueId from, ValueId to) {
  const auto changed = [&](const GraphPtr& body) -> GraphPtr {
    for (const ValueId id : body->captures()) {
      if (body->value(id).outer != from) continue;
      auto copy = std::make_shared<Graph>(*body);
      copy->set_capture_outer(id, to);
      return copy;
    }
    return body;
  };
  if (const auto* body = std::get_if<GraphPtr>(&attribute)) return changed(*body);
  if (const auto* bodies = std::get_if<std::vector<GraphPtr>>(&attribute)) {
    std::vector<GraphPtr> result;
    for (const GraphPtr& body : *bodies) result.push_back(changed(body));
    return result;
  }
  return attribute;
}

}  // namespace

void Graph::set_capture_outer(ValueId capture, ValueId outer) {
  CYCLOID_CHECK(alive(capture) && value(capture).kind == Value::Kind::kCapture);
  for (const ValueId other : captures_) {
    if (other == capture || value(other).outer != outer) continue;
    replace_uses(capture, other);  // one capture a value
    erase_value(capture);
    return;
  }
  values_[capture.index].value.outer = outer;
}

void Graph::replace_uses(ValueId from, ValueId to) {
  CYCLOID_CHECK(alive(from) && alive(to));
  if (from == to) return;
  const std::vector<Use> uses = value(from).uses;
  for (const Use use : uses) {
    if (use.input != Use::kCaptured) {
      set_input(use.node, use.input, to);
      continue;
    }
    const Attributes attributes = node(use.node).attributes;
    for (const auto& [name, attribute] : attributes) {
      if (std::holds_alternative<GraphPtr>(attribute) || std::holds_alternative<std::vector<GraphPtr>>(attribute)) {
        set_attribute(use.node, name, recapture(attribute, from, to));
      }
    }
  }
  std::ranges::replace(outputs_, from, to);
}

void Graph::erase_node(NodeId id) {
  CYCLOID_CHECK(alive(id));
  Node& node = nodes_[id.index].node;
  for (const ValueId output : node.outputs) {
    if (!output.valid()) continue;
    CYCLOID_CHECK(is_dead(output));
    by_name_.erase(value(output).name);
    values_[output.index] = {{}, false};
  }
  for (std::uint32_t i = 0; i < node.inputs.size(); ++i) {
    if (node.inputs[i].valid()) remove_use(node.inputs[i], {id, i});
  }
  for (const ValueId outer : captured_by(node)) remove_use(outer, {id, Use::kCaptured});
  nodes_[id.index] = {{}, false};
  order_.erase(std::ranges::find(order_, id));
}

void Graph::erase_value(ValueId id) {
  CYCLOID_CHECK(alive(id) && is_dead(id) && value(id).kind != Value::Kind::kOutput);
  std::erase(inputs_, id);
  std::erase(captures_, id);
  by_name_.erase(value(id).name);
  values_[id.index] = {{}, false};
}

std::size_t Graph::remove_dead() {
  std::size_t removed = 0;
  const std::vector<NodeId> nodes(order_.rbegin(), order_.rend());
  for (const NodeId id : nodes) {
    const auto& outputs = node(id).outputs;
    if (!std::ranges::all_of(outputs, [&](ValueId output) { return !output.valid() || is_dead(output); })) continue;
    erase_node(id);
    ++removed;
  }
  for (const ValueId id : values()) {
    const Value::Kind kind = value(id).kind;
    if ((kind == Value::Kind::kConstant || kind == Value::Kind::kCapture) && is_dead(id)) erase_value(id);
  }
  return removed;
}

Status Graph::sort() {
  // Kahn's algorithm; among ready nodes the earlier one in the present order goes first, so a sorted graph stays as it is.
  std::map<NodeId, std::size_t> position;
  for (std::size_t i = 0; i < order_.size(); ++i) position.emplace(order_[i], i);
  std::vector<std::size_t> missing(order_.size(), 0);  // uses of values that are not made yet
  for (const NodeId id : order_) {
    for (const ValueId output : node(id).outputs) {
      if (!output.valid()) continue;
      for (const Use use : value(output).uses) ++missing[position.at(use.node)];
    }
  }
  std::vector<std::size_t> ready;  // a min-heap of positions
  for (std::size_t i = 0; i < order_.size(); ++i) {
    if (missing[i] == 0) ready.push_back(i);
  }
  std::ranges::make_heap(ready, std::greater<>());
  std::vector<NodeId> sorted;
  while (!ready.empty()) {
    std::ranges::pop_heap(ready, std::greater<>());
    const NodeId id = order_[ready.back()];
    ready.pop_back();
    sorted.push_back(id);
    for (const ValueId output : node(id).outputs) {
      if (!output.valid()) continue;
      for (const Use use : value(output).uses) {
        if (--missing[position.at(use.node)] != 0) continue;
        ready.push_back(position.at(use.node));
        std::ranges::push_heap(ready, std::greater<>());
      }
    }
  }
  if (sorted.size() != order_.size()) {
    for (std::size_t i = 0; i < order_.size(); ++i) {
      if (missing[i] != 0)
        return invalid_model("{} is part of a cycle, or depends on one", describe(*this, node(order_[i])));
    }
  }
  order_ = std::move(sorted);
  return {};
}

std::string describe(const Graph& graph, const Node& node) {
  const std::string op = node.domain.empty() ? node.op_type : node.domain + "." + node.op_type;
  std::string name = node.name;
  for (const ValueId output : node.outputs) {
    if (!name.empty()) break;
    if (output.valid()) name = graph.value(output).name;
  }
  return fmt::format("node '{}' ({})", name, op);
}

void for_each_subgraph(const Node& node, const std::function<void(const std::string&, const Graph&)>& visit) {
  for (const auto& [name, attribute] : node.attributes) {
    if (const auto* body = std::get_if<GraphPtr>(&attribute)) visit(name, **body);
    if (const auto* bodies = std::get_if<std::vector<GraphPtr>>(&attribute)) {
      for (const GraphPtr& body : *bodies) visit(name, *body);
    }
  }
}

std::size_t count_nodes(const Graph& graph) {
  std::size_t count = graph.node_count();
  for (const NodeId id : graph.nodes()) {
    for_each_subgraph(graph.node(id), [&](const std::string&, const Graph& body) { count += count_nodes(body); });
  }
  return count;
}

}  // namespace cycloid
