// f16(x)  =>  cast16(f32(cast32(x))), and between neighbours  cast32(cast16(y))  =>  y
#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "plan/fusion/fusion.h"
#include "plan/half.h"

namespace cycloid {
namespace {

// Continuous functions of real numbers.
constexpr std::string_view kComputing[] = {
    "Abs",
    "Acos",
    "Acosh",
    "Add",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "Attention",
    "AveragePool",
    "BatchNormalization",
    "Clip",
    "Conv",
    "ConvTranspose",
    "Cos",
    "Cosh",
    "DeformConv",
    "DequantizeLinear",
    "Div",
    "Elu",
    "Erf",
    "Exp",
    "GRU",
    "Gelu",
    "Gemm",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "GroupNormalization",
    "HardSigmoid",
    "HardSwish",
    "InstanceNormalization",
    "LRN",
    "LSTM",
    "LayerNormalization",
    "LeakyRelu",
    "Log",
    "LogSoftmax",
    "MatMul",
    "Max",
    "MaxPool",
    "Min",
    "Mish",
    "Mul",
    "Neg",
    "PRelu",
    "Pow",
    "RMSNormalization",
    "RNN",
    "Reciprocal",
    "ReduceL1",
    "ReduceL2",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
    "Relu",
    "Resize",
    "RotaryEmbedding",
    "Sigmoid",
    "Sin",
    "Sinh",
    "Softmax",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Sub",
    "Sum",
    "Swish",
    "Tan",
    "Tanh",
};

// The same of com.microsoft.
constexpr std::string_view kMicrosoft[] = {"GroupQueryAttention", "MatMulNBits", "RotaryEmbedding"};

// Rounding to whole numbers, choices and comparisons, in which the last bit of an argument becomes a whole step: they take what was rounded
// to the narrow type.
constexpr std::string_view kStepping[] = {
    "ArgMax",  "ArgMin", "Ceil", "Equal",       "Floor",    "Greater", "GreaterOrEqual", "GridSample",
    "Hardmax", "IsNaN",  "Less", "LessOrEqual", "RoiAlign", "Round",   "TopK",
};

// They only move elements: wide where what they move is.
constexpr std::string_view kMoving[] = {
    "Concat", "DepthToSpace", "Expand", "Flatten", "Gather",    "Pad",       "Reshape",
    "Slice",  "SpaceToDepth", "Split",  "Squeeze", "Transpose", "Unsqueeze",
};

bool is_half(const Graph& graph, ValueId id) {
  if (!id.valid()) return false;
  const ValueType& type = graph.value(id).type;
  return type.is_tensor() && is_half(type.dtype);
}

Tensor widened(const Tensor& narrow) {
  Tensor wide = Tensor::zeros(DType::kFloat32, narrow.dims()).value();
  const std::span<float> to = wide.mutable_data<float>();
  dispatch<Float16, BFloat16>(narrow.dtype(), [&]<class T>(T) {
    const std::span<const T> from = narrow.data<T>();
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = to_float(from[i]);
  });
  return wide;
}

class Widening {
 public:
  explicit Widening(Graph& graph) : graph_(graph) {}

  void run() {
    const std::vector<NodeId> order(graph_.nodes().begin(), graph_.nodes().end());
    for (std::size_t i = 0; i < order.size(); ++i) {
      const NodeId next = i + 1 < order.size() ? order[i + 1] : NodeId{};
      const bool steps = steps_of(graph_.node(order[i]));
      if (steps || widens(graph_.node(order[i]))) widen(order[i], next, steps);
    }
  }

 private:
  bool widens(const Node& node) const {
    const bool microsoft =
        node.domain == "com.microsoft" && std::ranges::find(kMicrosoft, node.op_type) != std::end(kMicrosoft);
    if (!node.domain.empty() && !microsoft) return false;
    const auto half = [&](ValueId id) { return is_half(graph_, id); };
    if (!std::ranges::any_of(node.outputs, half)) return false;
    if (microsoft || std::ranges::find(kComputing, node.op_type) != std::end(kComputing)) return true;
    return std::ranges::find(kMoving, node.op_type) != std::end(kMoving) &&
           std::ranges::any_of(node.inputs, [&](ValueId id) { return id.valid() && wide_.contains(id); });
  }

  bool steps_of(const Node& node) const {
    return node.domain.empty() && std::ranges::find(kStepping, node.op_type) != std::end(kStepping) &&
           std::ranges::any_of(node.inputs, [&](ValueId id) { return is_half(graph_, id); });
  }

  // The value in float32: before it was rounded, or after.
  ValueId wide(ValueId id, NodeId before, bool rounded) {
    const auto [found, fresh] = (rounded && unrounded_.contains(id) ? rounded_ : wide_).try_emplace(id);
    if (!fresh) return found->second;
    const std::string name = graph_.value(id).name + " as float32";
    if (const Tensor* constant = graph_.constant(id))
      return found->second = graph_.add_constant(name, widened(*constant));
    return found->second = cast(id, DType::kFloat32, name, before);
  }

  ValueId cast(ValueId id, DType to, const std::string& name, NodeId before) {
    Node node{.name = name, .domain = "", .op_type = "Cast"};
    node.inputs = {id};
    node.attributes["to"] = static_cast<std::int64_t>(to);
    ValueType type = graph_.value(id).type;
    type.dtype = to;
    return graph_.node(graph_.add_node(std::move(node), {{name, std::move(type)}}, before)).outputs[0];
  }

  void widen(NodeId id, NodeId next, bool steps) {
    const Node node = graph_.node(id);
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (is_half(graph_, node.inputs[i])) graph_.set_input(id, i, wide(node.inputs[i], id, steps));
    }
    for (const ValueId output : node.outputs) {
      if (!is_half(graph_, output)) continue;
      // Who reads the value in its own type, reads the cast; remove_dead() takes the cast where nobody does.
      ValueType type = graph_.value(output).type;
      const DType narrow = type.dtype;
      const std::string name = graph_.value(output).name;
      type.dtype = DType::kFloat32;
      graph_.set_type(output, std::move(type));
      graph_.rename(output, name + " as float32");
      const ValueId rounded = cast(output, narrow, name, next);
      const NodeId maker = graph_.value(rounded).producer;
      graph_.replace_uses(output, rounded);
      graph_.set_input(maker, 0, output);
      wide_[rounded] = output;
      unrounded_.insert(rounded);
    }
  }

  Graph& graph_;
  std::map<ValueId, ValueId> wide_, rounded_;
  std::set<ValueId> unrounded_;  // whose value in wide_ is that before the rounding
};

}  // namespace

void widen_half(Graph& graph) {
  Widening(graph).run();
  graph.remove_dead();
}

}  // namespace cycloid
