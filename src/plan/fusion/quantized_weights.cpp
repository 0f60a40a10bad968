// MatMul(x, DequantizeLinear(w))  =>  com.microsoft.MatMulNBits(x, w')
//
// for constant weights of 2, 4 or 8 bits in blocks along the depth: folded, they would be as large as float32 ones, and a
// decoded token costs the reading of its weights. w' has the codes by column, and signed ones moved up by half their range.
#include <bit>
#include <optional>
#include <vector>

#include "ops/elements.h"
#include "ops/quantization/quantize.h"
#include "plan/fusion/fusion.h"
#include "plan/fusion/replace.h"
#include "plan/half.h"

namespace cycloid {
namespace {

struct Blocks {
  const Tensor *codes = nullptr, *scales = nullptr, *points = nullptr;  // points may be absent
  std::int64_t k = 0, n = 0, block = 0;
  int bits = 0;
  std::int64_t shift = 0;  // added to codes and zero points, so that none is negative

  std::int64_t count() const { return (k + block - 1) / block; }
};

// The weights of a DequantizeLinear of this form.
std::optional<Blocks> parse(const Graph& graph, const Node& node) {
  if (node.op_type != "DequantizeLinear" || (!node.domain.empty() && node.domain != "com.microsoft")) return {};
  const Result<QuantizeAttributes> attributes = QuantizeAttributes::parse(node);
  if (!attributes || attributes->block_size < 16 ||
      !std::has_single_bit(static_cast<std::uint64_t>(attributes->block_size)))
    return {};
  Blocks b{.codes = graph.constant(node.inputs[0]), .scales = graph.constant(node.inputs[1])};
  if (b.codes == nullptr || b.scales == nullptr || b.codes->rank() != 2 || b.scales->rank() != 2) return {};
  if (attributes->axis != 0 && attributes->axis != -2) return {};
  if (node.inputs.size() > 2 && node.inputs[2].valid()) {
    b.points = graph.constant(node.inputs[2]);
    if (b.points == nullptr || b.points->dims() != b.scales->dims()) return {};
  }
  b.k = b.codes->dim(0);
  b.n = b.codes->dim(1);
  b.block = attributes->block_size;
  b.bits = bits_of(b.codes->dtype());
  const DType type = b.codes->dtype();
  if (type != DType::kUInt8 && type != DType::kInt8 && type != DType::kUInt4 && type != DType::kInt4 &&
      type != DType::kUInt2 && type != DType::kInt2)
    return {};
  b.shift = is_signed_integer(type) ? std::int64_t{1} << (b.bits - 1) : 0;
  if (b.block >= 2 * std::max<std::int64_t>(b.k, 16)) return {};  // a block is packed whole
  if (b.k < 1 || b.n < 1 || b.scales->dims() != Dims{b.count(), b.n}) return {};
  return b;
}

// `values` of shape [depth][n] by column, in so many bits each, the first in the lowest; a column begins with a byte.
Tensor packed(const std::vector<std::int64_t>& values, const Blocks& b, std::int64_t depth, Dims dims) {
  Tensor tensor = Tensor::zeros(DType::kUInt8, std::move(dims)).value();
  std::uint8_t* bytes = tensor.mutable_data<std::uint8_t>().data();
  const std::int64_t column_bytes = tensor.element_count() / b.n, each = 8 / b.bits;
  for (std::int64_t i = 0; i < depth; ++i) {
    for (std::int64_t j = 0; j < b.n; ++j) {
      const std::int64_t code = values[static_cast<std::size_t>(i * b.n + j)] + b.shift;
      bytes[j * column_bytes + i / each] |= static_cast<std::uint8_t>(code << (i % each * b.bits));
    }
  }
  return tensor;
}

Tensor by_column(const Tensor& scales, const Blocks& b) {
  Tensor tensor = Tensor::zeros(scales.dtype(), {b.n, b.count()}).value();
  dispatch<float, Float16, BFloat16>(scales.dtype(), [&]<class T>(T) {
    const std::span<const T> from = scales.data<T>();
    const std::span<T> to = tensor.mutable_data<T>();
    for (std::int64_t i = 0; i < b.count(); ++i) {
      for (std::int64_t j = 0; j < b.n; ++j)
        to[static_cast<std::size_t>(j * b.count() + i)] = from[static_cast<std::size_t>(i * b.n + j)];
    }
  });
  return tensor;
}

void fuse(Graph& graph, NodeId id, const Blocks& b) {
  const Node node = graph.node(id);
  std::vector<std::int64_t> points(static_cast<std::size_t>(b.count() * b.n), 0);
  if (b.points != nullptr) points = load_all<std::int64_t>(*b.points);
  // All that is read before what is added: new values move the graph's others.
  Tensor made_codes = packed(load_all<std::int64_t>(*b.codes), b, b.k, {b.n, b.count(), b.block * b.bits / 8});
  Tensor made_scales = by_column(*b.scales, b);
  Tensor made_points = packed(points, b, b.count(), {b.n, (b.count() * b.bits + 7) / 8});
  const ValueId codes = graph.add_constant("codes", std::move(made_codes));
  const ValueId scales = graph.add_constant("scales", std::move(made_scales));
  const ValueId zero_points = graph.add_constant("zero_points", std::move(made_points));
  Node made{.name = node.name, .domain = "com.microsoft", .op_type = "MatMulNBits"};
  made.inputs = {node.inputs[0], codes, scales, zero_points};
  made.attributes = {{"K", b.k}, {"N", b.n}, {"bits", std::int64_t{b.bits}}, {"block_size", b.block}};
  replace_value(graph, node.outputs[0], std::move(made), id);
  graph.erase_node(id);
}

}  // namespace

void fuse_quantized_weights(Graph& graph) {
  const std::vector<NodeId> order(graph.nodes().begin(), graph.nodes().end());
  for (const NodeId id : order) {
    const Node& node = graph.node(id);
    if (!node.domain.empty() || node.op_type != "MatMul") continue;
    const Node* maker = graph.producer(node.inputs[1]);
    const ValueType& x = graph.value(node.inputs[0]).type;
    if (maker == nullptr || !x.is_tensor() || !x.shape || x.shape->empty()) continue;
    const std::optional<Blocks> blocks = parse(graph, *maker);
    const bool same = blocks && blocks->scales->dtype() == x.dtype &&
                      (x.dtype == DType::kFloat32 || is_half(x.dtype)) &&
                      (!x.shape->back().is_known() || x.shape->back().value() == blocks->k);
    if (same) fuse(graph, id, *blocks);
  }
  graph.remove_dead();
}

}  // namespace cycloid
