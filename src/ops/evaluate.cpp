#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/work_bounds.h"
#include "ops/element_bytes.h"
#include "ops/op.h"
#include "tensor/endless.h"

namespace cycloid {
namespace {

constexpr int kMaxDepth = 64;  // of nested subgraphs

using Captures = std::function<const Datum*(ValueId)>;
using Bindings = std::map<std::string, std::int64_t, std::less<>>;

// What a value takes beside what its tensors have charged to the memory budget: the characters of strings.
std::size_t bytes_of(const Datum& datum) {
  std::size_t bytes = 0;
  if (const Tensor* tensor = datum.tensor(); tensor != nullptr && tensor->dtype() == DType::kString) {
    for (const std::string& text : tensor->data<std::string>()) bytes += text.size();
  } else if (const Sequence* sequence = datum.sequence()) {
    bytes += sequence->items.size() * sizeof(Datum);
    for (const Datum& item : sequence->items) bytes += bytes_of(item);
  }
  return bytes;
}

Status check_rows(std::span<const Datum* const> inputs) {
  for (const Datum* input : inputs) {
    const Tensor* tensor = input != nullptr ? input->tensor() : nullptr;
    if (tensor == nullptr || !is_endless_nothing(tensor->dims())) continue;
    return make_error(ErrorCode::kResourceExhausted, "an input of shape {} has no elements, but too many rows",
                      to_string(tensor->dims()));
  }
  return {};
}

// When each value of a graph is needed for the last time.
struct Schedule {
  std::size_t slots = 0;                   // one more than the largest value id
  std::vector<std::vector<ValueId>> done;  // by position in graph.nodes(): values that no later node needs

  explicit Schedule(const Graph& graph) : done(graph.node_count()) {
    std::map<ValueId, std::size_t> last;
    for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
      const Node& node = graph.node(graph.nodes()[i]);
      const auto use = [&](ValueId id) {
        if (id.valid()) last[id] = i;
      };
      std::ranges::for_each(node.inputs, use);
      std::ranges::for_each(node.outputs, use);
      for_each_subgraph(node, [&](const std::string&, const Graph& body) {
        for (const ValueId id : body.captures()) use(body.value(id).outer);
      });
    }
    for (const ValueId id : graph.values()) slots = std::max<std::size_t>(slots, id.index + 1);
    for (const auto& [id, i] : last) {
      if (!graph.is_output(id)) done[i].push_back(id);
    }
  }
};

class Interpreter {
 public:
  Interpreter(const ModelIr& model, const EvaluateLimits& limits) : model_(model), limits_(limits) {}

  Result<std::vector<Datum>> run(const Graph& graph, std::span<const Datum> inputs, const Captures& captures,
                                 int depth);
  Result<std::vector<Datum>> run_node(const Graph& graph, const Node& node, std::span<const Datum* const> inputs,
                                      const Captures& captures, int depth);

  void bind(const ValueType& type, const Tensor& tensor);
  Status check(const ValueType& type, const Datum& datum) const;

  const ModelIr& model() const { return model_; }
  // Of the budget in force (the caller's, and this evaluation's own limit), less what strings take.
  std::size_t bytes_left() const {
    const WorkBounds* bounds = work_bounds();
    if (bounds == nullptr || bounds->memory == nullptr) return SIZE_MAX;
    const std::size_t left = bounds->memory->left();
    return left - std::min(left, live_bytes_);
  }
  Status count_run() {
    if (++node_runs_ <= limits_.max_node_runs) return {};
    return make_error(ErrorCode::kResourceExhausted, "the limit of {} node runs is reached", limits_.max_node_runs);
  }
  // After each node: its results are there now.
  Status check_memory() const {
    const WorkBounds* bounds = work_bounds();
    if (bounds == nullptr || bounds->memory == nullptr) return {};
    CYCLOID_TRY(bounds->memory->check());
    if (live_bytes_ <= bounds->memory->left()) return {};
    return make_error(ErrorCode::kResourceExhausted, "the limit for the memory of values (max_memory) is reached");
  }

 private:
  friend class Frame;

  const ModelIr& model_;
  const EvaluateLimits& limits_;
  std::size_t live_bytes_ = 0;  // of strings in frames
  std::int64_t node_runs_ = 0;
  Bindings bindings_;
  std::map<const Graph*, Schedule> schedules_;
};

// The values of one run of one graph.
class Frame {
 public:
  Frame(Interpreter& interpreter, const Graph& graph, const Captures& captures, std::size_t slots)
      : interpreter_(interpreter), graph_(graph), captures_(captures), slots_(slots), sizes_(slots, 0) {}
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;
  ~Frame() {
    for (const std::size_t size : sizes_) interpreter_.live_bytes_ -= size;
  }

  Status set(ValueId id, Datum datum) {
    sizes_[id.index] = bytes_of(datum);
    interpreter_.live_bytes_ += sizes_[id.index];
    slots_[id.index] = std::move(datum);
    return interpreter_.check_memory();
  }
  void free(ValueId id) {
    if (graph_.value(id).kind != Value::Kind::kOutput) return;
    interpreter_.live_bytes_ -= sizes_[id.index];
    sizes_[id.index] = 0;
    slots_[id.index].reset();
  }
  const Datum* get(ValueId id) {
    if (!id.valid()) return nullptr;
    const Value& value = graph_.value(id);
    if (value.kind == Value::Kind::kCapture) return captures_(value.outer);
    auto& slot = slots_[id.index];
    if (!slot && value.kind == Value::Kind::kConstant) slot = Datum(value.constant);
    return slot ? &*slot : nullptr;
  }

 private:
  Interpreter& interpreter_;
  const Graph& graph_;
  const Captures& captures_;
  std::vector<std::optional<Datum>> slots_;
  std::vector<std::size_t> sizes_;
};

class NodeEvaluation final : public EvalContext {
 public:
  NodeEvaluation(Interpreter& interpreter, const Node& node, std::span<const Datum* const> inputs,
                 const Captures& captures, int depth)
      : interpreter_(interpreter), node_(node), inputs_(inputs), captures_(captures), depth_(depth) {}

  const Node& node() const override { return node_; }
  std::int64_t opset() const override {
    const auto& opsets = interpreter_.model().opsets;
    const auto at = opsets.find(node_.domain);
    if (at != opsets.end()) return at->second;
    return node_.domain.empty() ? kNewestOpset : 1;
  }
  const Datum* input(std::size_t i) const override { return i < inputs_.size() ? inputs_[i] : nullptr; }
  std::size_t bytes_left() const override { return interpreter_.bytes_left(); }

  Result<std::vector<Datum>> run_subgraph(std::string_view name, std::span<const Datum> inputs) override {
    CYCLOID_TRY(check_stop());
    CYCLOID_TRY(interpreter_.count_run());  // a body may have no nodes
    CYCLOID_ASSIGN(const GraphPtr body, get_graph(node_, name));
    return interpreter_.run(*body, inputs, captures_, depth_ + 1).in(name);
  }

 private:
  Interpreter& interpreter_;
  const Node& node_;
  std::span<const Datum* const> inputs_;
  const Captures& captures_;
  int depth_;
};

void Interpreter::bind(const ValueType& type, const Tensor& tensor) {
  if (!type.shape || type.shape->size() != tensor.rank()) return;
  for (std::size_t i = 0; i < tensor.rank(); ++i) {
    if (const auto symbol = (*type.shape)[i].as_symbol()) bindings_.emplace(*symbol, tensor.dim(i));
  }
}

Status Interpreter::check(const ValueType& type, const Datum& datum) const {
  const Tensor* tensor = datum.tensor();
  if (type.kind == ValueType::Kind::kUnknown || type.kind == ValueType::Kind::kOptional) return {};
  if (!type.is_tensor()) {
    const bool same = type.kind == ValueType::Kind::kSequence ? datum.sequence() != nullptr : datum.map() != nullptr;
    return same ? Status() : invalid_argument("is no {}", to_string(type));
  }
  if (tensor == nullptr) return invalid_argument("is no tensor, but must be {}", to_string(type));
  const auto wrong = [&] {
    return invalid_argument("is {}{}, but must be {}", to_string(tensor->dtype()), to_string(tensor->dims()),
                            to_string(type));
  };
  if (type.dtype != DType::kUndefined && type.dtype != tensor->dtype()) return wrong();
  if (!type.shape) return {};
  if (type.shape->size() != tensor->rank()) return wrong();
  for (std::size_t i = 0; i < tensor->rank(); ++i) {
    const auto size = (*type.shape)[i].evaluate(bindings_);
    if (size && *size != tensor->dim(i)) return wrong();
  }
  return {};
}

Result<std::vector<Datum>> Interpreter::run_node(const Graph& graph, const Node& node,
                                                 std::span<const Datum* const> inputs, const Captures& captures,
                                                 int depth) {
  CYCLOID_TRY(count_run());
  CYCLOID_TRY(check_stop());
  CYCLOID_TRY(check_rows(inputs));
  const Op* op = find_op(node.domain, node.op_type);
  if (op == nullptr || op->evaluate == nullptr) return unsupported("it has no reference evaluation in this build");
  NodeEvaluation context(*this, node, inputs, captures, depth);
  CYCLOID_ASSIGN(std::vector<Datum> outputs, op->evaluate(context));
  CYCLOID_TRY(check_stop());  // it may have left off for that reason
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (!node.outputs[i].valid()) continue;
    CYCLOID_CHECK(i < outputs.size());  // the operator's evaluation gives every output
    if (limits_.check_types) {
      CYCLOID_TRY(check(graph.value(node.outputs[i]).type, outputs[i]).in(fmt::format("output {}", i)));
    }
  }
  return outputs;
}

Result<std::vector<Datum>> Interpreter::run(const Graph& graph, std::span<const Datum> inputs, const Captures& captures,
                                            int depth) {
  if (depth > kMaxDepth)
    return make_error(ErrorCode::kResourceExhausted, "subgraphs are nested more than {} deep", kMaxDepth);
  if (inputs.size() != graph.inputs().size()) {
    return invalid_argument("graph '{}' has {} inputs, but is given {}", graph.name(), graph.inputs().size(),
                            inputs.size());
  }
  const Schedule& schedule = schedules_.try_emplace(&graph, graph).first->second;
  Frame frame(*this, graph, captures, schedule.slots);
  for (std::size_t i = 0; i < inputs.size(); ++i) CYCLOID_TRY(frame.set(graph.inputs()[i], inputs[i]));
  const Captures inner = [&](ValueId id) { return frame.get(id); };
  for (std::size_t position = 0; position < graph.nodes().size(); ++position) {
    const Node& node = graph.node(graph.nodes()[position]);
    std::vector<const Datum*> arguments;
    for (const ValueId id : node.inputs) arguments.push_back(frame.get(id));
    CYCLOID_ASSIGN(std::vector<Datum> outputs,
                   run_node(graph, node, arguments, inner, depth).in(describe(graph, node)));
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i].valid())
        CYCLOID_TRY(frame.set(node.outputs[i], std::move(outputs[i])).in(describe(graph, node)));
    }
    for (const ValueId id : schedule.done[position]) frame.free(id);
  }
  std::vector<Datum> outputs;
  for (const ValueId id : graph.outputs()) {
    const Datum* datum = frame.get(id);
    CYCLOID_CHECK(datum != nullptr);
    outputs.push_back(*datum);
  }
  return outputs;
}

}  // namespace

Result<const Tensor*> EvalContext::tensor(std::size_t i) const {
  const Datum* datum = input(i);
  if (datum == nullptr) return invalid_argument("input {} is absent", i);
  if (datum->tensor() == nullptr) return invalid_argument("input {} is no tensor", i);
  return datum->tensor();
}

const Tensor* EvalContext::optional_tensor(std::size_t i) const {
  const Datum* datum = input(i);
  return datum != nullptr ? datum->tensor() : nullptr;
}

Result<Tensor> EvalContext::allocate(DType dtype, Dims dims) const {
  const auto count = element_count(dims);
  const std::size_t size = element_bytes(*this, dtype);
  if (!count) return invalid_argument("an output of shape {} is too large or has a negative size", to_string(dims));
  if (static_cast<std::size_t>(*count) > bytes_left() / size) {
    return make_error(ErrorCode::kResourceExhausted,
                      "an output of shape {} needs more than the {} bytes that are left of the limit (max_memory)",
                      to_string(dims), bytes_left());
  }
  return dtype == DType::kString ? Tensor::zeros(dtype, std::move(dims)) : Tensor::empty(dtype, std::move(dims));
}

namespace {

// The bounds in force, and the evaluation's own limit as a budget within them.
WorkBounds bounds_with(const EvaluateLimits& limits) {
  WorkBounds bounds = work_bounds() != nullptr ? *work_bounds() : WorkBounds();
  if (limits.max_bytes != SIZE_MAX) bounds.memory = std::make_shared<MemoryBudget>(limits.max_bytes, bounds.memory);
  return bounds;
}

}  // namespace

Result<std::vector<Datum>> evaluate(const ModelIr& model, std::span<const Datum> inputs, const EvaluateLimits& limits) {
  const WorkBounds bounds = bounds_with(limits);
  const BoundsScope scope(bounds);
  Interpreter interpreter(model, limits);
  const Graph& graph = model.graph;
  if (inputs.size() != graph.inputs().size()) {
    return invalid_argument("the model has {} inputs, but is given {}", graph.inputs().size(), inputs.size());
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].tensor() != nullptr) interpreter.bind(graph.value(graph.inputs()[i]).type, *inputs[i].tensor());
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Value& value = graph.value(graph.inputs()[i]);
    CYCLOID_TRY(interpreter.check(value.type, inputs[i]).in(fmt::format("input '{}'", value.name)));
  }
  return interpreter.run(graph, inputs, [](ValueId) { return nullptr; }, 0);
}

Result<std::vector<Datum>> evaluate_node(const ModelIr& model, const Graph& graph, const Node& node,
                                         std::span<const Datum* const> inputs,
                                         const std::function<const Datum*(ValueId)>& captures,
                                         const EvaluateLimits& limits) {
  const WorkBounds bounds = bounds_with(limits);
  const BoundsScope scope(bounds);
  Interpreter interpreter(model, limits);
  return interpreter.run_node(graph, node, inputs, captures, 0).in(describe(graph, node));
}

}  // namespace cycloid
