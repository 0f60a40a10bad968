// loop(i => y[i] = f(i))          => y = f(all i at once)
// loop(i => s = s + f(i))         => s + reduce_sum(f(all i at once))
// loop(i => y[i] = sum(x[ids==i])) => scatter_add(zeros, ids, x)
#include "rewrite/loop_batch.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Loop", "Scan"};

template <bool kReduces, bool kSegments>
std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  auto batch = batch_loop(context, root);
  if (!batch || batch->segments != kSegments) return std::nullopt;
  if (!kSegments && batch->reduces != kReduces) return std::nullopt;
  return std::move(batch->patch);
}

}  // namespace

const Rule kBatchLoop = {
    .name = "batch-loop",
    .law = "loop(i => y[i] = f(i)) => y = f over a new axis of i",
    .why = "No iteration needs another one's result, so all can be computed at once, along one more axis.",
    .kind = RuleKind::kParallelBranches,
    .exact = false,
    .cost_decides = true,
    .may_take_memory = true,
    .roots = kRoots,
    .propose = propose<false, false>,
};

const Rule kReduceLoop = {
    .name = "reduce-loop",
    .law = "loop(i => s = s + f(i)) => s + reduce_sum(f over a new axis of i); also products, maxima, minima",
    .why = "The carried value only collects what the iterations compute, and collecting can be done after all of them.",
    .kind = RuleKind::kCheaperNode,
    .exact = false,
    .cost_decides = true,
    .may_take_memory = true,
    .roots = kRoots,
    .propose = propose<true, false>,
};

const Rule kSegmentLoop = {
    .name = "segment-loop",
    .law = "loop(i => y[i] = reduce(x where ids == i)) => scatter with that reduction at ids",
    .why =
        "Each element belongs to one segment, so one pass that adds every element to its segment does for all of them.",
    .kind = RuleKind::kCheaperSubgraph,
    .exact = false,
    .cost_decides = true,
    .may_take_memory = true,
    .roots = kRoots,
    .propose = propose<false, true>,
};

}  // namespace cycloid
