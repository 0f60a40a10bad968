#include "plan/schedule.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <span>

namespace cycloid {
namespace {

// Two threads that spin meet in about 0.2 µs, and data that the other core wrote must cross the cache. Stages with less work
// than this stay on one thread.
constexpr double kMinSharedStage = 2000;  // ns

// A thread's share is cut into so many pieces, so that what it has not begun when others are done can be theirs: estimates
// err, and the system takes processors away. To take a piece costs about 0.1 µs, and what the kernel does for every range.
constexpr double kPiecesPerThread = 4;
constexpr double kMinPiece = 4000;  // ns
constexpr double kMinPieceRangeCosts = 20;

// A step of less than this is not worth cutting up for all threads: each part would be of the size of a meeting's cost and of
// the lines that cross between the caches. Independent ones run side by side instead.
constexpr double kShortStep = 20000;  // ns

double stage_cost(const Plan& plan, const Stage& stage) {
  double cost = 0;
  for (std::uint32_t s = stage.begin; s < stage.end; ++s) cost += plan.steps[s].cost;
  return cost;
}

// The stage of each step: the last one so far, or one behind it if the step conflicts with a step there. A short step, or one
// that cannot be shared, goes as far back as its conflicts allow to a stage of such steps that has not enough of them for all
// threads: branches that stand one after the other in the graph so meet. What it makes is then kept for longer, which
// costs little, as short steps make little.
std::vector<std::size_t> stages_of(const Plan& plan) {
  std::vector<std::size_t> stage(plan.steps.size());
  struct Filled {
    double cost = 0;
    int steps = 0;
    bool has_long_step = false;
  };
  std::vector<Filled> stages;
  std::vector<std::vector<std::pair<BufferUse, std::size_t>>> uses(plan.buffers.size());  // by earlier steps
  for (std::size_t s = 0; s < plan.steps.size(); ++s) {
    const PlannedStep& step = plan.steps[s];
    std::size_t earliest = 0;
    for (const BufferUse& use : step.uses) {
      for (const auto& [before, of] : uses[use.buffer.index]) {
        if (stage[of] >= earliest && of != s && conflicts(before, use)) earliest = stage[of] + 1;
      }
      uses[use.buffer.index].emplace_back(use, s);
    }
    const bool is_long = step.cost >= kShortStep && step.units >= plan.threads;
    stage[s] = std::max(earliest, stages.empty() ? 0 : stages.size() - 1);
    for (std::size_t e = earliest; plan.threads > 1 && !is_long && e < stages.size(); ++e) {
      const bool has_room = stages[e].cost < kShortStep * plan.threads || stages[e].steps < plan.threads;
      if (stages[e].has_long_step || !has_room) continue;
      stage[s] = e;
      break;
    }
    if (stage[s] == stages.size()) stages.emplace_back();
    Filled& filled = stages[stage[s]];
    filled.cost += step.cost;
    ++filled.steps;
    filled.has_long_step = filled.has_long_step || is_long;
  }
  return stage;
}

// Puts the steps in the order of their stages.
void group_steps(Plan& plan) {
  const std::vector<std::size_t> stage = stages_of(plan);
  std::vector<std::size_t> order(plan.steps.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t s) { return stage[s]; });
  std::vector<PlannedStep> steps;
  plan.stages.clear();
  for (const std::size_t s : order) {
    const auto at = static_cast<std::uint32_t>(steps.size());
    if (stage[s] == plan.stages.size()) plan.stages.push_back({at, at, false});
    plan.stages.back().end = at + 1;
    steps.push_back(std::move(plan.steps[s]));
    steps.back().info.stage = static_cast<int>(stage[s]);
  }
  plan.steps = std::move(steps);
}

void set_release(Plan& plan) {
  plan.release.assign(plan.stages.size(), {});
  std::vector<std::optional<std::size_t>> last(plan.buffers.size());
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    for (std::uint32_t s = plan.stages[i].begin; s < plan.stages[i].end; ++s) {
      for (const BufferUse& use : plan.steps[s].uses) last[use.buffer.index] = i;
    }
  }
  for (const PlanOutput& output : plan.outputs) last[output.buffer.index].reset();
  for (std::size_t b = 0; b < plan.buffers.size(); ++b) {
    if (plan.buffers[b].kind == Buffer::Kind::kSlot && last[b]) plan.release[*last[b]].push_back(plan.buffers[b].index);
  }
}

// Whether all steps of the stage read a buffer in common, and can each be cut for all threads. What one thread made of that
// buffer is then best read by the same thread: lines that another core has changed come slower than from L3.
bool share_reads(const std::vector<PlannedStep>& steps, const Stage& stage, int threads) {
  if (stage.end - stage.begin < 2) return false;
  const auto reads = [&](const PlannedStep& step, BufferId buffer) {
    return std::ranges::any_of(step.uses, [&](const BufferUse& use) { return !use.write && use.buffer == buffer; });
  };
  const std::span<const PlannedStep> of_stage(&steps[stage.begin], stage.end - stage.begin);
  if (std::ranges::any_of(of_stage, [&](const PlannedStep& step) { return step.units < threads; })) return false;
  return std::ranges::any_of(of_stage.front().uses, [&](const BufferUse& use) {
    return !use.write &&
           std::ranges::all_of(of_stage, [&](const PlannedStep& step) { return reads(step, use.buffer); });
  });
}

// Cuts each range into pieces of about `piece_cost`, those of the step with the dearest pieces first: then the last ones, for
// which somebody may have to wait, are short.
std::vector<Work> cut(const std::vector<PlannedStep>& steps, std::vector<Work> share, double piece_cost) {
  const auto cost_of = [&](const Work& work) {
    const PlannedStep& step = steps[work.step];
    return step.cost * static_cast<double>(work.end - work.begin) / static_cast<double>(step.units);
  };
  const auto pieces_of = [&](const Work& work) {
    const double least = std::max(piece_cost, kMinPieceRangeCosts * steps[work.step].range_cost);
    const auto units = static_cast<double>(work.end - work.begin);
    return static_cast<std::int64_t>(std::clamp(std::floor(cost_of(work) / least), 1.0, units));
  };
  std::ranges::stable_sort(share, std::greater(),
                           [&](const Work& work) { return cost_of(work) / static_cast<double>(pieces_of(work)); });
  std::vector<Work> pieces;
  for (const Work& work : share) {
    const std::int64_t units = work.end - work.begin, count = pieces_of(work);
    for (std::int64_t i = 0; i < count; ++i)
      pieces.push_back({work.step, work.begin + units * i / count, work.begin + units * (i + 1) / count});
  }
  return pieces;
}

}  // namespace

bool conflicts(const BufferUse& a, const BufferUse& b) {
  if (a.buffer != b.buffer || !(a.write || b.write)) return false;
  if (a.pitch != 0 && a.pitch == b.pitch) return a.begin < b.end && b.begin < a.end;
  return true;
}

std::vector<std::vector<Work>> share_work(const std::vector<PlannedStep>& steps, const Stage& stage, int threads) {
  double total = 0;
  for (std::uint32_t s = stage.begin; s < stage.end; ++s) total += steps[s].cost;
  const bool even = !(total > 0), together = !even && share_reads(steps, stage, threads);
  if (even) total = stage.end - stage.begin;
  std::vector<std::vector<Work>> shares(static_cast<std::size_t>(threads));
  double before = 0;
  std::vector<double> owed(shares.size(), 0);  // what the cuts between two threads so far lack in cost
  for (std::uint32_t s = stage.begin; s < stage.end; ++s) {
    const double cost = even ? 1 : steps[s].cost;
    const auto units = static_cast<double>(steps[s].units);
    // Where thread t begins. Not before the one ahead of it, however much the cuts of the other steps owe.
    const auto cut = [&](int t, std::int64_t least) -> std::int64_t {
      double& debt = owed[static_cast<std::size_t>(t)];
      const double at = together ? cost * t / threads + debt : total * t / threads - before;
      if (!(cost > 0)) return at < 0 ? least : steps[s].units;
      const double to = std::clamp(std::round(at / cost * units), static_cast<double>(least), units);
      debt = at - to / units * cost;
      return static_cast<std::int64_t>(to);
    };
    std::int64_t begin = 0;
    for (int t = 0; t < threads; ++t) {
      const std::int64_t end = t + 1 < threads ? cut(t + 1, begin) : steps[s].units;
      if (begin < end) shares[static_cast<std::size_t>(t)].push_back({s, begin, end});
      begin = end;
    }
    before += cost;
  }
  return shares;
}

void schedule(Plan& plan) {
  group_steps(plan);
  plan.work.clear();
  plan.pieces.clear();
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    Stage& stage = plan.stages[i];
    const double cost = stage_cost(plan, stage);
    stage.shared = plan.threads > 1 && cost >= kMinSharedStage;
    const double piece = std::max(kMinPiece, cost / (plan.threads * kPiecesPerThread));
    std::vector<std::vector<Work>> shares = share_work(plan.steps, stage, stage.shared ? plan.threads : 1);
    shares.resize(static_cast<std::size_t>(plan.threads));
    std::size_t pieces = 0;
    for (const std::vector<Work>& share : shares) {
      plan.work.push_back(stage.shared ? cut(plan.steps, share, piece) : share);
      pieces += plan.work.back().size();
    }
    plan.pieces.push_back(static_cast<std::uint32_t>(pieces));
  }
  set_release(plan);
}

}  // namespace cycloid
