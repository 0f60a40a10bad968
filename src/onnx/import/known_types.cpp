#include "onnx/import/known_types.h"

#include <utility>

#include "base/error.h"
#include "ops/op.h"

namespace cycloid::onnx {
namespace {

class OneNode final : public InferContext {
 public:
  OneNode(const Graph& graph, const Node& node, const KnownTypes& types, std::int64_t opset)
      : graph_(graph), node_(node), types_(types), opset_(opset), outputs_(node.outputs.size()) {}

  const Node& node() const override { return node_; }
  std::int64_t opset() const override { return opset_; }
  const ValueType* input(std::size_t i) const override {
    return i < node_.inputs.size() && node_.inputs[i].valid() ? &types_.of(node_.inputs[i]) : nullptr;
  }
  const Tensor* constant(std::size_t i) const override {
    return i < node_.inputs.size() ? graph_.constant(node_.inputs[i]) : nullptr;
  }
  std::optional<ShapeData> shape_data(std::size_t i) const override {
    const Tensor* tensor = constant(i);
    if (tensor == nullptr || tensor->dtype() != DType::kInt64 || tensor->rank() > 1) return std::nullopt;
    const auto data = tensor->data<std::int64_t>();
    return ShapeData(data.begin(), data.end());
  }
  void set_output(std::size_t i, ValueType type) override {
    if (i < outputs_.size()) outputs_[i] = std::move(type);
  }
  void set_shape_data(std::size_t, ShapeData) override {}
  Result<std::vector<ValueType>> infer_subgraph(std::string_view name, std::span<const ValueType>) override {
    CYCLOID_ASSIGN(const GraphPtr body, get_graph(node_, name));
    std::vector<ValueType> types;
    for (const ValueId id : body->outputs()) types.push_back(body->value(id).type);
    return types;
  }

  const std::vector<ValueType>& outputs() const { return outputs_; }

 private:
  const Graph& graph_;
  const Node& node_;
  const KnownTypes& types_;
  std::int64_t opset_;
  std::vector<ValueType> outputs_;
};

}  // namespace

KnownTypes::KnownTypes(const Graph& graph, const KnownTypes* outer, std::int64_t opset) : graph_(graph), opset_(opset) {
  for (const ValueId id : graph.values()) {
    const Value& value = graph.value(id);
    if (value.kind == Value::Kind::kCapture && outer != nullptr) {
      types_.emplace(id, outer->of(value.outer));
    } else {
      types_.emplace(id, value.type);
    }
  }
}

void KnownTypes::learn(NodeId id) {
  const Node& node = graph_.node(id);
  OneNode context(graph_, node, *this, opset_);
  const Op* op = find_op(node.domain, node.op_type);
  bool inferred = op != nullptr && op->infer != nullptr && node.inputs.size() >= op->min_inputs;
  for (std::size_t i = 0; inferred && i < op->min_inputs; ++i) inferred = node.inputs[i].valid();
  inferred = inferred && op->infer(context).ok();
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (!node.outputs[i].valid()) continue;
    const ValueType& declared = graph_.value(node.outputs[i]).type;
    if (!inferred) {
      types_.insert_or_assign(node.outputs[i], declared);
      continue;
    }
    const auto merged = merge(context.outputs()[i], declared);
    types_.insert_or_assign(node.outputs[i], merged ? *merged : context.outputs()[i]);
  }
}

const ValueType& KnownTypes::of(ValueId id) const {
  static const ValueType kUnknown;
  if (!id.valid()) return kUnknown;
  const auto at = types_.find(id);
  return at != types_.end() ? at->second : graph_.value(id).type;
}

std::optional<std::int64_t> KnownTypes::rank(ValueId id) const {
  const ValueType& type = of(id);
  if (!type.is_tensor() || !type.shape) return std::nullopt;
  return static_cast<std::int64_t>(type.shape->size());
}

DType KnownTypes::dtype(ValueId id) const {
  const ValueType& type = of(id);
  return type.is_tensor() ? type.dtype : DType::kUndefined;
}

}  // namespace cycloid::onnx
