// batch_norm(conv(x, w, b)) => conv(x, w * s, (b - mean) * s + bias) with s = scale / sqrt(var + epsilon), per channel
//
// Conv stands for ConvTranspose, Gemm and MatMul too.
#include <cmath>

#include "rewrite/match.h"
#include "rewrite/rules/affine.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"BatchNormalization"};

// What the normalisation does to each channel outside training.
std::optional<ScaleAndShift> map_of(const RuleContext& context, const Node& norm, std::size_t channels) {
  const auto training = get_int(norm, "training_mode", 0);
  const auto epsilon = get_float(norm, "epsilon", 1e-5F);
  if (!training || *training != 0 || !epsilon) return std::nullopt;
  std::vector<double> inputs[4];  // scale, bias, mean, variance
  for (std::size_t i = 0; i < 4; ++i) {
    const Tensor* tensor = context.constant(norm.inputs[i + 1]);
    auto values = tensor != nullptr ? per_channel(*tensor, 1, 0, channels) : std::nullopt;
    if (!values) return std::nullopt;
    inputs[i] = *std::move(values);
  }
  ScaleAndShift map;
  for (std::size_t c = 0; c < channels; ++c) {
    map.factor.push_back(inputs[0][c] / std::sqrt(inputs[3][c] + *epsilon));
    map.shift.push_back(inputs[1][c] - inputs[2][c] * map.factor[c]);
  }
  return map;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& norm = context.graph.node(root);
  const Node* producer = context.graph.producer(norm.inputs[0]);
  if (producer == nullptr || producer->op_type == "BatchNormalization") return std::nullopt;
  if (!context.only_used_by(norm.inputs[0], root)) return std::nullopt;
  const auto channels = output_channels(context, *producer);
  if (!channels || channels->axis != 1) return std::nullopt;
  const auto map = map_of(context, norm, channels->count);
  if (!map) return std::nullopt;
  Patch patch;
  const auto folded = take_in(context, patch, *producer, *channels, *map);
  if (!folded) return std::nullopt;
  patch.replace(norm.outputs[0], *folded);
  return patch;
}

}  // namespace

const Rule kFoldBatchNormIntoConv = {
    .name = "fold-batch-norm-into-conv",
    .law = "batch_norm(conv(x, w, b)) => conv(x, w * s, (b - mean) * s + bias), s = scale / sqrt(var + epsilon)",
    .why =
        "Outside training a batch normalisation is one factor and one shift per channel, and a convolution is linear.",
    .kind = RuleKind::kStandard,
    .exact = false,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
