// Steps that run by the operators' reference evaluation: every operator, every kind of value.
#include <cstring>
#include <new>
#include <optional>
#include <stdexcept>

#include "base/error.h"
#include "ops/op.h"
#include "plan/lowering/lowering.h"

namespace cycloid {
namespace {

// Where a step finds or leaves a value.
struct Operand {
  enum class Kind { kAbsent, kConstant, kPlace, kSlot };
  Kind kind = Kind::kAbsent;
  Datum constant;
  Place place;
  std::uint32_t slot = 0;
};

class ReferenceStep final : public Step {
 public:
  ReferenceStep(const ModelIr& model, const Node& node) : model_(model), node_(node) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    if (begin == end || context.run->failed.load(std::memory_order_acquire)) return;
    const BoundsScope scope(context.run->bounds);
    // What operators keep beside tensors is bounded by these, but the machine may have less.
    try {
      if (Status status = evaluate(context); !status) context.run->fail(status.error());
    } catch (const std::bad_alloc&) {
      context.run->fail(make_error(ErrorCode::kResourceExhausted, "{}: no memory", describe(model_.graph, node_)));
    } catch (const std::length_error&) {
      context.run->fail(make_error(ErrorCode::kResourceExhausted, "{}: no memory", describe(model_.graph, node_)));
    }
  }

  std::vector<Operand> inputs, outputs;
  std::vector<std::pair<ValueId, Operand>> captures;

 private:
  Result<Datum> get(const StepContext& context, const Operand& operand, bool keep) const {
    switch (operand.kind) {
      case Operand::Kind::kAbsent: return Datum();
      case Operand::Kind::kConstant: return operand.constant;
      case Operand::Kind::kSlot: return context.run->slots[operand.slot];
      case Operand::Kind::kPlace: break;
    }
    const Place& place = operand.place;
    const std::byte* from = context.at<const std::byte>(place);
    if (!keep) return Datum(Tensor::borrow(place.dtype, place.dims, from, nullptr));
    CYCLOID_ASSIGN(Tensor copy, Tensor::empty(place.dtype, place.dims));
    if (copy.byte_count() > 0) std::memcpy(copy.mutable_bytes(), from, copy.byte_count());
    return Datum(std::move(copy));
  }

  Status evaluate(const StepContext& context) const {
    // A result may share the memory of an argument, and what goes into a slot may outlive this step's memory.
    bool keep = false;
    for (const Operand& output : outputs) keep = keep || output.kind == Operand::Kind::kSlot;
    std::vector<Datum> arguments(inputs.size());
    std::vector<const Datum*> pointers(inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i].kind == Operand::Kind::kAbsent) continue;
      CYCLOID_ASSIGN(arguments[i], get(context, inputs[i], keep));
      pointers[i] = &arguments[i];
    }
    std::map<ValueId, Datum> captured;
    for (const auto& [id, operand] : captures) {
      CYCLOID_ASSIGN(captured[id], get(context, operand, keep));
    }
    const auto find = [&](ValueId id) -> const Datum* {
      const auto found = captured.find(id);
      return found == captured.end() ? nullptr : &found->second;
    };
    CYCLOID_ASSIGN(std::vector<Datum> results, evaluate_node(model_, model_.graph, node_, pointers, find));
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].kind == Operand::Kind::kAbsent) continue;
      if (i >= results.size()) return invalid_model("{}: output {} was not computed", describe(model_.graph, node_), i);
      CYCLOID_TRY(put(context, outputs[i], std::move(results[i]), i));
    }
    return {};
  }

  Status put(const StepContext& context, const Operand& operand, Datum result, std::size_t i) const {
    if (operand.kind == Operand::Kind::kSlot) {
      context.run->slots[operand.slot] = std::move(result);
      return {};
    }
    const Tensor* tensor = result.tensor();
    const Place& place = operand.place;
    if (tensor == nullptr || tensor->dtype() != place.dtype || tensor->dims() != place.dims) {
      return invalid_model("{}: output {} is {}, but {} {} was inferred", describe(model_.graph, node_), i,
                           tensor == nullptr
                               ? std::string("no tensor")
                               : fmt::format("{} {}", to_string(tensor->dtype()), to_string(tensor->dims())),
                           to_string(place.dtype), to_string(place.dims));
    }
    if (tensor->byte_count() > 0) std::memcpy(context.at<std::byte>(place), tensor->bytes(), tensor->byte_count());
    return {};
  }

  const ModelIr& model_;
  const Node& node_;
};

class ConstantSlotStep final : public Step {
 public:
  ConstantSlotStep(Tensor tensor, std::uint32_t slot) : tensor_(std::move(tensor)), slot_(slot) {}
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    if (begin < end) context.run->slots[slot_] = tensor_;
  }

 private:
  Tensor tensor_;
  std::uint32_t slot_;
};

Operand read_operand(Lowering& lowering, ValueId id, Lowering::Draft& draft) {
  Operand operand;
  if (!id.valid()) return operand;
  if (const Tensor* tensor = lowering.constant(id)) {
    operand.kind = Operand::Kind::kConstant;
    operand.constant = *tensor;
  } else if (lowering.dims(id) != nullptr) {
    operand.kind = Operand::Kind::kPlace;
    operand.place = lowering.read(id, Layout::kRowMajor);
    draft.reads.push_back(operand.place);
  } else {
    operand.kind = Operand::Kind::kSlot;
    operand.slot = lowering.slot(id);
    draft.uses.push_back({.buffer = lowering.slot_buffer(operand.slot)});
  }
  return operand;
}

}  // namespace

Status lower_reference(Lowering& lowering, NodeId id, std::string reason) {
  const Graph& graph = lowering.graph();
  const Node& node = graph.node(id);
  if (find_op(node.domain, node.op_type) == nullptr) {
    return unsupported("{}: operator '{}' of domain '{}' is not supported", describe(graph, node), node.op_type,
                       node.domain.empty() ? "ai.onnx" : node.domain);
  }
  auto step = std::make_unique<ReferenceStep>(lowering.model(), node);
  Lowering::Draft draft{.nodes = {id}, .kernel = "reference", .reason = std::move(reason)};
  for (const ValueId input : node.inputs) step->inputs.push_back(read_operand(lowering, input, draft));
  for_each_subgraph(node, [&](const std::string&, const Graph& body) {
    for (const ValueId capture : body.captures()) {
      const ValueId outer = body.value(capture).outer;
      step->captures.emplace_back(outer, read_operand(lowering, outer, draft));
    }
  });
  for (const ValueId output : node.outputs) {
    Operand& operand = step->outputs.emplace_back();
    if (!output.valid()) continue;
    if (lowering.dims(output) != nullptr) {
      operand.kind = Operand::Kind::kPlace;
      operand.place = lowering.define(output, Layout::kRowMajor);
      draft.writes.push_back(operand.place);
    } else {
      operand.kind = Operand::Kind::kSlot;
      operand.slot = lowering.slot(output);
      draft.uses.push_back({.buffer = lowering.slot_buffer(operand.slot), .write = true});
    }
  }
  if (const Result<Cost> cost = cost_of(graph, node); cost)
    draft.flops = static_cast<double>(cost->flops.known().value_or(0));
  draft.speed = 0.01;  // scalar code, written for clarity
  lowering.add(std::move(step), std::move(draft));
  return {};
}

void add_constant_slot(Lowering& lowering, const Tensor& tensor, std::uint32_t slot) {
  Lowering::Draft draft{
      .op = "constant", .kernel = "copy", .uses = {{.buffer = lowering.slot_buffer(slot), .write = true}}};
  lowering.add(std::make_unique<ConstantSlotStep>(tensor, slot), std::move(draft));
}

}  // namespace cycloid
