// What a measurement gives: plain data, from which every report is made.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/worker_client.h"
#include "bench/compare.h"
#include "bench/profile.h"
#include "bench/statistics.h"

namespace cycloid {

enum class RunStatus {
  kOk,
  kUnavailable,  // the backend is not installed, or cannot be handed this kind of model
  kFailed,       // it said so, crashed, or hung
  kMismatch,     // its outputs differ from the reference's
};
std::string_view to_string(RunStatus status);

// The timed runs of one participant in one round.
struct Turn {
  double start_s = 0;  // since the first round of the comparison at this thread count began
  std::vector<std::int64_t> samples_ns;
};

// One participant: a backend at a thread count.
struct RunResult {
  std::string backend;
  std::string version;
  int threads = 1;
  RunStatus status = RunStatus::kOk;
  std::string reason;                           // of any status but kOk; one line
  std::string form;                             // "onnx", "torchscript", "python"
  std::string model;                            // how the form was made
  std::map<std::string, std::string> settings;  // in force
  std::vector<Turn> turns;                      // one per round; without samples where it did not take part
  std::optional<double> load_ms;
  std::optional<double> first_run_ms;
  std::optional<double> peak_rss_mb;
  std::int64_t warmup_runs = 0;         // before the first round, not among the samples; the first run included
  std::int64_t settle_runs = 0;         // at the beginning of each turn, not among the samples
  std::optional<double> max_abs_error;  // over all rounds; of the reference, against its own first outputs
  std::optional<double> max_rel_error;
  std::optional<WorkerUsage> usage;  // counted during the rounds; peak_rss_mb since the start

  // Filled in by summarize_group().
  std::optional<LatencySummary> latency_us;
  std::optional<Ratio> speedup;     // the reference's p50 over this one's
  std::optional<Ratio> steadiness;  // p99 over p50

  // What arithmetic alone took over spans as long as this one's median run (bench/machine_noise.h): at one thread its
  // p99/p50 is about the least that this machine allows runs of that length.
  std::optional<LatencySummary> machine_us;
};

// All participants at one thread count, which took turns in the same rounds.
struct GroupResult {
  int threads = 1;
  std::int64_t loops = 0;  // timed runs of each
  int rounds = 0;
  std::string reference;       // the backend whose outputs and p50 are the reference; empty when none gave outputs
  std::string reference_note;  // why it is not the first choice; empty when it is
  std::vector<RunResult> runs;
  std::optional<RunResult> noise;  // the machine's own: a fixed amount of arithmetic
  std::optional<Profile> profile;  // of cycloid's steps, where it was asked for
};

// Computes latency_us of every participant that is ok, and the speed-ups.
void summarize_group(GroupResult& group, std::uint64_t seed);

struct ModelInfo {
  std::string name;
  std::string sha256;  // empty for a callable
  std::vector<WorkerInput> inputs;
  std::string input_source;  // "random, seed 0" or "given"
};

struct ComparisonResult {
  ModelInfo model;
  std::int64_t loops = 0;
  Tolerance tolerance;
  std::vector<GroupResult> groups;  // by thread count
};

using EnvironmentFacts = std::vector<std::pair<std::string, std::string>>;

struct BenchResult {
  std::string date;     // ISO 8601, UTC
  std::string version;  // of Cycloid
  std::vector<std::string> command;
  std::uint64_t seed = 0;
  std::vector<ComparisonResult> comparisons;
};

// All samples of a participant in microseconds, in the order in which they were taken; and by round.
std::vector<double> samples_us(const RunResult& run);
Rounds rounds_us(const RunResult& run);

}  // namespace cycloid
