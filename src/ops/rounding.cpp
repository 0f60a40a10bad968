#include "ops/rounding.h"

#include <algorithm>
#include <string_view>

namespace cycloid {
namespace {

constexpr std::string_view kExact[] = {"Abs",
                                       "ArgMax",
                                       "ArgMin",
                                       "BitCast",
                                       "Cast",
                                       "CastLike",
                                       "Ceil",
                                       "Clip",
                                       "Compress",
                                       "Concat",
                                       "Equal",
                                       "Expand",
                                       "Flatten",
                                       "Floor",
                                       "Gather",
                                       "GatherElements",
                                       "GatherND",
                                       "Greater",
                                       "GreaterOrEqual",
                                       "Identity",
                                       "IsInf",
                                       "IsNaN",
                                       "Less",
                                       "LessOrEqual",
                                       "Max",
                                       "Min",
                                       "Neg",
                                       "NonZero",
                                       "Pad",
                                       "ReduceMax",
                                       "ReduceMin",
                                       "Relu",
                                       "Reshape",
                                       "ReverseSequence",
                                       "Round",
                                       "Shape",
                                       "Sign",
                                       "Size",
                                       "Slice",
                                       "Split",
                                       "Squeeze",
                                       "Tile",
                                       "TopK",
                                       "Transpose",
                                       "Trilu",
                                       "Unique",
                                       "Unsqueeze",
                                       "Where"};
constexpr std::string_view kRoundedOnce[] = {"Add", "Mul", "Sub"};

}  // namespace

Rounding rounding_of(const Node& node) {
  if (!node.domain.empty()) return Rounding::kAny;
  if (std::ranges::find(kExact, node.op_type) != std::end(kExact)) return Rounding::kNone;
  if (std::ranges::find(kRoundedOnce, node.op_type) != std::end(kRoundedOnce)) return Rounding::kOnce;
  return Rounding::kAny;
}

}  // namespace cycloid
