// transpose(transpose(x, p), q) => transpose(x, p[q])
#include "rewrite/rules/permutation.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Transpose"};

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& outer = context.graph.node(root);
  const Node* inner = context.producer(outer.inputs[0], "Transpose");
  if (inner == nullptr) return std::nullopt;
  const auto p = permutation_of(context, *inner);
  const auto q = permutation_of(context, outer);
  if (!p || !q || p->size() != q->size()) return std::nullopt;
  Patch patch;
  patch.replace(outer.outputs[0], patch.node("Transpose", {inner->inputs[0]}, {{"perm", compose(*p, *q)}}));
  return patch;
}

}  // namespace

const Rule kComposeTransposes = {
    .name = "compose-transposes",
    .law = "transpose(transpose(x, p), q) => transpose(x, p[q])",
    .why = "Permuting axes twice is permuting them once by the composed permutation.",
    .kind = RuleKind::kFewerNodes,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
