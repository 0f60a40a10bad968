#include "runtime/executor.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "base/denormal.h"

namespace cycloid {
namespace {

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void release_slots(const RunMemory& memory, const Plan& plan, std::size_t stage) {
  for (const std::uint32_t slot : plan.release[stage]) memory.clear_slot(slot);
}

void run_step(const Plan& plan, const StepContext& context, const Work& work, int thread, StepTimes* times) {
  const PlannedStep& step = plan.steps[work.step];
  if (times == nullptr) {
    step.step->run(context, work.begin, work.end);
    return;
  }
  StepTimes::Span& span =
      times->spans[work.step * static_cast<std::size_t>(plan.threads) + static_cast<std::size_t>(thread)];
  span.begin = now_ns() - times->run_began;
  step.step->run(context, work.begin, work.end);
  span.end = now_ns() - times->run_began;
}

void run_shared(RunMemory& memory, ThreadTeam& team, StepTimes* times) {
  const Plan& plan = *memory.plan();
  const auto threads = static_cast<std::size_t>(plan.threads);
  team.run([&](int thread) {
    const StepContext context = memory.context(thread);
    for (std::size_t i = 0; i < plan.stages.size(); ++i) {
      if (plan.stages[i].barrier_before) team.barrier();
      // The threads that used the slots of the stage before have left it: a stage of several threads ends in a barrier.
      if (thread == 0 && i > 0) release_slots(memory, plan, i - 1);
      for (const Work& work : plan.work[i * threads + static_cast<std::size_t>(thread)])
        run_step(plan, context, work, thread, times);
    }
  });
}

void run_alone(RunMemory& memory, bool flush_denormals, StepTimes* times) {
  const FlushDenormals flush(flush_denormals);
  const Plan& plan = *memory.plan();
  const StepContext context = memory.context(0);
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    for (std::uint32_t s = plan.stages[i].begin; s < plan.stages[i].end; ++s)
      run_step(plan, context, {s, 0, plan.steps[s].units}, 0, times);
    if (i + 1 < plan.stages.size()) release_slots(memory, plan, i);
  }
}

void add_times(const Plan& plan, StepTimes& times) {
  const auto threads = static_cast<std::size_t>(plan.threads);
  for (std::size_t s = 0; s < plan.steps.size(); ++s) {
    std::int64_t slowest = 0;
    for (std::size_t t = 0; t < threads; ++t) {
      const StepTimes::Span& span = times.spans[s * threads + t];
      slowest = std::max(slowest, span.end - span.begin);
    }
    StepProfile& step = times.steps[s];
    step.min_ns = step.runs == 0 ? slowest : std::min(step.min_ns, slowest);
    step.total_ns += slowest;
    ++step.runs;
  }
}

}  // namespace

Status execute(RunMemory& memory, ThreadTeam* team, bool flush_denormals, StepTimes* times) {
  const Plan& plan = *memory.plan();
  RunState& state = memory.state();
  state.slots = memory.slots();
  if (state.failed.load(std::memory_order_relaxed)) {
    state.failed.store(false, std::memory_order_relaxed);
    state.error.reset();
  }
  if (times != nullptr) {
    times->steps.resize(plan.steps.size());
    times->spans.assign(plan.steps.size() * static_cast<std::size_t>(plan.threads), {});
    times->run_began = now_ns();
  }
  if (team != nullptr && plan.threads > 1) {
    run_shared(memory, *team, times);
  } else {
    run_alone(memory, flush_denormals, times);
  }
  if (times != nullptr) add_times(plan, *times);
  if (state.failed.load(std::memory_order_acquire)) return *state.error;
  return {};
}

}  // namespace cycloid
