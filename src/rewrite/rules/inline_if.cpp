// if(true, a, b) => the nodes of a
#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"If"};

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  const Tensor* condition = context.constant(node.inputs[0]);
  if (condition == nullptr || condition->dtype() != DType::kBool || condition->element_count() != 1)
    return std::nullopt;
  const auto branch = get_graph(node, condition->data<bool>()[0] ? "then_branch" : "else_branch");
  if (!branch || (*branch)->outputs().size() != node.outputs.size()) return std::nullopt;
  Patch patch;
  const auto results = patch.inline_body(**branch, {});
  if (!results) return std::nullopt;
  for (std::size_t i = 0; i < results->size(); ++i) {
    if (!output_wanted(context.graph, node, i)) continue;
    // A result that exists already may not take the name of a graph output; a new one can.
    const bool exists = (*results)[i].existing().valid() || patch.new_constant((*results)[i]) != nullptr;
    const bool needs_name = exists && context.graph.is_output(node.outputs[i]);
    patch.replace(node.outputs[i], needs_name ? patch.node("Identity", {(*results)[i]}) : (*results)[i]);
  }
  return patch;
}

}  // namespace

const Rule kInlineIf = {
    .name = "inline-if",
    .law = "if(true, a, b) => a",
    .why = "The condition is the same in every run, so one branch is never taken.",
    .kind = RuleKind::kFewerNodes,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
