// f(a), f(b), ... where a, b, ... = split(x)  =>  split(f(x)) for an elementwise f of one input
#include <algorithm>

#include "rewrite/elementwise.h"
#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Split"};

template <class T>
bool both_are(const Attribute& a, const Attribute& b) {
  const T* x = std::get_if<T>(&a);
  const T* y = std::get_if<T>(&b);
  return x != nullptr && y != nullptr && *x == *y;
}

// Plain attributes: all that elementwise operators have.
bool same_attributes(const Node& a, const Node& b) {
  return std::ranges::equal(a.attributes, b.attributes, [](const auto& x, const auto& y) {
    return x.first == y.first && (both_are<std::int64_t>(x.second, y.second) || both_are<float>(x.second, y.second) ||
                                  both_are<std::string>(x.second, y.second));
  });
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& split = context.graph.node(root);
  if (split.outputs.size() < 2) return std::nullopt;
  std::vector<const Node*> users;
  for (const ValueId part : split.outputs) {
    const NodeId user = part.valid() ? only_user(context, part) : NodeId{};
    if (!user.valid()) return std::nullopt;
    const Node& node = context.graph.node(user);
    if (!is_elementwise(node) || node.inputs.size() != 1) return std::nullopt;
    if (!users.empty() && (node.op_type != users[0]->op_type || !same_attributes(node, *users[0]))) return std::nullopt;
    users.push_back(&node);
  }
  Patch patch;
  std::vector<Patch::Ref> inputs(split.inputs.begin(), split.inputs.end());
  inputs[0] = patch.node(users[0]->op_type, {split.inputs[0]}, users[0]->attributes);
  const auto parts = patch.node_with_outputs(users.size(), "Split", std::move(inputs), split.attributes);
  for (std::size_t i = 0; i < users.size(); ++i) patch.replace(users[i]->outputs[0], parts[i]);
  return patch;
}

}  // namespace

const Rule kMergeOverSplit = {
    .name = "merge-over-split",
    .law = "f(a), f(b) of a, b = split(x) => split(f(x)) for an elementwise f of one input",
    .why = "The operator treats every element alike, so it can treat all parts at once before they are cut apart.",
    .kind = RuleKind::kFewerNodes,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
