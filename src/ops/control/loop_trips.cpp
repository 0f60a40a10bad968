#include "ops/control/loop_trips.h"

#include <algorithm>
#include <map>
#include <set>

#include "ops/op.h"

namespace cycloid {
namespace {

using ConstantOf = std::function<const Tensor*(ValueId)>;

constexpr std::int64_t kMostTrips = 4096;
constexpr std::size_t kMostNodes = 64;  // that decide

// The part of a loop's body that its condition depends on.
class Decision {
 public:
  Decision(const ModelIr& model, const ConstantOf& constant, const Node& loop, const Graph& body)
      : model_(model), constant_(constant), loop_(loop), body_(body) {}

  // False: it depends on more than constants.
  bool find() {
    std::vector<ValueId> pending{body_.outputs()[0]};
    while (!pending.empty()) {
      const ValueId id = pending.back();
      pending.pop_back();
      if (!id.valid() || !needed_.insert(id).second) continue;
      const Value& value = body_.value(id);
      if (value.kind == Value::Kind::kOutput) {
        if (!can_run(body_.node(value.producer))) return false;
        const auto& inputs = body_.node(value.producer).inputs;
        pending.insert(pending.end(), inputs.begin(), inputs.end());
      } else if (value.kind == Value::Kind::kInput) {
        const auto at = static_cast<std::size_t>(std::ranges::find(body_.inputs(), id) - body_.inputs().begin());
        if (at < 2) continue;
        const Tensor* first = constant_(loop_.inputs[at]);
        if (first == nullptr) return false;
        values_.insert_or_assign(id, *first);
        carried_.push_back(at);
        pending.push_back(body_.outputs()[at - 1]);
      } else {
        const Tensor* constant = value.kind == Value::Kind::kCapture ? constant_(value.outer) : &value.constant;
        if (constant == nullptr) return false;
        values_.insert_or_assign(id, *constant);
      }
    }
    for (const NodeId id : body_.nodes()) {
      const auto& outputs = body_.node(id).outputs;
      if (std::ranges::any_of(outputs, [&](ValueId output) { return needed_.contains(output); })) nodes_.push_back(id);
    }
    return nodes_.size() <= kMostNodes;
  }

  // How often the body runs, at most `most` times; nullopt where that cannot be told.
  std::optional<std::int64_t> trips(std::int64_t most) {
    for (std::int64_t i = 0; i < most; ++i) {
      if (i == kMostTrips || !run_once(i)) return std::nullopt;
      const Tensor* goes_on = values_.at(body_.outputs()[0]).tensor();
      if (goes_on == nullptr || goes_on->dtype() != DType::kBool || goes_on->element_count() != 1) return std::nullopt;
      if (!goes_on->data<bool>()[0]) return i + 1;
    }
    return most;
  }

 private:
  bool can_run(const Node& node) const {
    const Op* op = find_op(node.domain, node.op_type);
    bool has_body = false;
    for_each_subgraph(node, [&](const std::string&, const Graph&) { has_body = true; });
    return op != nullptr && !op->random && !has_body;
  }

  bool run_once(std::int64_t iteration) {
    values_.insert_or_assign(body_.inputs()[0], Tensor::scalar<std::int64_t>(iteration));
    values_.insert_or_assign(body_.inputs()[1], Tensor::scalar<bool>(true));
    for (const NodeId id : nodes_) {
      const Node& node = body_.node(id);
      std::vector<const Datum*> inputs;
      for (const ValueId input : node.inputs) inputs.push_back(input.valid() ? &values_.at(input) : nullptr);
      const EvaluateLimits limits{.max_bytes = std::size_t{1} << 20, .max_node_runs = 1};
      auto outputs = evaluate_node(model_, body_, node, inputs, [](ValueId) { return nullptr; }, limits);
      if (!outputs) return false;
      for (std::size_t i = 0; i < node.outputs.size(); ++i) {
        if (node.outputs[i].valid()) values_.insert_or_assign(node.outputs[i], std::move((*outputs)[i]));
      }
    }
    std::vector<Datum> next;
    for (const std::size_t at : carried_) next.push_back(values_.at(body_.outputs()[at - 1]));
    for (std::size_t i = 0; i < carried_.size(); ++i) values_.insert_or_assign(body_.inputs()[carried_[i]], next[i]);
    return true;
  }

  const ModelIr& model_;
  const ConstantOf& constant_;
  const Node& loop_;
  const Graph& body_;
  std::set<ValueId> needed_;
  std::vector<std::size_t> carried_;  // inputs of the body
  std::vector<NodeId> nodes_;
  std::map<ValueId, Datum> values_;
};

// Whether the loop begins at all; nullopt where that is not constant.
std::optional<bool> begins(const ConstantOf& constant, const Node& loop) {
  if (loop.inputs.size() < 2 || !loop.inputs[1].valid()) return true;
  const Tensor* condition = constant(loop.inputs[1]);
  if (condition == nullptr || condition->dtype() != DType::kBool || condition->element_count() != 1)
    return std::nullopt;
  return condition->data<bool>()[0];
}

}  // namespace

std::optional<std::int64_t> loop_trips(const ModelIr& model, const Node& loop, const Graph& body,
                                       const std::function<const Tensor*(ValueId)>& constant) {
  const std::size_t inputs = body.inputs().size();
  if (inputs < 2 || loop.inputs.size() != inputs || body.outputs().size() + 1 < inputs) return std::nullopt;
  std::int64_t most = INT64_MAX;
  if (loop.inputs[0].valid()) {
    const Tensor* given = constant(loop.inputs[0]);
    if (given == nullptr || given->dtype() != DType::kInt64 || given->element_count() != 1) return std::nullopt;
    most = std::max<std::int64_t>(given->data<std::int64_t>()[0], 0);
  }
  const auto begin = begins(constant, loop);
  Decision decision(model, constant, loop, body);
  if (!begin || !decision.find()) return std::nullopt;
  return *begin ? decision.trips(most) : std::optional<std::int64_t>(0);
}

Graph body_that_goes_on(const Graph& body) {
  Graph counted = body;
  Node goes_on;
  goes_on.op_type = "Identity";
  goes_on.inputs = {counted.inputs()[1]};
  const NodeId made = counted.add_node(std::move(goes_on), {{"goes_on", ValueType::tensor(DType::kBool, Shape{})}});
  std::vector<ValueId> outputs(counted.outputs().begin(), counted.outputs().end());
  outputs[0] = counted.node(made).outputs[0];
  counted.set_outputs(std::move(outputs));
  counted.remove_dead();
  return counted;
}

}  // namespace cycloid
