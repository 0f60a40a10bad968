#include <algorithm>
#include <atomic>

#include "base/error.h"
#include "ops/op.h"
#include "plan/fusion/fusion.h"
#include "plan/lowering/late.h"
#include "plan/lowering/lowering.h"
#include "plan/memory.h"
#include "plan/plan.h"
#include "plan/plans_built.h"
#include "plan/schedule.h"
#include "plan/specialize.h"
#include "plan/tune/tuner.h"
#include "plan/weight_bytes.h"

namespace cycloid {
namespace {

// Below this, waking the other threads costs more than they give.
constexpr double kMinSharedFlops = 1e6;

// Whether the work is worth waking other threads for. Of a heavy node whose shapes are known only in the run, it may be.
bool is_worth_sharing(const Graph& graph) {
  double flops = 0;
  for (const NodeId id : graph.nodes()) {
    const Node& node = graph.node(id);
    const Result<Cost> cost = cost_of(graph, node);
    const std::optional<std::int64_t> known = cost ? cost->flops.known() : std::optional<std::int64_t>(0);
    if (!known && is_heavy(node)) return true;
    flops += static_cast<double>(known.value_or(0));
  }
  return flops >= kMinSharedFlops;
}

// The same of work that is no arithmetic (searches, moves, lookups): one step that takes long enough to be cut up.
bool has_long_step(const Plan& plan) {
  constexpr double kLongStep = 20000;  // ns; shorter ones run as wholes (schedule.cpp)
  return std::ranges::any_of(plan.steps,
                             [](const PlannedStep& step) { return step.units > 1 && step.cost >= kLongStep; });
}

void summarize(Plan& plan) {
  PlanInfo& info = plan.info;
  info.threads = plan.threads;
  info.stages = static_cast<int>(plan.stages.size());
  info.arena_bytes = plan.arena_bytes;
  info.scratch_bytes = plan.scratch_bytes;
  info.constant_bytes = plan.packed.bytes();
  for (const Tensor& tensor : plan.constants) info.constant_bytes += tensor.byte_count();
  for (const PlannedStep& step : plan.steps) {
    info.reference_steps += step.info.kernel == "reference" ? 1 : 0;
    info.steps.push_back(step.info);
    plan.cost += step.cost;
  }
}

std::atomic<std::uint64_t> built{0};

}  // namespace

std::uint64_t plans_built() { return built.load(std::memory_order_relaxed); }

Result<std::shared_ptr<const Plan>> build_plan(const std::shared_ptr<const ModelIr>& model,
                                               const std::vector<std::optional<Dims>>& input_dims,
                                               const PlanOptions& options) {
  built.fetch_add(1, std::memory_order_relaxed);
  ModelIr source = *model;
  if (!options.reference) {
    fuse_quantized_weights(source.graph);
    fuse_quantized(source.graph);
  }
  WorkBounds bounds = work_bounds() != nullptr ? *work_bounds() : WorkBounds();
  if (options.max_memory > 0) bounds.memory = std::make_shared<MemoryBudget>(options.max_memory);
  auto specialized = [&]() -> Result<ModelIr> {
    const BoundsScope scope(bounds);  // of what is folded, here and there
    CYCLOID_ASSIGN(ModelIr result, specialize(source, input_dims));
    if (!options.reference) CYCLOID_TRY(fuse(result));
    return result;
  }();
  CYCLOID_ASSIGN(ModelIr special, std::move(specialized));

  auto plan = std::make_shared<Plan>();
  for (const std::optional<Dims>& dims : input_dims) plan->input_dims.push_back(dims.value_or(Dims{}));
  plan->threads = options.threads > 1 && is_worth_sharing(special.graph) ? options.threads : 1;
  auto owned = std::make_shared<const ModelIr>(std::move(special));
  if (options.tuner != nullptr) options.tuner->begin(weight_bytes(owned->graph));
  CYCLOID_TRY(Lowering(*plan, *owned, options).run());
  if (options.tuner != nullptr) plan->info.tuning = options.tuner->end();
  if (has_long_step(*plan)) plan->threads = std::max(options.threads, 1);
  schedule(*plan);
  plan_memory(*plan);
  summarize(*plan);
  // Without reference steps nothing looks at the graph again, and the weights as the file has them can go.
  if (plan->info.reference_steps > 0) plan->model = std::move(owned);

  CYCLOID_TRY(check_stop().in("planning"));
  const std::size_t bytes = plan->arena_bytes + plan->scratch_bytes * static_cast<std::size_t>(plan->threads);
  if (options.max_memory > 0 && bytes > options.max_memory) {
    return make_error(ErrorCode::kResourceExhausted, "a run needs {} bytes, more than the bound of {} (max_memory)",
                      bytes, options.max_memory);
  }
  return std::shared_ptr<const Plan>(std::move(plan));
}

}  // namespace cycloid
