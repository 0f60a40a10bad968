// The runner with real processes: workers that crash, hang and lie beside workers that do not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "bench/progress.h"
#include "bench/runner.h"
#include "bench/table_report.h"

namespace cycloid {
namespace {

using testing::HasSubstr;

WorkerSpec fake(const std::string& name, std::vector<std::string> settings) {
  WorkerSpec spec;
  spec.backend = name;
  spec.command.argv = {"python3", CYCLOID_SOURCE_DIR "/tests/bench_fake_worker.py"};
  spec.command.argv.insert(spec.command.argv.end(), settings.begin(), settings.end());
  return spec;
}

TEST(RunnerWithProcesses, OneOfEachKind) {
  MeasurePlan plan;
  plan.loops = 100;
  plan.rounds = 5;
  plan.warmup.runs = 3;
  plan.time_limit_s = 5;
  plan.references = {"good"};
  RunnerHooks hooks;
  hooks.start = [](const WorkerSpec& spec) { return start_worker(spec.command); };
  hooks.now = [] { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); };
  const auto group =
      run_group({fake("good", {"latency_ns=2000000"}), fake("fast", {"latency_ns=1000000"}),
                 fake("crash", {"at=run:5", "do=segv"}), fake("hang", {"at=run:4", "do=hang"}),
                 fake("liar", {"lie_after=6"}), fake("declines", {"at=load", "do=error"}),
                 fake("absent", {"at=load", "do=unavailable"}), fake("mute", {"at=outputs:2", "do=half"})},
                plan, hooks);
  ASSERT_TRUE(group.ok()) << group.error().message();
  const auto row = [&](const std::string& name) -> const RunResult& {
    for (const RunResult& run : group->runs) {
      if (run.backend == name) return run;
    }
    return group->runs.front();
  };
  EXPECT_EQ(row("good").status, RunStatus::kOk);
  EXPECT_EQ(row("fast").status, RunStatus::kOk);
  EXPECT_NEAR(row("fast").speedup->ratio, 2.0, 1e-3);
  EXPECT_EQ(samples_us(row("fast")).size(), 100U);
  EXPECT_EQ(row("crash").status, RunStatus::kFailed);
  EXPECT_THAT(row("crash").reason, HasSubstr("SIGSEGV"));
  EXPECT_EQ(row("hang").status, RunStatus::kFailed);
  EXPECT_THAT(row("hang").reason, HasSubstr("within 5 s"));
  EXPECT_EQ(row("liar").status, RunStatus::kMismatch);
  EXPECT_EQ(row("declines").status, RunStatus::kFailed);
  EXPECT_EQ(row("declines").reason, "operator 'Frob' is not supported");
  EXPECT_EQ(row("absent").status, RunStatus::kUnavailable);
  EXPECT_EQ(row("mute").status, RunStatus::kFailed);
}

TEST(ProgressPrinter, IsOneLineOnATerminalAndSparseElsewhere) {
  for (const bool tty : {true, false}) {
    char* text = nullptr;
    std::size_t size = 0;
    std::FILE* file = ::open_memstream(&text, &size);
    double clock = 0;
    {
      ProgressPrinter printer(file, tty, [&] { return clock; });
      for (int turn = 1; turn <= 400; ++turn) {
        clock += 0.05;
        printer.progress({RunProgress::Phase::kMeasure, "back\x1b[2Jend", 2, turn, 400});
      }
    }
    std::fclose(file);
    const std::string printed(text, size);
    std::free(text);
    const auto lines = std::count(printed.begin(), printed.end(), '\n');
    const auto rewrites = std::count(printed.begin(), printed.end(), '\r');
    EXPECT_EQ(lines, tty ? 0 : 3);
    EXPECT_EQ(rewrites > 50 && rewrites <= 202, tty);  // at most ten a second for 20 seconds
    EXPECT_EQ(printed.find("\x1b[2J"), std::string::npos);
    EXPECT_THAT(printed, HasSubstr("50 %"));
  }
}

}  // namespace
}  // namespace cycloid
