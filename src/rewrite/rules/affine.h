// One factor and one shift per channel, and the operators that can take them into their weights.
#pragma once

#include <optional>
#include <vector>

#include "rewrite/rule.h"

namespace cycloid {

// y = x * factor[c] + shift[c] for channel c.
struct ScaleAndShift {
  std::vector<double> factor;
  std::vector<double> shift;
};

// Elements of a constant float32 or float64 tensor that is one number per channel (`axis` of a value of rank `rank`)
// after broadcasting; `channels` of them.
std::optional<std::vector<double>> per_channel(const Tensor& tensor, std::size_t rank, std::size_t axis,
                                               std::size_t channels);

// The axis and the number of the channels that `producer` makes with constant weights: Conv, ConvTranspose,
// BatchNormalization, Gemm, and MatMul by a matrix; nullopt for others.
struct Channels {
  std::size_t rank = 0;
  std::size_t axis = 0;
  std::size_t count = 0;
};
std::optional<Channels> output_channels(const RuleContext& context, const Node& producer);

// The producer with the affine map in its weights; nullopt where a weight is not constant, no float, or would leave the
// finite numbers.
std::optional<Patch::Ref> take_in(const RuleContext& context, Patch& patch, const Node& producer,
                                  const Channels& channels, const ScaleAndShift& map);

}  // namespace cycloid
