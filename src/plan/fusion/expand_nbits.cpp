// MatMulNBits(a, w) with rows of w in blocks in any order (g_idx)
//   =>  MatMulNBits(Gather(a, order), w[order])     where the blocks are full: rows of a block stand side by side
//   =>  MatMul(a, the weights in float32), Add      elsewhere
#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>
#include <vector>

#include "plan/fusion/expanding.h"

namespace cycloid {
namespace {

// The weights as they are stored: n columns of `blocks` blocks, a code for each row of the depth.
struct PackedWeights {
  std::int64_t k = 0, n = 0, bits = 4, block = 0;
  const Tensor *codes = nullptr, *scales = nullptr, *points = nullptr;  // no points: the middle of the range
  std::vector<std::int64_t> block_of;                                   // by row

  std::int64_t blocks() const { return (k + block - 1) / block; }
  std::int64_t column_bytes() const { return blocks() * block * bits / 8; }
  std::int64_t point_bytes() const { return (blocks() * bits + 7) / 8; }

  static std::optional<PackedWeights> read(const Expanding& e, const Graph& graph);

  std::uint8_t code(const std::uint8_t* bytes, std::int64_t i) const {
    const std::int64_t each = 8 / bits;
    return static_cast<std::uint8_t>(bytes[i / each] >> (i % each * bits) & ((1 << bits) - 1));
  }
  void put(std::uint8_t* bytes, std::int64_t i, std::uint8_t value) const {
    const std::int64_t each = 8 / bits;
    bytes[i / each] = static_cast<std::uint8_t>(bytes[i / each] | value << (i % each * bits));
  }
  float point(std::int64_t column, std::int64_t b) const {
    if (points == nullptr) return static_cast<float>(1 << (bits - 1));
    if (points->dtype() == DType::kFloat32)
      return points->data<float>()[static_cast<std::size_t>(column * blocks() + b)];
    return code(points->data<std::uint8_t>().data() + column * point_bytes(), b);
  }
};

std::optional<PackedWeights> PackedWeights::read(const Expanding& e, const Graph& graph) {
  const Node& node = e.node();
  const Result<std::int64_t> k = get_int(node, "K", 0), n = get_int(node, "N", 0), bits = get_int(node, "bits", 4),
                             block = get_int(node, "block_size", 0), packed = get_int(node, "weight_prepacked", 0);
  constexpr std::int64_t kMost = std::int64_t{1} << 30;
  if (!k || !n || !bits || !block || !packed || *packed != 0) return {};
  if (*k < 1 || *n < 1 || *k > kMost || *n > kMost || *block < 16 || *block > kMost ||
      !std::has_single_bit(static_cast<std::uint64_t>(*block)) || (*bits != 2 && *bits != 4 && *bits != 8))
    return {};
  PackedWeights w{.k = *k, .n = *n, .bits = *bits, .block = *block};
  const auto constant = [&](std::size_t i) { return e.input(i).valid() ? graph.constant(e.input(i)) : nullptr; };
  w.codes = constant(1);
  w.scales = constant(2);
  w.points = constant(3);
  const Tensor* order = constant(4);
  if (w.codes == nullptr || w.codes->dtype() != DType::kUInt8 || w.codes->element_count() != w.n * w.column_bytes())
    return {};
  if (w.scales == nullptr || w.scales->dtype() != DType::kFloat32 || w.scales->element_count() != w.n * w.blocks())
    return {};
  if (e.input(3).valid()) {
    if (w.points == nullptr) return {};
    const bool real = w.points->dtype() == DType::kFloat32;
    if (!real && w.points->dtype() != DType::kUInt8) return {};
    if (w.points->element_count() != w.n * (real ? w.blocks() : w.point_bytes())) return {};
  }
  if (order == nullptr || order->dtype() != DType::kInt32 || order->element_count() < w.k) return {};
  for (const std::int32_t b : order->data<std::int32_t>()) {
    if (b < 0 || b >= w.blocks()) return {};
    w.block_of.push_back(b);
  }
  w.block_of.resize(static_cast<std::size_t>(w.k));
  return w;
}

// Blocks in an order in which all but the last are full, or nothing.
std::optional<std::vector<std::int64_t>> full_blocks(const PackedWeights& w) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(w.blocks()), 0), order(rows.size());
  for (const std::int64_t b : w.block_of) ++rows[static_cast<std::size_t>(b)];
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](std::int64_t b) { return rows[static_cast<std::size_t>(b)] != w.block; });
  for (std::size_t i = 0; i + 1 < order.size(); ++i) {
    if (rows[static_cast<std::size_t>(order[i])] != w.block) return {};
  }
  return order;
}

void regroup(Expanding& e, const PackedWeights& w, const std::vector<std::int64_t>& blocks) {
  std::vector<std::int64_t> place(blocks.size()), rows(static_cast<std::size_t>(w.k));
  for (std::size_t i = 0; i < blocks.size(); ++i)
    place[static_cast<std::size_t>(blocks[i])] = static_cast<std::int64_t>(i);
  std::iota(rows.begin(), rows.end(), 0);
  const auto place_of = [&](std::int64_t row) {
    return place[static_cast<std::size_t>(w.block_of[static_cast<std::size_t>(row)])];
  };
  std::ranges::stable_sort(rows, {}, place_of);
  Tensor codes = Tensor::zeros(DType::kUInt8, w.codes->dims()).value();
  Tensor scales = Tensor::zeros(DType::kFloat32, w.scales->dims()).value();
  std::optional<Tensor> points;
  if (w.points != nullptr) points = Tensor::zeros(w.points->dtype(), w.points->dims()).value();
  for (std::int64_t column = 0; column < w.n; ++column) {
    const std::uint8_t* from = w.codes->data<std::uint8_t>().data() + column * w.column_bytes();
    std::uint8_t* to = codes.mutable_data<std::uint8_t>().data() + column * w.column_bytes();
    for (std::int64_t i = 0; i < w.k; ++i) w.put(to, i, w.code(from, rows[static_cast<std::size_t>(i)]));
    for (std::int64_t b = 0; b < w.blocks(); ++b) {
      const std::int64_t old = blocks[static_cast<std::size_t>(b)];
      const auto at = static_cast<std::size_t>(column * w.blocks());
      scales.mutable_data<float>()[at + static_cast<std::size_t>(b)] =
          w.scales->data<float>()[at + static_cast<std::size_t>(old)];
      if (!points) continue;
      if (points->dtype() == DType::kFloat32)
        points->mutable_data<float>()[at + static_cast<std::size_t>(b)] = w.point(column, old);
      else
        w.put(points->mutable_data<std::uint8_t>().data() + column * w.point_bytes(), b,
              static_cast<std::uint8_t>(w.point(column, old)));
    }
  }
  Graph& graph = e.graph();
  const ValueId order = graph.add_constant("order", int64s(rows));
  const ValueId a = e.add("Gather", {e.input(0), order}, *e.dims(e.input(0)), {{"axis", std::int64_t{-1}}});
  std::vector<ValueId> inputs = {a,
                                 graph.add_constant("codes", std::move(codes)),
                                 graph.add_constant("scales", std::move(scales)),
                                 points ? graph.add_constant("points", *std::move(points)) : ValueId{},
                                 ValueId{},
                                 e.input(5)};
  while (!inputs.back().valid()) inputs.pop_back();
  e.give(0, e.add_typed("MatMulNBits", DType::kFloat32, std::move(inputs), *e.dims(e.node().outputs[0]),
                        e.node().attributes, "com.microsoft"));
  e.done();
}

void widen(Expanding& e, const PackedWeights& w) {
  Tensor weights = Tensor::zeros(DType::kFloat32, {w.k, w.n}).value();
  const std::span<float> to = weights.mutable_data<float>();
  for (std::int64_t column = 0; column < w.n; ++column) {
    const std::uint8_t* from = w.codes->data<std::uint8_t>().data() + column * w.column_bytes();
    for (std::int64_t i = 0; i < w.k; ++i) {
      const std::int64_t b = w.block_of[static_cast<std::size_t>(i)];
      to[static_cast<std::size_t>(i * w.n + column)] =
          (static_cast<float>(w.code(from, i)) - w.point(column, b)) *
          w.scales->data<float>()[static_cast<std::size_t>(column * w.blocks() + b)];
    }
  }
  const Dims shape = *e.dims(e.node().outputs[0]);
  ValueId y = e.add("MatMul", {e.input(0), e.graph().add_constant("weights", std::move(weights))}, shape);
  if (e.input(5).valid()) y = e.add("Add", {y, e.input(5)}, shape);
  e.give(0, y);
  e.done();
}

}  // namespace

void expand_matmul_nbits(Expanding& e) {
  const auto a = e.dims(e.input(0)), y = e.dims(e.node().outputs[0]), bias = e.dims(e.input(5));
  if (!a || a->empty() || !y || e.dtype(e.input(0)) != DType::kFloat32 || !e.input(4).valid()) return;
  const auto w = PackedWeights::read(e, e.graph());
  if (!w || a->back() != w->k || (e.input(5).valid() && (!bias || *bias != Dims{w->n}))) return;
  std::vector<std::int64_t> plain(w->block_of.size());
  for (std::size_t i = 0; i < plain.size(); ++i) plain[i] = static_cast<std::int64_t>(i) / w->block;
  if (plain == w->block_of) return;
  if (const auto blocks = full_blocks(*w)) {
    regroup(e, *w, *blocks);
  } else {
    widen(e, *w);
  }
}

}  // namespace cycloid
