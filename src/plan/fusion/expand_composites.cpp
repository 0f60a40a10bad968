// Operators that are several others in one, as optimised exports contain them:
//
// Gelu, BiasGelu, FastGelu (com.microsoft)         =>  Add, Gelu
// QuickGelu                                        =>  x * Sigmoid(alpha * x)
// SkipLayerNormalization                           =>  Add, Add, LayerNormalization
// SimplifiedLayerNormalization, the one with Skip  =>  Add, Add, RMSNormalization
// FusedMatMul                                      =>  Transpose, MatMul, Mul
// Attention, MultiHeadAttention                    =>  MatMul(Softmax(MatMul(scale * Q, K^T) + mask), V)
//
// What has no such form (caches, causal masks, shared heads) stays.
#include "plan/fusion/expand_composites.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plan/fusion/fusion.h"

namespace cycloid {
namespace {

class Expanding {
 public:
  explicit Expanding(Graph& graph) : graph_(graph) {}

  void run() {
    const std::vector<NodeId> order(graph_.nodes().begin(), graph_.nodes().end());
    for (const NodeId id : order) {
      at_ = id;
      const Node node = graph_.node(id);
      for (const Line& line : kLines) {
        if (line.domain == node.domain && line.op == node.op_type) (this->*line.expand)(node);
      }
    }
  }

  static bool knows(std::string_view domain, std::string_view op_type) {
    return std::ranges::any_of(kLines, [&](const Line& line) { return line.domain == domain && line.op == op_type; });
  }

 private:
  std::optional<Dims> dims(ValueId id) const {
    if (!id.valid()) return {};
    const ValueType& type = graph_.value(id).type;
    return type.is_tensor() && type.shape ? known_dims(*type.shape) : std::nullopt;
  }
  DType dtype(ValueId id) const { return graph_.value(id).type.dtype; }
  static ValueId input(const Node& node, std::size_t i) { return i < node.inputs.size() ? node.inputs[i] : ValueId{}; }
  static bool only_first_output(const Node& node) {
    for (std::size_t i = 1; i < node.outputs.size(); ++i) {
      if (node.outputs[i].valid()) return false;
    }
    return true;
  }

  // A node before the one that is taken apart; its one output.
  ValueId add(std::string op, std::vector<ValueId> inputs, const Dims& shape, Attributes attributes = {}) {
    const Node& whole = graph_.node(at_);
    const std::string name = graph_.value(whole.outputs[0]).name + "." + op;
    const DType type = dtype(inputs[0]);
    Node node{.name = whole.name, .domain = "", .op_type = std::move(op)};
    node.inputs = std::move(inputs);
    node.attributes = std::move(attributes);
    const NodeId made = graph_.add_node(std::move(node), {{name, ValueType::tensor(type, to_shape(shape))}}, at_);
    return graph_.node(made).outputs[0];
  }
  ValueId number(double value, DType type) {
    const auto x = static_cast<float>(value);
    if (type == DType::kFloat16) return graph_.add_constant("number", Tensor::scalar(to_float16(x)));
    if (type == DType::kBFloat16) return graph_.add_constant("number", Tensor::scalar(to_bfloat16(x)));
    return graph_.add_constant("number", Tensor::scalar(x));
  }
  ValueId sizes(const Dims& shape) { return graph_.add_constant("sizes", int64s(shape)); }

  // The whole's output i is `result` from here on.
  void give(std::size_t i, ValueId result) {
    const ValueId old = graph_.node(at_).outputs[i];
    const std::string name = graph_.value(old).name;
    graph_.replace_uses(old, result);
    graph_.rename(result, name);
  }
  void done() { graph_.erase_node(at_); }

  bool usable(ValueId id) const {
    return dims(id) && (dtype(id) == DType::kFloat32 || dtype(id) == DType::kFloat16 || dtype(id) == DType::kBFloat16);
  }

  void gelu(const Node& node) {
    if (!usable(node.inputs[0])) return;
    const Dims shape = *dims(node.inputs[0]);
    ValueId x = node.inputs[0];
    if (input(node, 1).valid()) x = add("Add", {x, node.inputs[1]}, shape);
    Attributes attributes;
    if (node.op_type == "FastGelu") attributes["approximate"] = std::string("tanh");
    give(0, add("Gelu", {x}, shape, std::move(attributes)));
    done();
  }

  void quick_gelu(const Node& node) {
    const Result<float> alpha = get_float(node, "alpha", 1.702F);
    if (!usable(node.inputs[0]) || !alpha) return;
    const ValueId x = node.inputs[0];
    const Dims shape = *dims(x);
    const ValueId scaled = add("Mul", {x, number(static_cast<double>(*alpha), dtype(x))}, shape);
    give(0, add("Mul", {x, add("Sigmoid", {scaled}, shape)}, shape));
    done();
  }

  Attributes row_attributes(float epsilon) const { return {{"axis", std::int64_t{-1}}, {"epsilon", epsilon}}; }

  void simplified(const Node& node) {
    const Result<float> epsilon = get_float(node, "epsilon", 1e-5F);
    const Result<std::int64_t> axis = get_int(node, "axis", -1);
    const auto shape = dims(node.inputs[0]), scale = dims(node.inputs[1]);
    if (!epsilon || !axis || !shape || !scale || !only_first_output(node) || !usable(node.inputs[0])) return;
    const auto rank = static_cast<std::int64_t>(shape->size());
    if (*axis != -1 && *axis != rank - 1) return;
    if (scale->size() != 1 || dtype(node.inputs[1]) != dtype(node.inputs[0])) return;
    give(0, add("RMSNormalization", {node.inputs[0], node.inputs[1]}, *shape, row_attributes(*epsilon)));
    done();
  }

  void skip(const Node& node) {
    const bool centre = node.op_type == "SkipLayerNormalization";
    const Result<float> epsilon = get_float(node, "epsilon", 1e-12F);
    const auto shape = dims(node.inputs[0]);
    if (!epsilon || !shape || !usable(node.inputs[0]) || !dims(node.inputs[1])) return;
    for (std::size_t i = 1; i < node.outputs.size(); ++i) {
      if (i != 3 && node.outputs[i].valid()) return;
    }
    const ValueId bias = input(node, centre ? 4 : 3), shift = centre ? input(node, 3) : ValueId{};
    ValueId sum = add("Add", {node.inputs[0], node.inputs[1]}, *shape);
    if (bias.valid()) sum = add("Add", {sum, bias}, *shape);
    std::vector<ValueId> inputs = {sum, node.inputs[2]};
    if (shift.valid()) inputs.push_back(shift);
    give(0,
         add(centre ? "LayerNormalization" : "RMSNormalization", std::move(inputs), *shape, row_attributes(*epsilon)));
    if (node.outputs.size() > 3 && node.outputs[3].valid()) give(3, sum);
    done();
  }

  // The last two axes swapped.
  ValueId transposed(ValueId id) {
    Dims shape = *dims(id);
    std::vector<std::int64_t> order(shape.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
    std::swap(order[order.size() - 1], order[order.size() - 2]);
    std::swap(shape[shape.size() - 1], shape[shape.size() - 2]);
    return add("Transpose", {id}, shape, {{"perm", order}});
  }

  void fused_matmul(const Node& node) {
    const Result<std::int64_t> a = get_int(node, "transA", 0), b = get_int(node, "transB", 0),
                               batch_a = get_int(node, "transBatchA", 0), batch_b = get_int(node, "transBatchB", 0);
    const Result<float> alpha = get_float(node, "alpha", 1);
    const auto left = dims(node.inputs[0]), right = dims(node.inputs[1]), shape = dims(node.outputs[0]);
    if (!a || !b || !batch_a || !batch_b || !alpha || *batch_a != 0 || *batch_b != 0 || !left || !right || !shape)
      return;
    if (!usable(node.inputs[0]) || left->size() < 2 || right->size() < 2) return;
    const ValueId x = *a != 0 ? transposed(node.inputs[0]) : node.inputs[0];
    const ValueId y = *b != 0 ? transposed(node.inputs[1]) : node.inputs[1];
    ValueId product = add("MatMul", {x, y}, *shape);
    if (*alpha != 1)
      product = add("Mul", {product, number(static_cast<double>(*alpha), dtype(node.inputs[0]))}, *shape);
    give(0, product);
    done();
  }

  // (batch, length, heads * size) as (batch, heads, length, size).
  ValueId by_heads(ValueId x, std::int64_t heads) {
    const Dims shape = *dims(x);
    if (shape.size() == 4) return x;
    const Dims split = {shape[0], shape[1], heads, shape[2] / heads};
    const ValueId parts = add("Reshape", {x, sizes(split)}, split);
    return add("Transpose", {parts}, {split[0], heads, split[1], split[3]},
               {{"perm", std::vector<std::int64_t>{0, 2, 1, 3}}});
  }

  // Of Q, K and V by heads, with something added to the scores where `bias` is valid.
  ValueId attend(ValueId q, ValueId k, ValueId v, double scale, ValueId bias) {
    const Dims queries = *dims(q), keys = *dims(k), values = *dims(v);
    const Dims scores = {queries[0], queries[1], queries[2], keys[2]};
    const ValueId scaled = add("Mul", {q, number(scale, dtype(q))}, queries);
    ValueId sums = add("MatMul", {scaled, transposed(k)}, scores);
    if (bias.valid()) sums = add("Add", {sums, bias}, scores);
    const ValueId weights = add("Softmax", {sums}, scores, {{"axis", std::int64_t{-1}}});
    return add("MatMul", {weights, v}, {queries[0], queries[1], queries[2], values[3]});
  }

  // (batch, heads, length, size) as (batch, length, heads * size).
  ValueId joined(ValueId y) {
    const Dims shape = *dims(y), turned = {shape[0], shape[2], shape[1], shape[3]};
    const Dims flat = {shape[0], shape[2], shape[1] * shape[3]};
    const ValueId t = add("Transpose", {y}, turned, {{"perm", std::vector<std::int64_t>{0, 2, 1, 3}}});
    return add("Reshape", {t, sizes(flat)}, flat);
  }

  // A float mask that broadcasts to the scores; or an absent one.
  bool addable(ValueId mask, ValueId q, std::int64_t keys) const {
    if (!mask.valid()) return true;
    const auto shape = dims(mask);
    return shape && !shape->empty() && shape->size() <= 4 && shape->back() == keys && dtype(mask) == dtype(q);
  }

  void attention(const Node& node) {
    const Result<std::int64_t> causal = get_int(node, "is_causal", 0), left = get_int(node, "left_window_size", -1),
                               right = get_int(node, "right_window_size", -1);
    const Result<float> softcap = get_float(node, "softcap", 0);
    if (!causal || *causal != 0 || !left || *left >= 0 || !right || *right >= 0 || !softcap || *softcap != 0) return;
    for (std::size_t i = 4; i < node.inputs.size(); ++i) {
      if (node.inputs[i].valid()) return;
    }
    const Result<std::int64_t> q_heads = get_int(node, "q_num_heads", 0), kv_heads = get_int(node, "kv_num_heads", 0);
    const Result<float> given = get_float(node, "scale", 0);
    const auto q = dims(node.inputs[0]), k = dims(node.inputs[1]), v = dims(node.inputs[2]);
    if (!q_heads || !kv_heads || !given || !q || !k || !v || !only_first_output(node) || !usable(node.inputs[0]))
      return;
    const bool flat = q->size() == 3;
    if ((flat && (*q_heads != *kv_heads || *q_heads < 1)) || (!flat && (q->size() != 4 || (*q)[1] != (*k)[1]))) return;
    const std::int64_t size = flat ? (*q)[2] / *q_heads : (*q)[3];
    if (size == 0 || !addable(input(node, 3), node.inputs[0], (*k)[flat ? 1 : 2])) return;
    const double scale =
        has_attribute(node, "scale") ? static_cast<double>(*given) : 1 / std::sqrt(static_cast<double>(size));
    const ValueId y = attend(by_heads(node.inputs[0], *q_heads), by_heads(node.inputs[1], *q_heads),
                             by_heads(node.inputs[2], *q_heads), scale, input(node, 3));
    give(0, flat ? joined(y) : y);
    done();
  }

  // The part of a constant bias that belongs to one of the three, added.
  ValueId biased(ValueId x, const Tensor* bias, std::int64_t first) {
    if (bias == nullptr) return x;
    const Dims shape = *dims(x);
    const std::span<const float> values =
        bias->data<float>().subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(shape[2]));
    return add("Add", {x, graph_.add_constant("bias", Tensor::of<float>({shape[2]}, values))}, shape);
  }

  void multi_head(const Node& node) {
    const Result<std::int64_t> heads = get_int(node, "num_heads", 0), causal = get_int(node, "unidirectional", 0);
    const Result<float> given = get_float(node, "scale", 0);
    for (std::size_t i = 4; i < node.inputs.size(); ++i) {
      if (i != 5 && node.inputs[i].valid()) return;
    }
    const auto q = dims(node.inputs[0]), k = dims(input(node, 1)), v = dims(input(node, 2));
    if (!heads || *heads < 1 || !causal || *causal != 0 || !given || !q || !k || !v || !only_first_output(node)) return;
    if (dtype(node.inputs[0]) != DType::kFloat32 || q->size() != 3 || k->size() != 3 || v->size() != 3) return;
    if ((*q)[2] % *heads != 0 || (*q)[2] == 0 || (*v)[2] % *heads != 0 || (*k)[2] != (*q)[2]) return;
    const Tensor* bias = nullptr;
    if (input(node, 3).valid()) {
      bias = graph_.constant(node.inputs[3]);
      if (bias == nullptr || bias->dtype() != DType::kFloat32 || bias->dims() != Dims{2 * (*q)[2] + (*v)[2]}) return;
    }
    if (!addable(input(node, 5), node.inputs[0], (*k)[1])) return;
    const double scale =
        *given != 0 ? static_cast<double>(*given) : 1 / std::sqrt(static_cast<double>((*q)[2] / *heads));
    const Tensor kept = bias != nullptr ? *bias : Tensor();
    const Tensor* part = bias != nullptr ? &kept : nullptr;
    const ValueId y = attend(by_heads(biased(node.inputs[0], part, 0), *heads),
                             by_heads(biased(node.inputs[1], part, (*q)[2]), *heads),
                             by_heads(biased(node.inputs[2], part, 2 * (*q)[2]), *heads), scale, input(node, 5));
    give(0, joined(y));
    done();
  }

  struct Line {
    std::string_view domain, op;
    void (Expanding::*expand)(const Node&);
  };
  static const Line kLines[11];

  Graph& graph_;
  NodeId at_;
};

constexpr std::string_view kMicrosoft = "com.microsoft";
constexpr Expanding::Line Expanding::kLines[11] = {
    {"", "Attention", &Expanding::attention},
    {"", "SimplifiedLayerNormalization", &Expanding::simplified},
    {kMicrosoft, "BiasGelu", &Expanding::gelu},
    {kMicrosoft, "FastGelu", &Expanding::gelu},
    {kMicrosoft, "FusedMatMul", &Expanding::fused_matmul},
    {kMicrosoft, "Gelu", &Expanding::gelu},
    {kMicrosoft, "MultiHeadAttention", &Expanding::multi_head},
    {kMicrosoft, "QuickGelu", &Expanding::quick_gelu},
    {kMicrosoft, "SimplifiedLayerNormalization", &Expanding::simplified},
    {kMicrosoft, "SkipLayerNormalization", &Expanding::skip},
    {kMicrosoft, "SkipSimplifiedLayerNormalization", &Expanding::skip},
};

}  // namespace

bool takes_apart(std::string_view domain, std::string_view op_type) { return Expanding::knows(domain, op_type); }

void expand_composites(Graph& graph) {
  Expanding(graph).run();
  graph.remove_dead();
}

}  // namespace cycloid
