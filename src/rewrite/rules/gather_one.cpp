// squeeze(gather(x, [i], axis), axis) => gather(x, i, axis);  unsqueeze(gather(x, i, axis), axis) => gather(x, [i], axis)
#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Reshape", "Squeeze", "Unsqueeze"};

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& form = context.graph.node(root);
  const Node* gather = context.producer(form.inputs[0], "Gather");
  if (gather == nullptr || !context.only_used_by(form.inputs[0], root)) return std::nullopt;
  const Shape* from = context.shape(gather->inputs[0]);
  const Shape* to = context.shape(form.outputs[0]);
  const Tensor* index = context.constant(gather->inputs[1]);
  if (from == nullptr || to == nullptr || index == nullptr || index->element_count() != 1 || index->rank() > 1)
    return std::nullopt;
  const auto axis = axis_attribute(*gather, "axis", 0, from->size());
  if (!axis) return std::nullopt;
  Shape other = *from;
  const auto at = other.begin() + static_cast<std::ptrdiff_t>(*axis);
  if (index->rank() == 0) {
    *at = 1;
  } else {
    other.erase(at);
  }
  if (other != *to) return std::nullopt;
  Patch patch;
  const auto moved =
      patch.constant(context.value(gather->inputs[1]).name, index->reshaped(index->rank() == 0 ? Dims{1} : Dims{}));
  patch.replace(form.outputs[0], patch.node("Gather", {gather->inputs[0], moved}, gather->attributes));
  return patch;
}

}  // namespace

const Rule kGatherOne = {
    .name = "gather-one",
    .law = "squeeze(gather(x, [i])) => gather(x, i); unsqueeze(gather(x, i)) => gather(x, [i])",
    .why = "The form of the index decides whether the gathered axis stays.",
    .kind = RuleKind::kFewerNodes,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
