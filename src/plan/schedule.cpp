#include "plan/schedule.h"

#include <algorithm>
#include <cmath>

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

bool conflict(const PlannedStep& a, const PlannedStep& b) {
  for (const BufferUse& x : a.uses) {
    for (const BufferUse& y : b.uses) {
      if (conflicts(x, y)) return true;
    }
  }
  return false;
}

double stage_cost(const Plan& plan, const Stage& stage) {
  double cost = 0;
  for (std::uint32_t s = stage.begin; s < stage.end; ++s) cost += plan.steps[s].cost;
  return cost;
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

// Cuts each range into pieces of about `piece_cost`.
std::vector<Work> cut(const std::vector<PlannedStep>& steps, const std::vector<Work>& share, double piece_cost) {
  std::vector<Work> pieces;
  for (const Work& work : share) {
    const PlannedStep& step = steps[work.step];
    const std::int64_t units = work.end - work.begin;
    const double cost = step.cost * static_cast<double>(units) / static_cast<double>(step.units);
    const double least = std::max(piece_cost, kMinPieceRangeCosts * step.range_cost);
    const auto count = static_cast<std::int64_t>(std::clamp(std::floor(cost / least), 1.0, static_cast<double>(units)));
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

std::vector<Work> share_work(const std::vector<PlannedStep>& steps, const Stage& stage, int thread, int threads) {
  double total = 0;
  for (std::uint32_t s = stage.begin; s < stage.end; ++s) total += steps[s].cost;
  const bool even = !(total > 0);
  if (even) total = stage.end - stage.begin;
  std::vector<Work> work;
  double before = 0;
  for (std::uint32_t s = stage.begin; s < stage.end; ++s) {
    const double cost = even ? 1 : steps[s].cost;
    const auto units = static_cast<double>(steps[s].units);
    // The same expression gives one thread's end and the next one's begin, so no unit is lost or done twice.
    const auto cut = [&](int t) -> std::int64_t {
      if (t <= 0) return 0;
      if (t >= threads) return steps[s].units;
      const double at = total * t / threads - before;
      if (!(cost > 0)) return at < 0 ? 0 : steps[s].units;
      return static_cast<std::int64_t>(std::clamp(std::round(at / cost * units), 0.0, units));
    };
    const std::int64_t begin = cut(thread), end = cut(thread + 1);
    if (begin < end) work.push_back({s, begin, end});
    before += cost;
  }
  return work;
}

void schedule(Plan& plan) {
  plan.stages.clear();
  for (std::uint32_t s = 0; s < plan.steps.size(); ++s) {
    bool fits = !plan.stages.empty();
    for (std::uint32_t e = fits ? plan.stages.back().begin : s; fits && e < s; ++e)
      fits = !conflict(plan.steps[e], plan.steps[s]);
    if (!fits) plan.stages.push_back({s, s, false});
    plan.stages.back().end = s + 1;
    plan.steps[s].info.stage = static_cast<int>(plan.stages.size()) - 1;
  }

  plan.work.clear();
  plan.pieces.clear();
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    Stage& stage = plan.stages[i];
    const double cost = stage_cost(plan, stage);
    stage.shared = plan.threads > 1 && cost >= kMinSharedStage;
    const double piece = std::max(kMinPiece, cost / (plan.threads * kPiecesPerThread));
    std::size_t pieces = 0;
    for (int t = 0; t < plan.threads; ++t) {
      plan.work.push_back(stage.shared ? cut(plan.steps, share_work(plan.steps, stage, t, plan.threads), piece)
                          : t == 0     ? share_work(plan.steps, stage, 0, 1)
                                       : std::vector<Work>{});
      pieces += plan.work.back().size();
    }
    plan.pieces.push_back(static_cast<std::uint32_t>(pieces));
  }
  set_release(plan);
}

}  // namespace cycloid
