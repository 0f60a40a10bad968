// identity(x) => x, and dropout(x) => x outside training.
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Identity", "Dropout"};

// Dropout trains only where its third input says so.
bool trains(const RuleContext& context, const Node& node) {
  if (node.inputs.size() < 3 || !node.inputs[2].valid()) return false;
  const Tensor* mode = context.graph.constant(node.inputs[2]);
  return mode == nullptr || mode->dtype() != DType::kBool || mode->element_count() != 1 || mode->data<bool>()[0];
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  if (node.op_type == "Dropout") {
    if (trains(context, node)) return std::nullopt;
    const bool mask_wanted =
        node.outputs.size() > 1 && node.outputs[1].valid() && !context.graph.is_dead(node.outputs[1]);
    if (mask_wanted) return std::nullopt;
  }
  Patch patch;
  patch.replace(node.outputs[0], node.inputs[0]);
  return patch;
}

}  // namespace

const Rule kDropIdentity = {
    .name = "drop-identity",
    .law = "identity(x) => x; dropout(x) => x outside training",
    .why = "The node hands its input on unchanged.",
    .kind = RuleKind::kFewerNodes,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
