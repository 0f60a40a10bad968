// transpose(x, identity) => x
#include "rewrite/rules/permutation.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Transpose"};

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  const auto permutation = permutation_of(context, node);
  if (!permutation || !is_identity(*permutation)) return std::nullopt;
  Patch patch;
  patch.replace(node.outputs[0], node.inputs[0]);
  return patch;
}

}  // namespace

const Rule kDropTranspose = {
    .name = "drop-transpose",
    .law = "transpose(x, [0, 1, ...]) => x",
    .why = "Every axis stays where it is.",
    .kind = RuleKind::kFewerNodes,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
