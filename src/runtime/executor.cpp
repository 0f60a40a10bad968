#include "runtime/executor.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <thread>

#include "base/denormal.h"
#include "base/error.h"
#include "base/helpers.h"

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
  const std::int64_t begin = now_ns() - times->run_began;
  step.step->run(context, work.begin, work.end);
  if (span.end == 0) span.begin = begin;  // of its first piece
  span.end = now_ns() - times->run_began;
}

// Where a run may have to stop, a step is cut into slices of about this much work. A run of less than kWorthAsking is not
// worth that for the caller's wish: its steps are over before, or ask by themselves as loops do.
constexpr double kSliceNs = 2e6, kWorthAskingNs = 20e6;

// A piece of work, stopped where the caller's bounds say so; `stop` may be null.
void run_piece(const Plan& plan, const StepContext& context, const Work& work, int thread, StepTimes* times,
               StopSignal* stop) {
  if (stop == nullptr) return run_step(plan, context, work, thread, times);
  const PlannedStep& step = plan.steps[work.step];
  const std::int64_t units = work.end - work.begin;
  const double cost =
      step.cost * static_cast<double>(units) / static_cast<double>(std::max<std::int64_t>(step.units, 1));
  const double most = std::min(1e6, static_cast<double>(std::max<std::int64_t>(units, 1)));
  const int slices = static_cast<int>(std::clamp(std::ceil(cost / kSliceNs), 1.0, most));
  for (int i = 0; i < slices; ++i) {
    if (context.run->failed.load(std::memory_order_relaxed)) return;
    if (const Status status = stop->check(); !status)
      return context.run->fail(status.error().in(fmt::format("step '{}' ({})", step.info.node, step.info.op)));
    const UnitRange part = split_units(units, i, slices);
    run_step(plan, context, {work.step, work.begin + part.begin, work.begin + part.end}, thread, times);
  }
}

// One thread's part of a run with others. Pieces of a stage's work are taken one by one, first those that were meant for this
// thread, and the stage is over when all are done, whoever did them: a thread that the system does not run is not waited for,
// unless it is in the middle of a piece.
class Worker {
 public:
  Worker(RunMemory& memory, ThreadTeam& team, Helpers& helpers, int thread, StepTimes* times, StopSignal* stop,
         StopSignal* caller)
      : memory_(memory),
        plan_(*memory.plan()),
        context_(memory.context(thread)),
        progress_(team.progress()),
        helpers_(helpers),
        spin_microseconds_(team.spin_microseconds()),
        thread_(thread),
        times_(times),
        stop_(stop),
        caller_(thread == 0 && caller != nullptr && caller->asks_caller() ? caller : nullptr) {}

  void run() {
    const HelpersScope scope(&helpers_);
    for (std::size_t i = 0; i < plan_.stages.size(); ++i) {
      if (!over(i)) {
        // The first thread has begun a stage that is not shared; if not, it was held up.
        if (!plan_.stages[i].shared && thread_ != 0) wait(i, kGraceMicroseconds);
        take_pieces(i);
        if (!wait(i, spin_microseconds_)) return;
      }
      // Nobody uses the slots of a stage that is over.
      if (thread_ == 0 && i + 1 < plan_.stages.size()) release_slots(memory_, plan_, i);
    }
  }

  // How long it slept for others, in nanoseconds.
  std::int64_t slept() const { return slept_; }

 private:
  static constexpr int kGraceMicroseconds = 2;

  bool over(std::size_t stage) const {
    return memory_.pieces_done(stage).load(std::memory_order_acquire) == plan_.pieces[stage];
  }

  void take_pieces(std::size_t stage) {
    const auto threads = static_cast<std::size_t>(plan_.threads);
    for (std::size_t k = 0; k < threads; ++k) {
      const std::size_t meant_for = (static_cast<std::size_t>(thread_) + k) % threads;
      const std::vector<Work>& work = plan_.work[stage * threads + meant_for];
      if (work.empty()) continue;
      std::atomic<std::uint32_t>& next = memory_.next_piece(stage, meant_for);
      std::uint32_t done = 0;
      for (;;) {
        const std::uint32_t piece = next.fetch_add(1, std::memory_order_relaxed);
        if (piece >= work.size()) break;
        run_piece(plan_, context_, work[piece], thread_, times_, stop_);
        ++done;
      }
      // Said once: others have to wait for the last of them anyway.
      if (done != 0 &&
          memory_.pieces_done(stage).fetch_add(done, std::memory_order_acq_rel) + done == plan_.pieces[stage])
        progress_.advance();
    }
  }

  // Waits until the stage is over, and helps meanwhile with what a step shares. The caller's thread sleeps after a while; others
  // then leave (false), so that the run can end without them, and come again.
  bool wait(std::size_t stage, int spin_microseconds) {
    for (;;) {
      const std::uint32_t seen = progress_.value.load(std::memory_order_acquire);
      helpers_.help();
      if (over(stage)) return true;
      if (caller_ != nullptr) {
        (void)caller_->check();  // the others find the answer
        progress_.wait_for(seen, spin_microseconds, StopSignal::kAskEvery);
      } else if (thread_ == 0) {
        slept_ += progress_.wait_while(seen, spin_microseconds);
      } else if (!progress_.spin_while(seen, spin_microseconds)) {
        return false;
      }
    }
  }

  RunMemory& memory_;
  const Plan& plan_;
  const StepContext context_;
  ThreadTeam::Event& progress_;  // advances when a stage is over, or a step shares its work
  Helpers& helpers_;
  const int spin_microseconds_;
  const int thread_;
  StepTimes* times_;
  StopSignal* stop_;
  // What only the caller's thread can ask, however short the run is by estimate: another thread may be in a loop without end.
  StopSignal* caller_;
  std::int64_t slept_ = 0;
};

void run_shared(RunMemory& memory, ThreadTeam& team, StepTimes* times, StopSignal* stop) {
  StopSignal* const caller = memory.state().bounds.stop;
  memory.reset_progress();
  Helpers helpers(team.progress(), memory.plan()->threads, team.spin_microseconds());
  std::int64_t inside = 0;  // of the body
  const std::int64_t leaving = team.assist([&](int thread) {
    Worker worker(memory, team, helpers, thread, times, stop, caller);
    worker.run();
    if (thread == 0) inside = worker.slept();
  });
  // Threads that share a run evenly save the others' parts; a fifth of it goes into meeting.
  const Plan& plan = *memory.plan();
  constexpr double kShared = 0.8;
  team.balance().book(kShared * plan.cost * (1 - 1.0 / plan.threads), inside + leaving, now_ns());
}

void run_alone(RunMemory& memory, bool flush_denormals, StepTimes* times, StopSignal* stop) {
  const FlushDenormals flush(flush_denormals);
  const Plan& plan = *memory.plan();
  const StepContext context = memory.context(0);
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    for (std::uint32_t s = plan.stages[i].begin; s < plan.stages[i].end; ++s)
      run_piece(plan, context, {s, 0, plan.steps[s].units}, 0, times, stop);
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
  StopSignal* stop = state.bounds.stop;
  if (stop != nullptr && !stop->has_deadline() && plan.info.reference_steps == 0 && plan.cost < kWorthAskingNs)
    stop = nullptr;
  if (team != nullptr && plan.threads > 1 && team->balance().pays(now_ns())) {
    run_shared(memory, *team, times, stop);
  } else {
    run_alone(memory, flush_denormals, times, stop);
  }
  if (times != nullptr) add_times(plan, *times);
  if (state.failed.load(std::memory_order_acquire)) return *state.error;
  return {};
}

}  // namespace cycloid
