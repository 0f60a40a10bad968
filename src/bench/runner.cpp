#include "bench/runner.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "bench/machine_noise.h"

namespace cycloid {
namespace {

constexpr Worker::Limit kQuitLimit{10};

struct Participant {
  const WorkerSpec* spec = nullptr;
  RunResult row;
  std::unique_ptr<Worker> worker;  // null when it does not take part (any more)
  double run_seconds = 0;          // of one run, as the warm-up saw it
  int parts = 1;                   // that make up a run; of which the samples are
  WorkerUsage before;              // what the system had counted before the first round
};

class Group {
 public:
  Group(const std::vector<WorkerSpec>& specs, const MeasurePlan& plan, const RunnerHooks& hooks)
      : plan_(plan), hooks_(hooks), loops_(plan.loops), rounds_(plan.rounds) {
    for (const WorkerSpec& spec : specs) {
      Participant participant;
      participant.spec = &spec;
      participant.row.backend = spec.backend;
      participant.row.version = spec.version;
      participant.row.threads = spec.load.threads;
      participant.row.form = spec.load.form;
      participant.row.model = spec.model;
      participant.row.status = spec.status;
      participant.row.reason = spec.reason;
      participants_.push_back(std::move(participant));
    }
  }

  Result<GroupResult> measure() {
    CYCLOID_TRY(prepare_all());
    bound_loops();
    CYCLOID_TRY(run_rounds());
    for (Participant& participant : participants_) finish(participant);
    GroupResult result;
    result.threads = participants_.empty() ? 1 : participants_.front().row.threads;
    result.loops = loops_;
    result.rounds = rounds_;
    result.reference = reference_;
    result.reference_note = reference_note();
    int parts = 1;
    for (Participant& participant : participants_) {
      if (participant.spec->is_noise) {
        result.noise = std::move(participant.row);
        parts = participant.parts;
      } else {
        result.runs.push_back(std::move(participant.row));
      }
    }
    const std::vector<Turn> noise = result.noise ? std::exchange(result.noise->turns, {}) : std::vector<Turn>();
    if (result.noise) result.noise->turns = whole_runs(noise, parts);
    summarize_group(result, plan_.seed);
    for (RunResult& run : result.runs) {
      if (run.latency_us) run.machine_us = noise_over(noise, run.latency_us->p50);
    }
    return result;
  }

 private:
  Worker::Limit limit() const { return Worker::Limit(plan_.time_limit_s); }

  void report(RunProgress::Phase phase, const Participant& participant, int done, int total) const {
    if (hooks_.progress) hooks_.progress({phase, participant.row.backend, participant.row.threads, done, total});
  }

  // The participant leaves; its row says why. The others go on.
  void lose(Participant& participant, RunStatus status, std::string reason) {
    participant.row.status = status;
    participant.row.reason = std::move(reason);
    participant.worker.reset();
    if (hooks_.lost) hooks_.lost(participant.row);
  }
  void lose(Participant& participant, const Error& error) {
    lose(participant, error.code() == ErrorCode::kUnavailable ? RunStatus::kUnavailable : RunStatus::kFailed,
         error.message());
  }

  // Loads, runs for the first time and warms up.
  Status prepare(Participant& participant) {
    CYCLOID_ASSIGN(participant.worker, hooks_.start(*participant.spec));
    Worker& worker = *participant.worker;
    WorkerLoadRequest request = participant.spec->load;
    if (participant.spec->is_noise) choose_parts(participant, request);
    CYCLOID_ASSIGN(const WorkerLoadReply loaded, worker.load(request, limit()));
    RunResult& row = participant.row;
    row.load_ms = loaded.load_ms;
    row.settings = loaded.settings;
    if (!loaded.version.empty()) row.version = loaded.version;
    CYCLOID_ASSIGN(const auto first, worker.run(1, limit()));
    row.first_run_ms = static_cast<double>(first.at(0)) / 1e6;
    // The first run often compiles or allocates; it says nothing about how long a run takes.
    std::int64_t done = 1;
    double seconds = 0;
    double begin = hooks_.now();
    while (const std::int64_t block = plan_.warmup.next_block(done, seconds)) {
      CYCLOID_ASSIGN(auto samples, worker.run(block, limit()));
      done += block;
      seconds = hooks_.now() - begin;
      std::nth_element(samples.begin(), samples.begin() + block / 2, samples.end());
      participant.run_seconds = static_cast<double>(samples[block / 2]) / 1e9;
    }
    if (participant.run_seconds == 0) participant.run_seconds = *row.first_run_ms / 1e3;
    row.warmup_runs = done;
    row.settle_runs = settle_runs(participant.run_seconds);
    return {};
  }

  // A noise of no given length is as long as a run of the fastest of the others, which are warm by now, and comes in parts.
  void choose_parts(Participant& noise, WorkerLoadRequest& request) const {
    double fastest = 0;
    for (const Participant& other : participants_) {
      if (other.worker == nullptr || other.spec->is_noise) continue;
      if (fastest == 0 || other.run_seconds < fastest) fastest = other.run_seconds;
    }
    if (fastest == 0 || request.options.contains("target_us")) return;
    const NoiseParts parts = noise_parts(fastest * 1e6);
    request.options["target_us"] = fmt::format("{:.3f}", parts.part_us);
    noise.parts = parts.per_run;
  }

  Status prepare_all() {
    std::vector<std::size_t> order(participants_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    // Candidates for the reference come first, in their order: the others are checked against it from their first
    // output on. The noise comes last.
    const auto rank = [&](std::size_t i) -> std::ptrdiff_t {
      if (participants_[i].spec->is_noise) return static_cast<std::ptrdiff_t>(plan_.references.size()) + 1;
      return std::find(plan_.references.begin(), plan_.references.end(), participants_[i].row.backend) -
             plan_.references.begin();
    };
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return rank(a) < rank(b); });
    int done = 0;
    for (const std::size_t i : order) {
      Participant& participant = participants_[i];
      ++done;
      if (participant.row.status != RunStatus::kOk) continue;
      report(RunProgress::Phase::kWarmUp, participant, done, static_cast<int>(order.size()));
      if (const Status prepared = prepare(participant); !prepared) {
        if (hooks_.cancelled()) return make_error(ErrorCode::kFailed, "interrupted");
        lose(participant, prepared.error());
      } else {
        CYCLOID_TRY(check_outputs(participant, 0));
      }
      if (hooks_.cancelled()) return make_error(ErrorCode::kFailed, "interrupted");
    }
    if (plan_.reference_required && (plan_.references.empty() || reference_ != plan_.references.front())) {
      const std::string name = plan_.references.empty() ? "" : plan_.references.front();
      return make_error(ErrorCode::kUnavailable,
                        "the reference backend '{}' cannot be used: {}; name another with --reference", name,
                        reason_of(name));
    }
    for (Participant& participant : participants_) {
      if (participant.worker == nullptr) continue;
      if (const auto usage = participant.worker->usage(limit())) participant.before = *usage;
    }
    return {};
  }

  std::string reason_of(const std::string& backend) const {
    for (const Participant& participant : participants_) {
      if (participant.row.backend == backend) return participant.row.reason;
    }
    return "it does not take part";
  }

  std::string reference_note() const {
    if (reference_.empty()) return "no backend gave outputs";
    if (plan_.references.empty() || plan_.references.front() == reference_) return "";
    return fmt::format("{}: {}", plan_.references.front(), reason_of(plan_.references.front()));
  }

  bool may_be_reference(const Participant& participant) const {
    return std::find(plan_.references.begin(), plan_.references.end(), participant.row.backend) !=
           plan_.references.end();
  }

  // Fetches the outputs of the last run and compares them with the reference's. `round` counts from 1; 0 is the
  // warm-up.
  Status check_outputs(Participant& participant, int round) {
    if (participant.spec->is_noise) return {};
    auto outputs = participant.worker->outputs(limit());
    if (!outputs) {
      if (hooks_.cancelled()) return make_error(ErrorCode::kFailed, "interrupted");
      lose(participant, outputs.error());
      return {};
    }
    if (reference_.empty() && may_be_reference(participant)) {
      reference_ = participant.row.backend;
      expected_ = *std::move(outputs);
      participant.row.max_abs_error = participant.row.max_rel_error = 0;
      return {};
    }
    if (reference_.empty()) {
      lose(participant, RunStatus::kFailed, "its outputs cannot be checked: no reference backend gave outputs");
      return {};
    }
    const OutputDifference difference = compare_outputs(expected_, *outputs, plan_.tolerance);
    RunResult& row = participant.row;
    row.max_abs_error = std::max(row.max_abs_error.value_or(0), difference.max_abs);
    row.max_rel_error = std::max(row.max_rel_error.value_or(0), difference.max_rel);
    if (difference.agrees()) return {};
    const std::string when = round == 0 ? std::string("after the warm-up") : fmt::format("in round {}", round);
    const std::string whom = row.backend == reference_ ? " (compared with its own first outputs)" : "";
    lose(participant, RunStatus::kMismatch, fmt::format("{}{}: {}", when, whom, difference.reason));
    return {};
  }

  void bound_loops() {
    if (!plan_.seconds) return;
    std::vector<double> run_seconds;
    for (const Participant& participant : participants_) {
      if (participant.worker != nullptr) run_seconds.push_back(participant.run_seconds * participant.parts);
    }
    loops_ = loops_within(*plan_.seconds, plan_.loops, run_seconds);
    rounds_ = std::min(plan_.rounds, default_rounds(loops_));
  }

  Status run_rounds() {
    const std::vector<std::int64_t> loops = loops_per_round(loops_, rounds_);
    const int total = rounds_ * static_cast<int>(participants_.size());
    const double start = hooks_.now();
    int done = 0;
    for (int round = 1; round <= rounds_; ++round) {
      for (const std::size_t i : turn_order(participants_.size(), round, plan_.seed)) {
        Participant& participant = participants_[i];
        participant.row.turns.emplace_back();
        ++done;
        if (participant.worker == nullptr) continue;
        report(RunProgress::Phase::kMeasure, participant, done, total);
        if (const Status taken = take_turn(participant, loops[static_cast<std::size_t>(round - 1)], start); !taken) {
          if (!hooks_.cancelled()) lose(participant, taken.error().in(fmt::format("in round {}", round)));
        } else {
          CYCLOID_TRY(check_outputs(participant, round));
        }
        if (hooks_.cancelled()) return make_error(ErrorCode::kFailed, "interrupted");
      }
    }
    return {};
  }

  Status take_turn(Participant& participant, std::int64_t runs, double start) {
    const std::int64_t loops = runs * participant.parts;
    const std::int64_t settle = participant.row.settle_runs;
    const std::int64_t block = std::max(settle + 1, largest_block(participant.run_seconds, plan_.time_limit_s));
    std::int64_t left = settle + loops;
    Turn& turn = participant.row.turns.back();
    turn.start_s = hooks_.now() - start;
    while (left > 0) {
      const std::int64_t now = std::min(left, block);
      CYCLOID_ASSIGN(const std::vector<std::int64_t> samples, participant.worker->run(now, limit()));
      const bool first = left == settle + loops;
      turn.samples_ns.insert(turn.samples_ns.end(), samples.begin() + (first ? settle : 0), samples.end());
      left -= now;
    }
    return {};
  }

  void finish(Participant& participant) {
    if (participant.worker == nullptr) return;
    if (auto usage = participant.worker->usage(limit())) {
      participant.row.peak_rss_mb = usage->peak_rss_mb;
      usage->minor_faults -= participant.before.minor_faults;
      usage->major_faults -= participant.before.major_faults;
      usage->voluntary_switches -= participant.before.voluntary_switches;
      usage->involuntary_switches -= participant.before.involuntary_switches;
      participant.row.usage = *usage;
    }
    // All that was asked of it is measured: a worker that falls over on its way out is worth a word, not its row.
    if (const Status ended = participant.worker->quit(kQuitLimit); !ended)
      participant.row.reason = ended.error().message();
    participant.worker.reset();
  }

  const MeasurePlan& plan_;
  const RunnerHooks& hooks_;
  std::int64_t loops_;
  int rounds_;
  std::vector<Participant> participants_;
  std::string reference_;
  std::vector<WorkerOutput> expected_;
};

}  // namespace

Result<GroupResult> run_group(const std::vector<WorkerSpec>& specs, const MeasurePlan& plan, const RunnerHooks& hooks) {
  return Group(specs, plan, hooks).measure();
}

}  // namespace cycloid
