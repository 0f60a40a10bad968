#include "bench/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/error.h"

namespace cycloid {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// How a fake worker behaves. Everything it does is written into a log that all share.
struct Script {
  std::int64_t latency_ns = 1'000'000;
  float value = 1;
  int fail_load = 0;     // 1: unavailable, 2: failed
  int fail_run_at = -1;  // the nth run request fails
  int lie_from = -1;     // outputs are wrong from the nth outputs request on
  bool no_outputs = false;
};

struct World {
  double clock = 0;
  std::vector<std::string> log;
  std::map<std::string, Script> scripts;
  std::map<std::string, std::map<std::string, std::string>> loaded;  // with these options
  int alive = 0;
  bool stop = false;
};

class FakeWorker : public Worker {
 public:
  FakeWorker(World& world, std::string name) : world_(world), name_(std::move(name)), script_(world.scripts[name_]) {
    ++world_.alive;
  }
  ~FakeWorker() override { --world_.alive; }

  Result<WorkerLoadReply> load(const WorkerLoadRequest& request, Limit) override {
    world_.log.push_back(name_ + ":load");
    world_.loaded[name_] = request.options;
    if (script_.fail_load == 1) return make_error(ErrorCode::kUnavailable, "not installed");
    if (script_.fail_load == 2) return unsupported("operator 'Frob'");
    return WorkerLoadReply{"9.9", {{"threads", std::to_string(request.threads)}}, 3.5};
  }
  Result<std::vector<std::int64_t>> run(std::int64_t loops, Limit) override {
    world_.log.push_back(name_ + ":run " + std::to_string(loops));
    if (runs_++ == script_.fail_run_at) return make_error(ErrorCode::kFailed, "crashed with signal 11");
    // Runs of a request are numbered, so that a test can see which of them became samples.
    std::vector<std::int64_t> samples;
    for (std::int64_t i = 0; i < loops; ++i) samples.push_back(script_.latency_ns + i);
    world_.clock += static_cast<double>(loops * script_.latency_ns) / 1e9;
    return samples;
  }
  Result<std::vector<WorkerOutput>> outputs(Limit) override {
    world_.log.push_back(name_ + ":outputs");
    if (script_.no_outputs) return make_error(ErrorCode::kFailed, "no outputs");
    const bool lie = script_.lie_from >= 0 && outputs_++ >= script_.lie_from;
    return std::vector<WorkerOutput>{{"y", Tensor::of<float>({1}, {script_.value + (lie ? 1.0F : 0.0F)})}};
  }
  Result<WorkerUsage> usage(Limit) override { return WorkerUsage{50, 10 * ++usages_, 0, 0, 0}; }
  Status quit(Limit) override {
    world_.log.push_back(name_ + ":quit");
    return {};
  }

 private:
  World& world_;
  std::string name_;
  Script script_;
  int runs_ = 0;
  int outputs_ = 0;
  int usages_ = 0;
};

WorkerSpec spec(const std::string& name, int threads = 1) {
  WorkerSpec result;
  result.backend = name;
  result.load.threads = threads;
  result.is_noise = name == "noise";
  return result;
}

Result<GroupResult> measure(World& world, const std::vector<WorkerSpec>& specs, const MeasurePlan& plan) {
  RunnerHooks hooks;
  hooks.start = [&](const WorkerSpec& what) -> Result<std::unique_ptr<Worker>> {
    return std::unique_ptr<Worker>(std::make_unique<FakeWorker>(world, what.backend));
  };
  hooks.now = [&] { return world.clock; };
  hooks.cancelled = [&] { return world.stop; };
  auto result = run_group(specs, plan, hooks);
  EXPECT_EQ(world.alive, 0);
  return result;
}

MeasurePlan small_plan() {
  MeasurePlan plan;
  plan.loops = 12;
  plan.rounds = 6;
  plan.warmup.runs = 4;
  plan.references = {"a"};
  return plan;
}

TEST(Runner, MeasuresEveryParticipantInEveryRound) {
  World world;
  world.scripts["a"].latency_ns = 2'000'000;
  world.scripts["b"].latency_ns = 1'000'000;
  const auto group = measure(world, {spec("b"), spec("a"), spec("noise")}, small_plan());
  ASSERT_TRUE(group.ok()) << group.error().message();
  EXPECT_EQ(group->reference, "a");
  EXPECT_EQ(group->reference_note, "");
  EXPECT_EQ(group->loops, 12);
  ASSERT_EQ(group->runs.size(), 2U);
  const RunResult& b = group->runs[0];
  EXPECT_EQ(b.backend, "b");
  EXPECT_EQ(b.version, "9.9");
  EXPECT_EQ(b.status, RunStatus::kOk);
  EXPECT_EQ(b.load_ms, 3.5);
  EXPECT_EQ(b.first_run_ms, 1.0);
  EXPECT_EQ(b.warmup_runs, 4);
  EXPECT_EQ(b.peak_rss_mb, 50);
  EXPECT_EQ(b.usage->minor_faults, 10);  // of the rounds alone
  EXPECT_EQ(b.turns.size(), 6U);
  EXPECT_EQ(samples_us(b).size(), 12U);
  EXPECT_NEAR(b.speedup->ratio, 2.0, 1e-4);
  EXPECT_EQ(b.max_abs_error, 0);
  EXPECT_EQ(group->runs[1].speedup->ratio, 1.0);
  ASSERT_TRUE(group->noise);
  EXPECT_EQ(samples_us(*group->noise).size(), 12U);
  EXPECT_FALSE(group->noise->speedup);
}

TEST(Runner, NoiseIsAsLongAsTheFastestRunAndComesInParts) {
  World world;
  world.scripts["a"].latency_ns = 4'000'000;
  world.scripts["b"].latency_ns = 2'000'000;
  world.scripts["noise"].latency_ns = 250'000;
  // Named first, the noise is still made ready last: it has to know how long the others take.
  const auto group = measure(world, {spec("noise"), spec("b"), spec("a")}, small_plan());
  ASSERT_TRUE(group.ok()) << group.error().message();
  EXPECT_EQ(world.loaded["noise"].at("target_us"), "250.000");
  const std::vector<double> noise = samples_us(*group->noise);
  ASSERT_EQ(noise.size(), 12U);  // as many as of the others, of eight parts each
  for (const double us : noise) EXPECT_NEAR(us, 2000, 1);
  ASSERT_TRUE(group->runs[0].machine_us);
  EXPECT_NEAR(group->runs[0].machine_us->p50, 2000, 1);
  ASSERT_TRUE(group->runs[1].machine_us);
  EXPECT_NEAR(group->runs[1].machine_us->p50, 4000, 1);
}

TEST(Runner, NoiseOfAGivenLengthKeepsIt) {
  World world;
  world.scripts["a"].latency_ns = 4'000'000;
  WorkerSpec noise = spec("noise");
  noise.load.options["target_us"] = "1000";
  const auto group = measure(world, {spec("a"), noise}, small_plan());
  ASSERT_TRUE(group.ok()) << group.error().message();
  EXPECT_EQ(world.loaded["noise"].at("target_us"), "1000");
  for (const double us : samples_us(*group->noise)) EXPECT_NEAR(us, 1000, 1);
  EXPECT_FALSE(group->runs[0].machine_us);  // two runs of noise in a turn, and four would be a span
}

TEST(Runner, SettlingRunsAreNoSamples) {
  World world;  // 1 ms a run: four settling runs, then two timed ones, in one request
  const auto group = measure(world, {spec("a")}, small_plan());
  EXPECT_EQ(group->runs[0].settle_runs, 4);
  for (const Turn& turn : group->runs[0].turns) EXPECT_THAT(turn.samples_ns, ElementsAre(1'000'004, 1'000'005));
}

TEST(Runner, OneWorkerAtATimeCheckedAfterEachTurnInShuffledOrder) {
  World world;
  ASSERT_TRUE(measure(world, {spec("a"), spec("b"), spec("c")}, small_plan()).ok());
  // After the warm-up (load, run, run..., outputs for each) come turns: a run and then outputs, of the same worker.
  std::size_t at = 0;
  for (std::size_t i = 0; i < world.log.size(); ++i) {
    if (world.log[i].ends_with(":load")) at = i;
  }
  while (!world.log[at].ends_with(":outputs")) ++at;
  std::vector<std::string> orders;
  for (++at; !world.log[at].ends_with(":quit"); at += 6) {
    std::string order;
    for (std::size_t turn = at; turn < at + 6; turn += 2) {
      const std::string who = world.log[turn].substr(0, 1);
      EXPECT_EQ(world.log[turn], who + ":run 6");
      EXPECT_EQ(world.log[turn + 1], who + ":outputs");
      order += who;
    }
    orders.push_back(order);
  }
  EXPECT_EQ(orders.size(), 6U);
  EXPECT_GT(std::set<std::string>(orders.begin(), orders.end()).size(), 1U);
}

TEST(Runner, AWorkerThatCrashesBecomesARowAndTheOthersGoOn) {
  World world;
  world.scripts["b"].fail_run_at = 5;  // the first run, three of the warm-up, then in the second turn
  const auto group = measure(world, {spec("a"), spec("b"), spec("c")}, small_plan());
  const RunResult& b = group->runs[1];
  EXPECT_EQ(b.status, RunStatus::kFailed);
  EXPECT_EQ(b.reason, "in round 3: crashed with signal 11");
  EXPECT_FALSE(b.latency_us);
  EXPECT_FALSE(b.speedup);
  EXPECT_EQ(samples_us(b).size(), 4U);  // what it did before is kept, raw
  EXPECT_EQ(group->runs[2].status, RunStatus::kOk);
  EXPECT_EQ(samples_us(group->runs[2]).size(), 12U);
}

TEST(Runner, AWorkerThatBeginsToLieIsCaughtInThatRound) {
  World world;
  world.scripts["b"].lie_from = 3;  // right after the warm-up and in two rounds
  const auto group = measure(world, {spec("a"), spec("b")}, small_plan());
  EXPECT_EQ(group->runs[1].status, RunStatus::kMismatch);
  EXPECT_THAT(group->runs[1].reason,
              AllOf(HasSubstr("in round 3"), HasSubstr("output 'y' is 2 at [0] where the reference has 1")));
  EXPECT_EQ(group->runs[1].max_abs_error, 1);
  EXPECT_FALSE(group->runs[1].latency_us);
}

TEST(Runner, AWrongBackendIsOutBeforeTheRounds) {
  World world;
  world.scripts["b"].value = 1.5;
  const auto group = measure(world, {spec("b"), spec("a")}, small_plan());
  EXPECT_EQ(group->runs[0].status, RunStatus::kMismatch);
  EXPECT_THAT(group->runs[0].reason, HasSubstr("after the warm-up"));
  EXPECT_TRUE(group->runs[0].turns.empty() || samples_us(group->runs[0]).empty());
}

TEST(Runner, UnavailableAndUnsupportedAreToldApart) {
  World world;
  world.scripts["b"].fail_load = 1;
  world.scripts["c"].fail_load = 2;
  WorkerSpec absent = spec("d");
  absent.status = RunStatus::kUnavailable;
  absent.reason = "needs a PyTorch module";
  const auto group = measure(world, {spec("a"), spec("b"), spec("c"), absent}, small_plan());
  EXPECT_EQ(group->runs[1].status, RunStatus::kUnavailable);
  EXPECT_EQ(group->runs[2].status, RunStatus::kFailed);
  EXPECT_EQ(group->runs[2].reason, "operator 'Frob'");
  EXPECT_EQ(group->runs[3].status, RunStatus::kUnavailable);
  EXPECT_EQ(group->runs[3].reason, "needs a PyTorch module");
  EXPECT_EQ(group->runs[0].status, RunStatus::kOk);
}

TEST(Runner, TheReferenceFallsBackAndSaysSo) {
  World world;
  world.scripts["a"].fail_load = 1;
  world.scripts["b"].no_outputs = true;
  MeasurePlan plan = small_plan();
  plan.references = {"a", "b", "c"};
  const auto group = measure(world, {spec("d"), spec("a"), spec("b"), spec("c")}, plan);
  EXPECT_EQ(group->reference, "c");
  EXPECT_EQ(group->reference_note, "a: not installed");
  EXPECT_EQ(group->runs[0].status, RunStatus::kOk);
}

TEST(Runner, ARequiredReferenceThatIsMissingIsAnError) {
  World world;
  world.scripts["a"].fail_load = 1;
  MeasurePlan plan = small_plan();
  plan.reference_required = true;
  const auto group = measure(world, {spec("a"), spec("b")}, plan);
  ASSERT_FALSE(group.ok());
  EXPECT_THAT(group.error().message(), HasSubstr("reference backend 'a' cannot be used: not installed"));
}

TEST(Runner, AReferenceThatDiesLaterStillServesForChecks) {
  World world;
  world.scripts["a"].fail_run_at = 5;
  world.scripts["b"].lie_from = 5;
  const auto group = measure(world, {spec("a"), spec("b"), spec("c")}, small_plan());
  EXPECT_EQ(group->runs[0].status, RunStatus::kFailed);
  EXPECT_EQ(group->runs[1].status, RunStatus::kMismatch);
  EXPECT_EQ(group->runs[2].status, RunStatus::kOk);
  EXPECT_TRUE(group->runs[2].latency_us);
  EXPECT_FALSE(group->runs[2].speedup);
}

TEST(Runner, LongTurnsAreSplitSoThatTheTimeLimitMeansAHang) {
  World world;
  world.scripts["a"].latency_ns = 1'000'000'000;
  MeasurePlan plan = small_plan();
  plan.time_limit_s = 8;  // a quarter of it is two runs
  plan.rounds = 2;
  const auto group = measure(world, {spec("a")}, plan);
  EXPECT_EQ(samples_us(group->runs[0]).size(), 12U);
  for (const std::string& entry : world.log) {
    if (entry.starts_with("a:run ")) {
      EXPECT_LE(std::stoi(entry.substr(6)), 2);
    }
  }
}

TEST(Runner, MakesFewerLoopsWhereTheyWouldTakeTooLong) {
  World world;
  world.scripts["a"].latency_ns = 100'000'000;
  world.scripts["b"].latency_ns = 50'000'000;
  MeasurePlan plan = small_plan();
  plan.loops = 1024;
  plan.rounds = 32;
  plan.seconds = 6.1;  // 8 rounds with a settling run of 0.15 s leave 4.9 s, 32 times 0.15 s and a bit
  const auto group = measure(world, {spec("a"), spec("b")}, plan);
  EXPECT_EQ(group->loops, 32);
  EXPECT_EQ(group->rounds, 8);
  for (const RunResult& run : group->runs) EXPECT_EQ(samples_us(run).size(), 32U);
}

TEST(Runner, TurnsCarryTheTimeAtWhichTheyBegan) {
  World world;
  const auto group = measure(world, {spec("a"), spec("b")}, small_plan());
  double last = -1;
  for (std::size_t round = 0; round < 6; ++round) {
    const double a = group->runs[0].turns[round].start_s;
    const double b = group->runs[1].turns[round].start_s;
    EXPECT_NEAR(std::abs(a - b), 0.006, 1e-9);  // the other's turn: four settling and two timed runs of 1 ms
    EXPECT_GT(std::min(a, b), last);
    last = std::max(a, b);
  }
}

TEST(Runner, StopsWhenTheUserWants) {
  World world;
  world.stop = true;
  const auto group = measure(world, {spec("a"), spec("b")}, small_plan());
  ASSERT_FALSE(group.ok());
  EXPECT_EQ(group.error().message(), "interrupted");
}

}  // namespace
}  // namespace cycloid
