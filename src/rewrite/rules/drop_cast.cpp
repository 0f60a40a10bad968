// cast(x, to = dtype of x) => x
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Cast", "CastLike"};

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  const DType from = context.dtype(node.inputs[0]);
  if (from == DType::kUndefined || from != context.dtype(node.outputs[0])) return std::nullopt;
  Patch patch;
  patch.replace(node.outputs[0], node.inputs[0]);
  return patch;
}

}  // namespace

const Rule kDropCast = {
    .name = "drop-cast",
    .law = "cast(x, dtype(x)) => x",
    .why = "The value already has the type it is cast to.",
    .kind = RuleKind::kFewerNodes,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
