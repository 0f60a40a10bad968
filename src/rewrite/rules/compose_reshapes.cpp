// reshape(g(x), shape) => reshape(x, shape) where g is itself a reshape (Reshape, Flatten, Squeeze, Unsqueeze)
#include <algorithm>

#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Reshape"};
constexpr std::string_view kReshapes[] = {"Flatten", "Reshape", "Squeeze", "Unsqueeze"};

// A 0 in the shape copies a size of the input by its place, so the target must not depend on the input's form.
bool copies_sizes(const RuleContext& context, const Node& reshape) {
  const Tensor* shape = context.graph.constant(reshape.inputs[1]);
  if (shape == nullptr) return true;
  const auto allow_zero = get_int(reshape, "allowzero", 0);
  if (allow_zero && *allow_zero != 0) return false;
  return std::ranges::count(to_int64s(*shape), 0) != 0;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& outer = context.graph.node(root);
  const Node* inner = context.graph.producer(outer.inputs[0]);
  if (inner == nullptr || !inner->domain.empty() || std::ranges::find(kReshapes, inner->op_type) == std::end(kReshapes))
    return std::nullopt;
  if (copies_sizes(context, outer)) return std::nullopt;
  Patch patch;
  patch.replace(outer.outputs[0], patch.node("Reshape", {inner->inputs[0], outer.inputs[1]}, outer.attributes));
  return patch;
}

}  // namespace

const Rule kComposeReshapes = {
    .name = "compose-reshapes",
    .law = "reshape(reshape(x, s), t) => reshape(x, t)",
    .why = "A reshape keeps the elements in order, so only the last shape matters.",
    .kind = RuleKind::kFewerNodes,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
