// DQ: DequantizeLinear, Q: QuantizeLinear, with constant scales; bytes throughout.
//
// Q(DQ(q))                         =>  q                                       with the same scale, zero point and type
// move(DQ(q))                      =>  DQ(move(q))
// MaxPool(DQ(q))                   =>  DQ(MaxPool(q))                          q -> (q - z) * s is monotone
// Q(Conv(DQ(x), DQ(w), DQ(b)))     =>  QLinearConv(x, w, b)                    b in steps of s_x * s_w
// Q(MatMul(DQ(a), DQ(b)))          =>  QLinearMatMul(a, b)
// MatMul(DQ(a), DQ(b))             =>  MatMulIntegerToFloat(a, b)
// Q(Add(DQ(a), DQ(b))), Q(Mul(..)) =>  QLinearAdd(a, b), QLinearMul(a, b)
//
// The sums are exact where those of float32 are rounded, so a result differs only where the float32 sum's own rounding decides
// between two neighbours.
#include <algorithm>
#include <cmath>
#include <string_view>

#include "plan/fusion/fusion.h"
#include "plan/fusion/replace.h"

namespace cycloid {
namespace {

bool is_byte(const Graph& graph, ValueId id) {
  const ValueType& type = graph.value(id).type;
  return type.is_tensor() && (type.dtype == DType::kInt8 || type.dtype == DType::kUInt8);
}

bool is_float(const Graph& graph, ValueId id) {
  const ValueType& type = graph.value(id).type;
  return type.is_tensor() && type.dtype == DType::kFloat32;
}

// A tensor of bytes (or an int32 bias), its scale and zero point.
struct Quantized {
  ValueId q, scale, zero;  // zero may be invalid
  std::int64_t axis = 1;
  const Tensor* scales = nullptr;
  bool one_scale() const { return scales->element_count() == 1; }
};

// The arguments of a node that is DequantizeLinear or QuantizeLinear, in the plain form: constant float32 scales, no blocks.
std::optional<Quantized> parse(const Graph& graph, const Node& node) {
  if (!node.domain.empty() && node.domain != "com.microsoft") return {};
  const Result<std::int64_t> axis = get_int(node, "axis", 1), block = get_int(node, "block_size", 0);
  if (!axis || !block || *block != 0 || has_attribute(node, "precision")) return {};
  Quantized found{.q = node.inputs[0], .scale = node.inputs[1], .zero = {}, .axis = *axis};
  if (node.inputs.size() > 2) found.zero = node.inputs[2];
  found.scales = graph.constant(found.scale);
  if (found.scales == nullptr || found.scales->dtype() != DType::kFloat32) return {};
  if (found.zero.valid() && graph.constant(found.zero) == nullptr) return {};
  const auto usable = [](float s) { return s > 0 && std::isfinite(s); };
  if (!std::ranges::all_of(found.scales->data<float>(), usable)) return {};
  return found;
}

class Fusing {
 public:
  explicit Fusing(Graph& graph) : graph_(graph) {}

  void run() {
    const std::vector<NodeId> order(graph_.nodes().begin(), graph_.nodes().end());
    for (const NodeId id : order) {
      if (!graph_.alive(id)) continue;
      if (!graph_.node(id).domain.empty() && graph_.node(id).domain != "com.microsoft") continue;
      const std::string op = graph_.node(id).op_type;
      if (op == "QuantizeLinear") {
        fuse_quantize(id);
      } else if (op == "MatMul") {
        matmul_to_float(id);
      } else if (op == "MaxPool" || std::ranges::find(kMoving, op) != std::end(kMoving)) {
        move_through(id);
      }
    }
  }

 private:
  static constexpr std::string_view kMoving[] = {"Flatten", "Reshape", "Squeeze", "Transpose", "Unsqueeze"};

  std::optional<Quantized> dequantized(ValueId id) const {
    const Node* node = id.valid() ? graph_.producer(id) : nullptr;
    if (node == nullptr || node->op_type != "DequantizeLinear" || !is_float(graph_, id)) return {};
    return parse(graph_, *node);
  }
  std::optional<Quantized> dequantized_bytes(ValueId id, bool one_scale) const {
    std::optional<Quantized> found = dequantized(id);
    if (!found || !is_byte(graph_, found->q) || (one_scale && !found->one_scale())) return {};
    return found;
  }

  bool used_once(ValueId id) const {
    return graph_.value(id).uses.size() == 1 && graph_.value(id).uses[0].input != Use::kCaptured &&
           !graph_.is_output(id);
  }

  // The zero point as an input, made where it is absent.
  ValueId zero_of(const Quantized& q, DType dtype) {
    if (q.zero.valid()) return q.zero;
    return graph_.add_constant("zero", Tensor::zeros(dtype, {}).value());
  }
  DType dtype_of(ValueId id) const { return graph_.value(id).type.dtype; }

  bool same(const Quantized& a, const Quantized& b) const {
    const auto equal = [&](ValueId x, ValueId y) {
      if (x == y) return true;
      if (!x.valid() || !y.valid()) return false;
      const Tensor &s = *graph_.constant(x), &t = *graph_.constant(y);
      return s.element_count() == 1 && t.element_count() == 1 && identical(s.reshaped({}), t.reshaped({}));
    };
    return equal(a.scale, b.scale) && equal(a.zero, b.zero);
  }

  void fuse_quantize(NodeId id) {
    const Node node = graph_.node(id);
    const ValueId y = node.outputs[0], x = node.inputs[0];
    const std::optional<Quantized> to = parse(graph_, node);
    if (!to || !to->one_scale() || !is_byte(graph_, y) || !is_float(graph_, x)) return;
    if (const auto from = dequantized_bytes(x, true); from && same(*from, *to) && dtype_of(from->q) == dtype_of(y)) {
      graph_.replace_uses(y, from->q);
      return;
    }
    const Node* producer = graph_.producer(x);
    if (producer == nullptr || !producer->domain.empty() || !used_once(x)) return;
    const Node maker = *producer;  // a copy: what is added moves the graph's nodes
    if (maker.op_type == "Conv") fuse_conv(maker, *to, y, id);
    if (maker.op_type == "MatMul") fuse_matmul(maker, *to, y, id);
    if (maker.op_type == "Add" || maker.op_type == "Mul") fuse_binary(maker, *to, y, id);
  }

  // A bias in steps of the products: its int32 elements, or an absent one (true, invalid).
  std::optional<ValueId> integer_bias(const Node& conv, const Quantized& x, const Quantized& w) const {
    if (conv.inputs.size() < 3 || !conv.inputs[2].valid()) return ValueId{};
    const std::optional<Quantized> bias = dequantized(conv.inputs[2]);
    if (!bias || dtype_of(bias->q) != DType::kInt32 || graph_.constant(bias->q) == nullptr) return {};
    if (bias->zero.valid()) {
      const std::vector<std::int64_t> zeros = to_int64s(*graph_.constant(bias->zero));
      if (std::ranges::any_of(zeros, [](std::int64_t z) { return z != 0; })) return {};
    }
    const std::span<const float> b = bias->scales->data<float>(), s = w.scales->data<float>();
    if (b.size() != s.size() && s.size() != 1) return {};
    for (std::size_t i = 0; i < b.size(); ++i) {
      const float product = x.scales->data<float>()[0] * s[s.size() == 1 ? 0 : i];
      if (std::fabs(b[i] - product) > 4 * std::numeric_limits<float>::epsilon() * product) return {};
    }
    return bias->q;
  }

  void fuse_conv(const Node& conv, const Quantized& to, ValueId y, NodeId before) {
    const auto x = dequantized_bytes(conv.inputs[0], true), w = dequantized_bytes(conv.inputs[1], false);
    if (!x || !w || graph_.constant(w->q) == nullptr || (!w->one_scale() && w->axis != 0)) return;
    const std::optional<ValueId> bias = integer_bias(conv, *x, *w);
    if (!bias) return;
    Node node{.name = conv.name, .domain = "", .op_type = "QLinearConv"};
    node.attributes = conv.attributes;
    node.inputs = {x->q,
                   x->scale,
                   zero_of(*x, dtype_of(x->q)),
                   w->q,
                   w->scale,
                   zero_of(*w, dtype_of(w->q)),
                   to.scale,
                   zero_of(to, dtype_of(y))};
    if (bias->valid()) node.inputs.push_back(*bias);
    replace_value(graph_, y, std::move(node), before);
  }

  // The operands of a product of bytes; scales of B one for all or, of a constant matrix, one for each column.
  bool operands(const Node& matmul, std::optional<Quantized>& a, std::optional<Quantized>& b) const {
    a = dequantized_bytes(matmul.inputs[0], true);
    b = dequantized_bytes(matmul.inputs[1], false);
    if (!a || !b) return false;
    if (b->one_scale()) return true;
    const Tensor* matrix = graph_.constant(b->q);
    return matrix != nullptr && matrix->rank() == 2 && (b->axis == 1 || b->axis == -1);
  }

  // The inputs of a QLinear operator of two operands: bytes, scale and zero point of each, and the last two of the result.
  std::vector<ValueId> inputs_of(const Quantized& a, const Quantized& b, const Quantized& to, ValueId y) {
    return {a.q,
            a.scale,
            zero_of(a, dtype_of(a.q)),
            b.q,
            b.scale,
            zero_of(b, dtype_of(b.q)),
            to.scale,
            zero_of(to, dtype_of(y))};
  }

  void fuse_matmul(const Node& matmul, const Quantized& to, ValueId y, NodeId before) {
    std::optional<Quantized> a, b;
    if (!operands(matmul, a, b)) return;
    Node node{.name = matmul.name, .domain = "", .op_type = "QLinearMatMul"};
    node.inputs = inputs_of(*a, *b, to, y);
    replace_value(graph_, y, std::move(node), before);
  }

  // Where a Q follows, that takes the product instead.
  void matmul_to_float(NodeId id) {
    const Node matmul = graph_.node(id);
    const ValueId y = matmul.outputs[0];
    if (used_once(y)) {
      const Node& user = graph_.node(graph_.value(y).uses[0].node);
      if (user.op_type == "QuantizeLinear" && is_byte(graph_, user.outputs[0])) return;
    }
    std::optional<Quantized> a, b;
    if (!is_float(graph_, y) || !operands(matmul, a, b)) return;
    Node node{.name = matmul.name, .domain = "com.microsoft", .op_type = "MatMulIntegerToFloat"};
    node.inputs = {a->q, b->q, a->scale, b->scale, zero_of(*a, dtype_of(a->q)), zero_of(*b, dtype_of(b->q))};
    replace_value(graph_, y, std::move(node), id);
  }

  void fuse_binary(const Node& binary, const Quantized& to, ValueId y, NodeId before) {
    const auto a = dequantized_bytes(binary.inputs[0], true), b = dequantized_bytes(binary.inputs[1], true);
    if (!a || !b || dtype_of(a->q) != dtype_of(y) || dtype_of(b->q) != dtype_of(y)) return;
    const std::optional<Shape>&left = graph_.value(a->q).type.shape, &right = graph_.value(b->q).type.shape;
    if (!left || !right || *left != *right) return;  // the kernel does not broadcast
    Node node{.name = binary.name,
              .domain = "com.microsoft",
              .op_type = binary.op_type == "Add" ? "QLinearAdd" : "QLinearMul"};
    node.inputs = inputs_of(*a, *b, to, y);
    replace_value(graph_, y, std::move(node), before);
  }

  // DQ after the node instead of before it, where nobody else reads what was dequantised.
  void move_through(NodeId id) {
    const Node mover = graph_.node(id);
    const ValueId x = mover.inputs[0], y = mover.outputs[0];
    const std::optional<Quantized> from = dequantized_bytes(x, true);
    if (!from || !used_once(x) || graph_.constant(from->q) != nullptr || !mover.domain.empty()) return;
    for (std::size_t i = 1; i < mover.outputs.size(); ++i) {
      if (mover.outputs[i].valid()) return;
    }
    ValueType type = graph_.value(y).type;
    type.dtype = dtype_of(from->q);
    Node bytes{.name = mover.name, .domain = "", .op_type = mover.op_type};
    bytes.attributes = mover.attributes;
    bytes.inputs = mover.inputs;
    bytes.inputs[0] = from->q;
    const NodeId moved = graph_.add_node(std::move(bytes), {{graph_.value(y).name + " as bytes", std::move(type)}}, id);
    const Node& dequantize = *graph_.producer(x);
    Node after{.name = dequantize.name, .domain = dequantize.domain, .op_type = "DequantizeLinear"};
    after.inputs = {graph_.node(moved).outputs[0], from->scale};
    if (from->zero.valid()) after.inputs.push_back(from->zero);
    replace_value(graph_, y, std::move(after), id);
    graph_.erase_node(id);
    graph_.erase_node(graph_.value(x).producer);
  }

  Graph& graph_;
};

}  // namespace

void fuse_quantized(Graph& graph) {
  Fusing(graph).run();
  graph.remove_dead();
}

}  // namespace cycloid
