#include "ops/chosen_elements.h"

#include <algorithm>
#include <string_view>

namespace cycloid {
namespace {

constexpr std::string_view kOfFirst[] = {
    "Abs",       "Clip",           "Compress", "DepthToSpace", "Dropout",  "Expand",       "Flatten",
    "Gather",    "GatherElements", "GatherND", "Identity",     "MaxPool",  "Neg",          "Pad",
    "ReduceMax", "ReduceMin",      "Relu",     "Reshape",      "Slice",    "SpaceToDepth", "Split",
    "Squeeze",   "Tile",           "TopK",     "Transpose",    "Unsqueeze"};
constexpr std::string_view kOfAny[] = {"Concat", "Max", "Min", "Where"};

template <std::size_t N>
bool is_one_of(const Node& node, const std::string_view (&names)[N]) {
  return node.domain.empty() && std::ranges::find(names, node.op_type) != std::end(names);
}

}  // namespace

bool chooses_of_first(const Node& node) { return is_one_of(node, kOfFirst); }
bool chooses_of_any(const Node& node) { return is_one_of(node, kOfAny); }

}  // namespace cycloid
