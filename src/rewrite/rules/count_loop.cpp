// loop(while c(k), k = k + 1, ...) => loop(n, ...) where the condition depends on constants alone
//
// What an exported `while` leaves: counters that start at constants and steps that are constants. The part of the body
// that decides is run now, until it says stop.
#include <algorithm>
#include <map>
#include <set>

#include "ops/op.h"
#include "rewrite/loop_form.h"
#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Loop"};
constexpr std::int64_t kMostTrips = 4096;
constexpr std::size_t kMostNodes = 64;  // that decide

// The part of a loop's body that its condition depends on.
class Decision {
 public:
  Decision(const RuleContext& context, const Node& loop, const Graph& body)
      : context_(context), loop_(loop), body_(body) {}

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
        const Tensor* first = context_.constant(loop_.inputs[at]);
        if (first == nullptr) return false;
        values_.insert_or_assign(id, *first);
        carried_.push_back(at);
        pending.push_back(body_.outputs()[at - 1]);
      } else {
        const Tensor* constant = value.kind == Value::Kind::kCapture ? context_.constant(value.outer) : &value.constant;
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
      auto outputs = evaluate_node(context_.model, body_, node, inputs, [](ValueId) { return nullptr; }, limits);
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

  const RuleContext& context_;
  const Node& loop_;
  const Graph& body_;
  std::set<ValueId> needed_;
  std::vector<std::size_t> carried_;  // inputs of the body
  std::vector<NodeId> nodes_;
  std::map<ValueId, Datum> values_;
};

// Whether the loop begins at all; nullopt where that is not constant.
std::optional<bool> begins(const RuleContext& context, const Node& loop) {
  if (!has_input(loop, 1)) return true;
  const Tensor* condition = context.constant(loop.inputs[1]);
  if (condition == nullptr || condition->dtype() != DType::kBool || condition->element_count() != 1)
    return std::nullopt;
  return condition->data<bool>()[0];
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& loop = context.graph.node(root);
  const auto body = get_graph(loop, "body");
  if (!body || loop_form(context, loop)) return std::nullopt;  // already counted
  const std::size_t inputs = (*body)->inputs().size();
  if (inputs < 2 || loop.inputs.size() != inputs || (*body)->outputs().size() + 1 < inputs) return std::nullopt;
  std::int64_t most = INT64_MAX;
  if (has_input(loop, 0)) {
    const auto given = context.constant_ints(loop.inputs[0]);
    if (!given || given->size() != 1) return std::nullopt;
    most = std::max<std::int64_t>((*given)[0], 0);
  }
  const auto begin = begins(context, loop);
  Decision decision(context, loop, **body);
  if (!begin || !decision.find()) return std::nullopt;
  const auto trips = *begin ? decision.trips(most) : std::optional<std::int64_t>(0);
  if (!trips) return std::nullopt;

  Graph counted = **body;
  Node goes_on;
  goes_on.op_type = "Identity";
  goes_on.inputs = {counted.inputs()[1]};
  const NodeId made = counted.add_node(std::move(goes_on), {{"goes_on", ValueType::tensor(DType::kBool, Shape{})}});
  std::vector<ValueId> outputs(counted.outputs().begin(), counted.outputs().end());
  outputs[0] = counted.node(made).outputs[0];
  counted.set_outputs(std::move(outputs));
  counted.remove_dead();
  Patch patch;
  std::vector<Patch::Ref> refs{patch.constant("trips", Tensor::scalar<std::int64_t>(*trips)),
                               patch.constant("yes", Tensor::scalar<bool>(true))};
  for (std::size_t i = 2; i < loop.inputs.size(); ++i) refs.emplace_back(loop.inputs[i]);
  const auto results = patch.node_with_outputs(loop.outputs.size(), "Loop", std::move(refs),
                                               {{"body", GraphPtr(std::make_shared<const Graph>(std::move(counted)))}});
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (output_wanted(context.graph, loop, i)) patch.replace(loop.outputs[i], results[i]);
  }
  return patch;
}

}  // namespace

const Rule kCountLoop = {
    .name = "count-loop",
    .law = "loop(while c(k)) => loop(n) where the condition depends on constants alone",
    .why = "How often the loop runs follows from its counters, and is the same in every run.",
    .kind = RuleKind::kParallelBranches,
    .exact = false,  // the same operations, but those that a loop had before its body was changed may round otherwise
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
