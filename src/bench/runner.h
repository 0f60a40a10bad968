// The measurement: workers that take turns, one at a time, checked in every round.
//
// What it does with time and processes goes through RunnerHooks, so that tests drive it with a clock and workers of
// their own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backends/worker_client.h"
#include "bench/compare.h"
#include "bench/result.h"
#include "bench/schedule.h"

namespace cycloid {

// What is to take part: one backend at one thread count.
struct WorkerSpec {
  std::string backend;
  std::string version;  // as far as it is known without a worker
  std::string model;    // how its form was made, for the report
  WorkerCommand command;
  WorkerLoadRequest load;
  bool is_noise = false;  // the machine's own noise: no outputs, no ratio
  // Why it cannot take part: it becomes a row that says so. RunStatus::kOk when it can.
  RunStatus status = RunStatus::kOk;
  std::string reason;
};

struct MeasurePlan {
  std::int64_t loops = 1024;  // timed runs of each
  int rounds = 32;            // 1 <= rounds <= loops
  // Where set, `loops` and `rounds` are upper bounds: as many are made as take about so long (loops_within).
  std::optional<double> seconds;
  WarmUp warmup;
  std::uint64_t seed = 0;
  double time_limit_s = 600;  // of one request to a worker
  Tolerance tolerance;
  // Backends whose outputs may be the reference, the first choice first. The first that gives outputs is it.
  std::vector<std::string> references;
  // Without the first choice there is no measurement (the user named it).
  bool reference_required = false;
};

struct RunProgress {
  enum class Phase { kLoad, kWarmUp, kMeasure };
  Phase phase = Phase::kLoad;
  std::string backend;
  int threads = 1;
  int done = 0;  // turns, or workers in the phases before
  int total = 0;
};

struct RunnerHooks {
  std::function<Result<std::unique_ptr<Worker>>(const WorkerSpec&)> start;
  std::function<double()> now;                             // seconds, steady
  std::function<void(const RunProgress&)> progress;        // may be empty
  std::function<void(const RunResult&)> lost;              // a participant left the measurement; may be empty
  std::function<bool()> cancelled = [] { return false; };  // the user wants to stop
};

// Measures all of `specs`, which have the same thread count, in one set of rounds. Every spec gives one row (noise
// apart), in the same order. An Error only when the user stopped it or a required reference is not to be had.
Result<GroupResult> run_group(const std::vector<WorkerSpec>& specs, const MeasurePlan& plan, const RunnerHooks& hooks);

}  // namespace cycloid
