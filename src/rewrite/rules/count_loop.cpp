// loop(while c(k), k = k + 1, ...) => loop(n, ...) where the condition depends on constants alone
//
// What an exported `while` leaves: counters that start at constants and steps that are constants.
#include "ops/control/loop_trips.h"
#include "rewrite/loop_form.h"
#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Loop"};
std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& loop = context.graph.node(root);
  const auto body = get_graph(loop, "body");
  if (!body || loop_form(context, loop)) return std::nullopt;  // already counted
  const auto trips =
      loop_trips(context.model, loop, **body, [&](ValueId id) { return id.valid() ? context.constant(id) : nullptr; });
  if (!trips) return std::nullopt;

  Patch patch;
  std::vector<Patch::Ref> refs{patch.constant("trips", Tensor::scalar<std::int64_t>(*trips)),
                               patch.constant("yes", Tensor::scalar<bool>(true))};
  for (std::size_t i = 2; i < loop.inputs.size(); ++i) refs.emplace_back(loop.inputs[i]);
  const auto results =
      patch.node_with_outputs(loop.outputs.size(), "Loop", std::move(refs),
                              {{"body", GraphPtr(std::make_shared<const Graph>(body_that_goes_on(**body)))}});
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (output_wanted(context.graph, loop, i)) patch.replace(loop.outputs[i], results[i]);
  }
  return patch;
}

}  // namespace

const Rule kCountLoop = {
    .name = "count-loop",
    .law = "loop(while c(k)) => loop(n) where the condition depends on constants alone",
    .why = "How often the loop runs follows from its counters, and is the same in every run.",
    .kind = RuleKind::kParallelBranches,
    .exact = false,  // the same operations, but those that a loop had before its body was changed may round otherwise
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
