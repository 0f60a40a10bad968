#include <algorithm>
#include <map>
#include <memory>

#include "base/error.h"
#include "base/work_bounds.h"
#include "ops/facts.h"
#include "ops/infer.h"
#include "ops/infer_node.h"
#include "ops/op.h"

namespace cycloid {
namespace {

// Deeper nesting than any real model has; a bound on the recursion over hostile ones.
constexpr int kMaxDepth = 64;
// How many nodes of subgraphs may be inferred in all. A loop's body is inferred until its types come to rest, and so is each
// loop in it, so that hostile nesting would take time without end.
constexpr std::int64_t kMostInner = 1'000'000;
// Values up to this many elements are followed through constant and shape arithmetic: shapes, axes, pads, scales.
constexpr std::int64_t kMaxFollowed = 1024;

// Few elements, and no gigantic size beside one of 0, over which an evaluation may walk.
bool followed(const Dims& dims) {
  return element_count(dims).value_or(INT64_MAX) <= kMaxFollowed &&
         std::ranges::all_of(dims, [](std::int64_t size) { return size <= kMaxFollowed; });
}

// One graph under inference, and what is known of its values.
struct Scope {
  const ModelIr& model;
  Graph& graph;
  Facts& facts;
  int depth;
  std::int64_t* inner_left;  // nodes of subgraphs that may still be inferred

  bool is_main() const { return facts.outer == nullptr; }
  const Tensor* constant(ValueId id) const { return facts.constant(graph, id); }
  std::optional<ShapeData> shape_data(ValueId id) const { return facts.shape_data(graph, id); }
};

Status infer_graph(Scope& scope);

std::int64_t opset_of(const ModelIr& model, std::string_view domain) {
  const auto at = model.opsets.find(domain);
  if (at != model.opsets.end()) return at->second;
  return domain.empty() ? kNewestOpset : 1;
}

// The symbols that the main graph's inputs bind.
bool binds(const Graph& graph, const std::string& symbol) {
  std::vector<std::string> names;
  for (const ValueId id : graph.inputs()) {
    const ValueType& type = graph.value(id).type;
    if (!type.shape) continue;
    for (const Dim& dim : *type.shape) dim.collect_symbols(names);
  }
  for (const std::string& name : names) {
    if (name == symbol) return true;
  }
  return false;
}

bool is_unknown(const Dim& dim) { return !dim.is_known() && dim.to_string().starts_with('?'); }

// The inferred type, completed by the declared one where inference left a fact wholly unknown. Sizes that a file
// declares are not believed, but a graph output keeps its own names for sizes that have none.
ValueType complete(const Scope& scope, const ValueType& inferred, const ValueType& declared, bool is_output) {
  if (inferred.kind == ValueType::Kind::kUnknown) return declared;
  ValueType type = inferred;
  if (declared.kind != inferred.kind) return type;
  if (type.dtype == DType::kUndefined) type.dtype = declared.dtype;
  if (type.element == nullptr) type.element = declared.element;
  if (!type.is_tensor() || !declared.shape) return type;
  if (!type.shape) {
    type.shape = Shape();
    for (std::size_t i = 0; i < declared.shape->size(); ++i) type.shape->push_back(Dim::unknown());
  }
  if (!is_output || type.shape->size() != declared.shape->size()) return type;
  for (std::size_t i = 0; i < type.shape->size(); ++i) {
    const auto symbol = (*declared.shape)[i].as_symbol();
    if (symbol && is_unknown((*type.shape)[i]) && !binds(scope.model.graph, *symbol))
      (*type.shape)[i] = (*declared.shape)[i];
  }
  return type;
}

// A declared output of the main graph that inference contradicts in more than its shape. Shapes are stale more often than
// right: exporters write one column where there are rows of one, and the like.
Status check_declared(const Value& value, const ValueType& inferred) {
  const ValueType& declared = value.type;
  if (declared.kind == ValueType::Kind::kUnknown || inferred.kind == ValueType::Kind::kUnknown) return {};
  const bool dtypes_differ =
      declared.dtype != inferred.dtype && declared.dtype != DType::kUndefined && inferred.dtype != DType::kUndefined;
  if (declared.kind == inferred.kind && !dtypes_differ) return {};
  return invalid_model("output '{}' is declared as {}, but is {}", value.name, to_string(declared),
                       to_string(inferred));
}

class NodeInference final : public InferContext {
 public:
  NodeInference(Scope& scope, NodeId id)
      : scope_(scope), id_(id), node_(scope.graph.node(id)), types_(node_.outputs.size()) {}

  const Node& node() const override { return node_; }
  std::int64_t opset() const override { return opset_of(scope_.model, node_.domain); }

  const ValueType* input(std::size_t i) const override {
    const ValueId id = input_id(i);
    return id.valid() ? &scope_.graph.value(id).type : nullptr;
  }
  const Tensor* constant(std::size_t i) const override {
    const ValueId id = input_id(i);
    return id.valid() ? scope_.constant(id) : nullptr;
  }
  std::optional<ShapeData> shape_data(std::size_t i) const override {
    const ValueId id = input_id(i);
    return id.valid() ? scope_.shape_data(id) : std::nullopt;
  }

  void set_output(std::size_t i, ValueType type) override {
    if (i < types_.size()) types_[i] = std::move(type);
  }
  void set_shape_data(std::size_t i, ShapeData data) override {
    if (i < node_.outputs.size() && data.size() <= kMaxFollowed) data_.insert_or_assign(i, std::move(data));
  }

  Result<std::vector<ValueType>> infer_subgraph(std::string_view name, std::span<const ValueType> inputs) override {
    if (scope_.depth >= kMaxDepth) return unsupported("subgraphs are nested more than {} deep", kMaxDepth);
    CYCLOID_ASSIGN(const GraphPtr original, get_graph(node_, name));
    auto body = std::make_shared<Graph>(*original);
    if (inputs.size() != body->inputs().size()) {
      return invalid_model("{} has {} inputs, but is given {}", name, body->inputs().size(), inputs.size());
    }
    Facts facts{.outer_graph = &scope_.graph, .outer = &scope_.facts};
    Scope inner{scope_.model, *body, facts, scope_.depth + 1, scope_.inner_left};
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const ValueId id = body->inputs()[i];
      body->set_type(id, complete(inner, inputs[i], body->value(id).type, false));
    }
    for (const ValueId id : body->captures()) body->set_type(id, scope_.graph.value(body->value(id).outer).type);
    CYCLOID_TRY(infer_graph(inner).in(name));
    std::vector<ValueType> outputs;
    for (const ValueId id : body->outputs()) outputs.push_back(body->value(id).type);
    bodies_.insert_or_assign(std::string(name), std::move(body));
    return outputs;
  }

  // Writes what was inferred into the graph.
  Status finish(const Op& op) {
    for (auto& [name, body] : bodies_) scope_.graph.set_attribute(id_, name, GraphPtr(body));
    for (std::size_t i = 0; i < types_.size(); ++i) {
      const ValueId id = node_.outputs[i];
      if (!id.valid()) continue;
      const bool is_output = scope_.graph.is_output(id);
      if (is_output && scope_.is_main()) CYCLOID_TRY(check_declared(scope_.graph.value(id), types_[i]));
      scope_.graph.set_type(id, complete(scope_, types_[i], scope_.graph.value(id).type, is_output));
    }
    for (const auto& [i, data] : data_) keep_data(node_.outputs[i], data);
    fold(op);
    return {};
  }

 private:
  ValueId input_id(std::size_t i) const { return i < node_.inputs.size() ? node_.inputs[i] : ValueId{}; }

  void keep_data(ValueId id, const ShapeData& data) {
    if (!id.valid()) return;
    scope_.facts.sizes.insert_or_assign(id, data);
    const ValueType& type = scope_.graph.value(id).type;
    if (!type.shape || type.shape->size() > 1) return;
    const auto ints = known_dims(data);
    if (!ints || (type.shape->empty() && ints->size() != 1)) return;
    Dims dims;
    if (!type.shape->empty()) dims.push_back(static_cast<std::int64_t>(ints->size()));
    if (type.dtype == DType::kInt64) {
      scope_.facts.constants.insert_or_assign(id, Tensor::of<std::int64_t>(dims, *ints));
    } else if (type.dtype == DType::kInt32) {
      const std::vector<std::int32_t> narrow(ints->begin(), ints->end());
      scope_.facts.constants.insert_or_assign(id, Tensor::of<std::int32_t>(dims, narrow));
    }
  }

  // Small values that follow from constants alone become constants for the nodes after, because shapes depend on them.
  void fold(const Op& op) {
    if (op.random || op.evaluate == nullptr || !bodies_.empty()) return;
    bool wanted = false;
    for (const ValueId id : node_.outputs) wanted |= id.valid() && !scope_.facts.constants.contains(id);
    for (const ValueType& type : types_) {
      if (!type.is_tensor() && type.kind != ValueType::Kind::kUnknown) return;
      const auto dims = type.shape ? known_dims(*type.shape) : std::nullopt;
      if (dims && !followed(*dims)) return;
    }
    if (!wanted) return;
    std::vector<Datum> held;
    for (const ValueId id : node_.inputs) {
      const Tensor* tensor = id.valid() ? scope_.constant(id) : nullptr;
      if (id.valid() && (tensor == nullptr || !followed(tensor->dims()))) return;
      held.push_back(tensor != nullptr ? Datum(*tensor) : Datum());
    }
    std::vector<const Datum*> inputs;
    for (std::size_t i = 0; i < held.size(); ++i) inputs.push_back(node_.inputs[i].valid() ? &held[i] : nullptr);
    const EvaluateLimits limits{.max_bytes = std::size_t{1} << 20, .max_node_runs = 1};
    const auto outputs =
        evaluate_node(scope_.model, scope_.graph, node_, inputs, [](ValueId) { return nullptr; }, limits);
    if (!outputs) return;  // it fails again, and with its place, where the model runs
    for (std::size_t i = 0; i < node_.outputs.size() && i < outputs->size(); ++i) {
      const Tensor* tensor = (*outputs)[i].tensor();
      const ValueId id = node_.outputs[i];
      if (!id.valid() || tensor == nullptr || tensor->element_count() > kMaxFollowed) continue;
      scope_.facts.constants.insert_or_assign(id, *tensor);
      scope_.facts.sizes.erase(id);
      scope_.graph.set_type(id, ValueType::of(*tensor));
    }
  }

  Scope& scope_;
  const NodeId id_;
  const Node node_;  // a copy: the graph's changes while this one is read
  std::vector<ValueType> types_;
  std::map<std::size_t, ShapeData> data_;
  std::map<std::string, std::shared_ptr<Graph>> bodies_;
};

Status check_arity(const Op& op, const Node& node) {
  std::size_t given = node.inputs.size();
  while (given > op.min_inputs && !node.inputs[given - 1].valid()) --given;
  if (given < op.min_inputs || (op.max_inputs != Op::kVariadic && given > op.max_inputs)) {
    if (op.min_inputs == op.max_inputs) return invalid_model("it takes {} inputs, but has {}", op.min_inputs, given);
    if (op.max_inputs == Op::kVariadic)
      return invalid_model("it takes {} or more inputs, but has {}", op.min_inputs, given);
    return invalid_model("it takes {} to {} inputs, but has {}", op.min_inputs, op.max_inputs, given);
  }
  // All of a variadic list are there; that of Loop, which needs none, begins with optional inputs.
  const std::size_t needed = op.max_inputs == Op::kVariadic && op.min_inputs > 0 ? node.inputs.size() : op.min_inputs;
  for (std::size_t i = 0; i < needed; ++i) {
    if (!node.inputs[i].valid()) return invalid_model("input {} is absent, but is not optional", i);
  }
  std::size_t outputs = node.outputs.size();
  if (outputs < op.min_outputs) {
    return invalid_model("it has at least {} outputs, but the model names {}", op.min_outputs, outputs);
  }
  while (outputs > 0 && !node.outputs[outputs - 1].valid()) --outputs;
  if (op.max_outputs != Op::kVariadic && outputs > op.max_outputs) {
    return invalid_model("it has at most {} outputs, but the model names {}", op.max_outputs, outputs);
  }
  return {};
}

Error unknown_op(const ModelIr& model, const Node& node) {
  for (const Function& function : model.functions) {
    if (function.domain == node.domain && function.name == node.op_type) {
      return unsupported("it calls a function of the model; inline functions before type inference");
    }
  }
  return unsupported("domain '{}' has no operator '{}' that this build knows",
                     node.domain.empty() ? "ai.onnx" : node.domain, node.op_type);
}

Status infer_node(Scope& scope, NodeId id) {
  const Node& node = scope.graph.node(id);
  const Op* op = find_op(node.domain, node.op_type);
  if (op == nullptr) return unknown_op(scope.model, node);
  CYCLOID_TRY(check_arity(*op, node));
  NodeInference context(scope, id);
  if (!op->dtypes.empty() && has_input(context, 0)) CYCLOID_TRY(check_dtype(context, 0, op->dtypes));
  CYCLOID_TRY(op->infer(context));
  return context.finish(*op);
}

Status infer_graph(Scope& scope) {
  const std::vector<NodeId> order(scope.graph.nodes().begin(), scope.graph.nodes().end());
  for (const NodeId id : order) {
    if (scope.depth > 0 && --*scope.inner_left < 0) {
      return make_error(ErrorCode::kResourceExhausted,
                        "the types of nested subgraphs do not come to rest within {} steps", kMostInner);
    }
    CYCLOID_TRY(check_stop());
    CYCLOID_TRY(infer_node(scope, id).in(describe(scope.graph, scope.graph.node(id))));
  }
  return {};
}

}  // namespace

const Tensor* Facts::constant(const Graph& graph, ValueId id) const {
  if (!id.valid()) return nullptr;
  const Value& value = graph.value(id);
  if (value.kind == Value::Kind::kConstant) return &value.constant;
  if (value.kind == Value::Kind::kCapture && outer != nullptr) return outer->constant(*outer_graph, value.outer);
  const auto at = constants.find(id);
  return at != constants.end() ? &at->second : nullptr;
}

std::optional<ShapeData> Facts::shape_data(const Graph& graph, ValueId id) const {
  if (!id.valid()) return std::nullopt;
  const Value& value = graph.value(id);
  if (value.kind == Value::Kind::kCapture && outer != nullptr) return outer->shape_data(*outer_graph, value.outer);
  if (const auto at = sizes.find(id); at != sizes.end()) return at->second;
  const Tensor* tensor = constant(graph, id);
  if (tensor == nullptr || tensor->rank() > 1 || tensor->element_count() > kMaxFollowed) return std::nullopt;
  if (!(kInts | kBools).contains(tensor->dtype())) return std::nullopt;
  const std::vector<std::int64_t> ints = to_int64s(*tensor);
  return ShapeData(ints.begin(), ints.end());
}

Status collect_facts(const ModelIr& model, Graph& graph, Facts& facts) {
  std::int64_t inner_left = kMostInner;
  Scope scope{model, graph, facts, facts.outer == nullptr ? 0 : 1, &inner_left};
  return infer_graph(scope);
}

Status infer_types(ModelIr& model) {
  Facts facts;
  return collect_facts(model, model.graph, facts);
}

Status infer_node(const ModelIr& model, Graph& graph, NodeId id, Facts* facts) {
  Facts none;
  std::int64_t inner_left = kMostInner;
  Scope scope{model, graph, facts != nullptr ? *facts : none, 0, &inner_left};
  return infer_node(scope, id).in(describe(graph, graph.node(id)));
}

}  // namespace cycloid
