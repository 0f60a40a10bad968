// conv(x, w, b) * s => conv(x, w * s, b * s);  conv(x, w, b) + s => conv(x, w, b + s), s constant per channel
//
// Conv stands for ConvTranspose, BatchNormalization, Gemm and MatMul too; - and / for + and *.
#include <algorithm>

#include "rewrite/match.h"
#include "rewrite/rules/affine.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Add", "Div", "Mul", "Sub"};

// The binary operator with a constant as a map of its other input; `constant_first`: constant op x.
std::optional<ScaleAndShift> map_of(const Node& binary, std::vector<double> constant, bool constant_first) {
  const std::size_t n = constant.size();
  ScaleAndShift map{std::vector<double>(n, 1), std::vector<double>(n, 0)};
  if (binary.op_type == "Mul") {
    map.factor = std::move(constant);
  } else if (binary.op_type == "Add") {
    map.shift = std::move(constant);
  } else if (binary.op_type == "Sub") {
    map.shift = std::move(constant);
    if (constant_first) {
      std::ranges::fill(map.factor, -1);
    } else {
      std::ranges::for_each(map.shift, [](double& x) { x = -x; });
    }
  } else {  // Div
    if (constant_first) return std::nullopt;
    std::ranges::transform(constant, map.factor.begin(), [](double x) { return 1 / x; });
  }
  return map;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  for (const std::size_t i : {0, 1}) {
    const Node* producer = context.graph.producer(node.inputs[i]);
    const Tensor* constant = context.constant(node.inputs[1 - i]);
    if (producer == nullptr || constant == nullptr || !context.only_used_by(node.inputs[i], root)) continue;
    const auto channels = output_channels(context, *producer);
    const Shape* result = context.shape(node.outputs[0]);
    if (!channels || result == nullptr || result->size() != channels->rank) continue;
    auto numbers = per_channel(*constant, channels->rank, channels->axis, channels->count);
    if (!numbers) continue;
    const auto map = map_of(node, *std::move(numbers), i == 1);
    Patch patch;
    const auto folded = map ? take_in(context, patch, *producer, *channels, *map) : std::nullopt;
    if (!folded) continue;
    patch.replace(node.outputs[0], *folded);
    return patch;
  }
  return std::nullopt;
}

}  // namespace

const Rule kFoldScaleIntoWeights = {
    .name = "fold-scale-into-weights",
    .law = "conv(x, w, b) * s => conv(x, w * s, b * s); conv(x, w, b) + s => conv(x, w, b + s), s constant per channel",
    .why =
        "The operator is linear in its weights, so a factor and a shift per channel can be multiplied in beforehand.",
    .kind = RuleKind::kFewerNodes,
    .exact = false,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
