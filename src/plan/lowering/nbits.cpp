// MatMulNBits of com.microsoft.
#include "kernels/nbits/nbits.h"

#include <bit>
#include <vector>

#include "ops/op.h"
#include "plan/lowering/lowerings.h"
#include "plan/lowering/product_shape.h"

namespace cycloid {
namespace {

using kernels::NbitsParams;
using kernels::NbitsPlan;

class NbitsStep final : public Step {
 public:
  NbitsStep(NbitsPlan plan, Place a, std::optional<Place> bias, Place c, const void* packed)
      : plan_(std::move(plan)), a_(std::move(a)), bias_(std::move(bias)), c_(std::move(c)), packed_(packed) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    plan_.run({.a = context.at<const float>(a_),
               .packed = packed_,
               .bias = bias_ ? context.at<const float>(*bias_) : nullptr,
               .c = context.at<float>(c_),
               .scratch = context.scratch},
              begin, end);
  }

 private:
  NbitsPlan plan_;
  Place a_;
  std::optional<Place> bias_;
  Place c_;
  const void* packed_;
};

ValueId input(const Node& node, std::size_t i) { return i < node.inputs.size() ? node.inputs[i] : ValueId{}; }

Declined read_params(const Lowering& lowering, const Node& node, NbitsParams& p) {
  const Result<std::int64_t> k = get_int(node, "K", 0), n = get_int(node, "N", 0), bits = get_int(node, "bits", 4),
                             block = get_int(node, "block_size", 0), prepacked = get_int(node, "weight_prepacked", 0);
  if (!k || !n || !bits || !block || !prepacked || *prepacked != 0) return "an attribute that is not native";
  if (!lowering.is_float(node.inputs[0]) || lowering.dims(node.inputs[0])->empty()) return "only float32 is native";
  constexpr std::int64_t kMost = std::int64_t{1} << 30;
  if (*k < 1 || *n < 1 || *k > kMost || *n > kMost || *block < 16 || *block > kMost ||
      !std::has_single_bit(static_cast<std::uint64_t>(*block)) || (*bits != 2 && *bits != 4 && *bits != 8))
    return "sizes that the operator does not allow";
  const Dims a = *lowering.dims(node.inputs[0]);
  if (a.back() != *k) return "another depth than K";
  p.m = *element_count(a) / *k;
  p.n = *n;
  p.k = *k;
  p.bits = *bits;
  p.block = *block;
  p.threads = lowering.threads();
  return {};
}

// The zero points by column and block; nothing where there are none.
Declined read_points(const Lowering& lowering, const Node& node, const NbitsParams& p, std::vector<float>& points) {
  if (!input(node, 3).valid()) return {};
  const Tensor* tensor = lowering.constant(input(node, 3));
  if (tensor == nullptr) return "zero points that are computed in the run";
  const auto count = static_cast<std::size_t>(p.n * p.blocks());
  if (tensor->dtype() == DType::kFloat32) {
    const std::span<const float> data = tensor->data<float>();
    if (data.size() != count) return "zero points that do not fit the blocks";
    points.assign(data.begin(), data.end());
    return {};
  }
  const std::int64_t column_bytes = (p.blocks() * p.bits + 7) / 8, each = 8 / p.bits;
  if (tensor->dtype() != DType::kUInt8 || tensor->element_count() != p.n * column_bytes)
    return "zero points that do not fit the blocks";
  const std::uint8_t* bytes = tensor->data<std::uint8_t>().data();
  for (std::int64_t column = 0; column < p.n; ++column, bytes += column_bytes) {
    for (std::int64_t b = 0; b < p.blocks(); ++b)
      points.push_back(static_cast<float>(bytes[b / each] >> (b % each * p.bits) & ((1 << p.bits) - 1)));
  }
  return {};
}

// Whether g_idx, the block of each row, is absent or says what is so anyway.
bool in_order(const Lowering& lowering, const Node& node, const NbitsParams& p) {
  if (!input(node, 4).valid()) return true;
  const Tensor* tensor = lowering.constant(input(node, 4));
  if (tensor == nullptr || tensor->dtype() != DType::kInt32 || tensor->element_count() < p.k) return false;
  const std::span<const std::int32_t> blocks = tensor->data<std::int32_t>();
  for (std::int64_t i = 0; i < p.k; ++i) {
    if (blocks[static_cast<std::size_t>(i)] != i / p.block) return false;
  }
  return true;
}

}  // namespace

Declined lower_matmul_nbits(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  NbitsParams params;
  if (Declined reason = read_params(lowering, node, params); !reason.empty()) return reason;
  const Tensor *codes = lowering.constant(input(node, 1)), *scales = lowering.constant(input(node, 2));
  if (codes == nullptr || scales == nullptr) return "weights that are computed in the run";
  if (codes->dtype() != DType::kUInt8 ||
      codes->element_count() != params.n * params.blocks() * params.block * params.bits / 8 ||
      scales->dtype() != DType::kFloat32 || scales->element_count() != params.n * params.blocks())
    return "weights or scales that do not fit the blocks";
  if (!in_order(lowering, node, params)) return "blocks in another order (g_idx)";
  std::vector<float> points;
  if (Declined reason = read_points(lowering, node, params, points); !reason.empty()) return reason;
  const ValueId bias = input(node, 5);
  if (bias.valid() && (!lowering.is_float(bias) || !is_row(*lowering.dims(bias), params.n)))
    return "a bias that is no row";
  params.has_bias = bias.valid();
  const NbitsPlan plan = kernels::plan_nbits(params, lowering.options().isa);
  BufferId buffer;
  std::byte* memory = lowering.constant_memory(plan.packed_bytes, buffer);
  plan.pack(codes->data<std::uint8_t>().data(), scales->data<float>().data(), points.empty() ? nullptr : points.data(),
            memory);
  const Place a = lowering.read(node.inputs[0], Layout::kRowMajor);
  std::optional<Place> row;
  if (bias.valid()) row = lowering.read(bias, Layout::kRowMajor);
  const Place c = lowering.define(node.outputs[0], Layout::kRowMajor);
  Lowering::Draft draft{.nodes = {id}, .kernel = std::string(plan.name), .reads = {a}, .writes = {c}};
  if (row) draft.reads.push_back(*row);
  draft.units = plan.units;
  draft.scratch_bytes = plan.scratch_bytes;
  draft.flops = params.flops();
  draft.bytes = static_cast<double>(plan.packed_bytes);
  draft.speed = plan.tiles ? 0.7 : 0.3;
  lowering.add(std::make_unique<NbitsStep>(plan, a, row, c, memory), std::move(draft));
  return {};
}

}  // namespace cycloid
