#include "plan/lowering/late.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "ops/op.h"
#include "ops/rounding.h"
#include "plan/late_plans.h"
#include "plan/lowering/body.h"
#include "plan/lowering/fallible.h"

namespace cycloid {
namespace {

class LateStep final : public Step {
 public:
  LateStep(std::shared_ptr<const Plan> open, std::shared_ptr<LatePlans> plans, std::string where)
      : open_{.plan = std::move(open), .captures = {}}, plans_(std::move(plans)), where_(std::move(where)) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    run_fallible(context, begin, end, where_, [&] { return compute(context); });
  }

  std::vector<Operand> inputs, outputs;

 private:
  Status compute(const StepContext& context) const {
    std::vector<Dims> dims;
    for (const Operand& input : inputs) {
      if (input.kind == Operand::Kind::kPlace) {
        dims.push_back(input.place.dims);
        continue;
      }
      const Tensor* tensor = context.run->slots[input.slot].tensor();
      if (tensor == nullptr) return invalid_model("an input is no tensor");
      dims.push_back(tensor->dims());
    }
    CYCLOID_ASSIGN(const std::shared_ptr<const Plan> plan, plans_->find(dims));
    if (plan == nullptr) return run_plan(context, open_);
    return run_plan(context, {.plan = plan, .captures = {}});
  }

  Status run_plan(const StepContext& context, const Body& body) const {
    const Plan& plan = *body.plan;
    CYCLOID_ASSIGN(Tensor memory, plans_->take_memory(plan, BodyRun::scratch_bytes(plan)));
    const Status status = run_in(context, body, memory.mutable_bytes());
    plans_->give_back(plan, std::move(memory));
    return status;
  }

  Status run_in(const StepContext& context, const Body& body, std::byte* memory) const {
    const Plan& plan = *body.plan;
    BodyRun run(body, context, memory);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!plan.inputs[i]) continue;
      const bool in_slot = plan.buffers[plan.inputs[i]->index].kind == Buffer::Kind::kSlot;
      if (inputs[i].kind == Operand::Kind::kPlace)
        run.set_input(i, context.at<const std::byte>(inputs[i].place));
      else if (in_slot)
        run.set_input(i, context.run->slots[inputs[i].slot]);
      else
        run.set_input(i, context.run->slots[inputs[i].slot].tensor()->bytes());
    }
    return run.run_into(context, outputs);
  }

  const Body open_;  // for all shapes, by reference evaluation
  const std::shared_ptr<LatePlans> plans_;
  const std::string where_;
};

bool is_numbers(const Lowering& lowering, ValueId id) {
  const ValueType& type = lowering.graph().value(id).type;
  return type.is_tensor() && size_of(type.dtype) > 0;
}

// What a node reads: its inputs, and what its subgraphs capture.
std::vector<ValueId> read_by(const Node& node) {
  std::vector<ValueId> values;
  for (const ValueId input : node.inputs) {
    if (input.valid()) values.push_back(input);
  }
  for_each_subgraph(node, [&](const std::string&, const Graph& body) {
    for (const ValueId capture : body.captures()) values.push_back(body.value(capture).outer);
  });
  return values;
}

// Whether kernels may round the results of these nodes otherwise than the reference evaluation does: a single sum or product is
// rounded once by both, of several a kernel may fuse two.
bool may_round(const Graph& graph, std::span<const NodeId> nodes) {
  int rounded = 0;
  for (const NodeId id : nodes) {
    const Node& node = graph.node(id);
    const auto is_floats = [&](ValueId v) {
      return v.valid() && (!graph.value(v).type.is_tensor() || is_floating_point(graph.value(v).type.dtype));
    };
    if (std::ranges::none_of(read_by(node), is_floats) && std::ranges::none_of(node.outputs, is_floats)) continue;
    const Rounding rounding = rounding_of(node);
    if (rounding == Rounding::kNone) continue;
    if (rounding == Rounding::kAny || ++rounded > 1) return true;
  }
  return false;
}

// The part as a model of its own, with these inputs and outputs.
ModelIr part_of(const Lowering& lowering, const std::vector<ValueId>& inputs, const std::vector<ValueId>& outputs) {
  ModelIr part;
  part.graph = lowering.graph();
  part.opsets = lowering.model().opsets;
  part.functions = lowering.model().functions;
  part.ir_version = lowering.model().ir_version;
  Graph& graph = part.graph;
  const std::vector<ValueId> before(graph.inputs().begin(), graph.inputs().end());
  for (const ValueId input : inputs) {
    const Value value = graph.value(input);
    graph.replace_uses(input, graph.add_input(value.name, value.type));
  }
  graph.set_outputs(outputs);
  graph.remove_dead();
  for (const ValueId input : before) graph.erase_value(input);
  return part;
}

}  // namespace

bool is_heavy(const Node& node) {
  static constexpr std::string_view kOps[] = {"Attention",
                                              "Conv",
                                              "ConvTranspose",
                                              "Einsum",
                                              "GRU",
                                              "Gemm",
                                              "GridSample",
                                              "LSTM",
                                              "Loop",
                                              "MatMul",
                                              "MatMulInteger",
                                              "MultiHeadAttention",
                                              "QLinearConv",
                                              "RNN",
                                              "Resize",
                                              "Scan",
                                              "TreeEnsemble",
                                              "TreeEnsembleClassifier",
                                              "TreeEnsembleRegressor"};
  return std::ranges::find(kOps, node.op_type) != std::end(kOps);
}

bool is_late(const Lowering& lowering, ValueId id) {
  return id.valid() && lowering.constant(id) == nullptr && lowering.dims(id) == nullptr && is_numbers(lowering, id);
}

bool is_late_node(const Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const std::vector<ValueId> reads = read_by(node);
  const bool late = std::ranges::any_of(reads, [&](ValueId v) { return is_late(lowering, v); });
  const bool numbers =
      std::ranges::all_of(reads,
                          [&](ValueId v) { return lowering.constant(v) != nullptr || is_numbers(lowering, v); }) &&
      std::ranges::all_of(node.outputs, [&](ValueId v) { return !v.valid() || is_numbers(lowering, v); });
  const Op* op = find_op(node.domain, node.op_type);
  return late && numbers && op != nullptr && !op->random;
}

bool is_ready(const Lowering& lowering, NodeId id) {
  return std::ranges::all_of(read_by(lowering.graph().node(id)), [&](ValueId v) { return lowering.available(v); });
}

std::vector<NodeId> late_nodes(const Lowering& lowering, std::span<const NodeId> order,
                               const std::vector<bool>& lowered) {
  std::vector<NodeId> nodes;
  std::set<ValueId> made, later;
  for (const NodeId id : order) {
    if (lowered[id.index]) continue;
    const Node& node = lowering.graph().node(id);
    const std::vector<ValueId> reads = read_by(node);
    const bool waits = std::ranges::any_of(reads, [&](ValueId v) { return later.contains(v); });
    const bool takes = !waits && is_late_node(lowering, id) &&
                       std::ranges::all_of(reads, [&](ValueId v) { return made.contains(v) || lowering.available(v); });
    if (takes) nodes.push_back(id);
    std::set<ValueId>& gives = takes ? made : later;
    for (const ValueId output : node.outputs) {
      if (output.valid()) gives.insert(output);
    }
  }
  return nodes;
}

Status lower_late(Lowering& lowering, const std::vector<NodeId>& nodes) {
  const Graph& graph = lowering.graph();
  const std::set<NodeId> own(nodes.begin(), nodes.end());
  std::set<ValueId> made;
  std::vector<ValueId> inputs, outputs;
  bool at_once = may_round(graph, nodes);
  for (const NodeId id : nodes) {
    const Node& node = graph.node(id);
    at_once = at_once || is_heavy(node);
    for (const ValueId value : read_by(node)) {
      const bool known = made.contains(value) || lowering.constant(value) != nullptr;
      if (!known && std::ranges::find(inputs, value) == inputs.end()) inputs.push_back(value);
    }
    for (const ValueId output : node.outputs) {
      if (output.valid()) made.insert(output);
    }
  }
  for (const ValueId value : made) {
    const bool used =
        std::ranges::any_of(graph.value(value).uses, [&](const Use& use) { return !own.contains(use.node); });
    if (used || graph.is_output(value)) outputs.push_back(value);
  }

  const auto part = std::make_shared<const ModelIr>(part_of(lowering, inputs, outputs));
  PlanOptions options = lowering.options();
  options.tuner = nullptr;
  PlanOptions open_options = options;
  open_options.reference = true;
  open_options.threads = 1;
  std::vector<std::optional<Dims>> open_dims;
  std::string late;
  Lowering::Draft draft{.nodes = nodes, .kernel = "plans for shapes met", .cost_ns = 20'000};
  std::vector<Operand> input_operands, output_operands;
  for (const ValueId value : inputs) {
    const Dims* dims = lowering.dims(value);
    open_dims.push_back(dims == nullptr ? std::nullopt : std::optional(*dims));
    if (dims == nullptr) late += (late.empty() ? "'" : ", '") + graph.value(value).name + "'";
    input_operands.push_back(read_operand(lowering, value, draft));
  }
  for (const ValueId value : outputs) output_operands.push_back(write_operand(lowering, value, draft));
  const std::string where = describe(graph, graph.node(nodes.front()));
  auto open = build_plan(part, open_dims, open_options);
  if (!open) return open.error().in(where);
  auto step = std::make_unique<LateStep>(std::move(*open), std::make_shared<LatePlans>(part, options, at_once), where);
  step->inputs = std::move(input_operands);
  step->outputs = std::move(output_operands);
  draft.reason = fmt::format("the shape of {} depends on data", late);
  lowering.add(std::move(step), std::move(draft));
  return {};
}

}  // namespace cycloid
