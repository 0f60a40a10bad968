// f(x) => x where f moves no element: reshapes to the same shape, full slices, empty pads, one-input joins
#include <algorithm>

#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Concat",  "Expand", "Flatten", "Max",     "Mean", "Min",  "Pad",
                                       "Reshape", "Slice",  "Split",   "Squeeze", "Sum",  "Tile", "Unsqueeze"};

// With the same shape, these leave every element where it is. (Expand only adds sizes, and Tile repeats an empty axis at
// most.)
constexpr std::string_view kByShape[] = {"Expand", "Flatten", "Reshape", "Squeeze", "Tile", "Unsqueeze"};
constexpr std::string_view kJoins[] = {"Concat", "Max", "Mean", "Min", "Sum"};

// The same sizes with steps of 1: the whole axis. (A negative step would reverse it.)
bool steps_are_one(const RuleContext& context, const Node& slice) {
  if (!has_input(slice, 4)) return true;
  const auto steps = context.constant_ints(slice.inputs[4]);
  return steps && std::ranges::all_of(*steps, [](std::int64_t step) { return step == 1; });
}

bool pads_nothing(const RuleContext& context, const Node& pad) {
  const auto pads = context.constant_ints(pad.inputs[1]);
  return pads && std::ranges::all_of(*pads, [](std::int64_t size) { return size == 0; });
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  if (node.inputs.empty() || node.outputs.size() != 1) return std::nullopt;
  bool nothing = false;
  if (is_one_of(node, kJoins)) {
    nothing = node.inputs.size() == 1;
  } else if (node.op_type == "Pad") {
    nothing = pads_nothing(context, node);
  } else if (node.op_type == "Split") {
    nothing = true;  // into one part
  } else {
    nothing = same_shape(context.shape(node.inputs[0]), context.shape(node.outputs[0])) &&
              (is_one_of(node, kByShape) || steps_are_one(context, node));
  }
  if (!nothing) return std::nullopt;
  return drop(node);
}

}  // namespace

const Rule kDropNoOp = {
    .name = "drop-no-op",
    .law = "f(x) => x where f keeps every size and element (Reshape, Slice, Pad, Expand, Tile, Concat of one, ...)",
    .why = "The result has the shape of the input, and the operator moves no element then.",
    .kind = RuleKind::kFewerNodes,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
