// For tests: a result as a measurement of seven backends might give it, with every status and with hostile names.
#pragma once

#include <cmath>
#include <random>

#include "bench/json_report.h"
#include "bench/result.h"

namespace cycloid {

inline RunResult sample_run(const std::string& backend, int threads, double median_us, double spread, int rounds,
                            int loops) {
  std::mt19937_64 random(std::hash<std::string>()(backend) + static_cast<std::size_t>(threads));
  std::normal_distribution<double> normal;
  RunResult run;
  run.backend = backend;
  run.version = "1.2.3";
  run.threads = threads;
  run.form = "onnx";
  run.model = "torch.onnx.export, opset 20";
  run.settings = {{"threads", std::to_string(threads)}, {"precision", "f32"}};
  run.load_ms = 41.5;
  run.first_run_ms = median_us / 500;
  run.peak_rss_mb = 180;
  run.warmup_runs = 52;
  run.settle_runs = 1;
  run.max_abs_error = 2e-6;
  run.max_rel_error = 4e-7;
  run.usage = WorkerUsage{180, 12, 0, 64, 3};
  for (int r = 0; r < rounds; ++r) {
    Turn turn;
    turn.start_s = 0.2 * r;
    for (int i = 0; i < loops / rounds; ++i) {
      const double outlier = random() % 60 == 0 ? 1 + 2 * spread : 1;
      turn.samples_ns.push_back(
          static_cast<std::int64_t>(1e3 * median_us * outlier * std::exp(spread * 0.2 * std::abs(normal(random)))));
    }
    run.turns.push_back(turn);
  }
  return run;
}

inline BenchResult sample_result(int loops = 1024) {
  BenchResult result;
  result.date = "2026-11-23T12:34:56Z";
  result.version = "0.1.0";
  result.command = {"cycloid", "bench", "--seed", "7"};
  result.seed = 7;
  for (const std::string model :
       {"squeezenet1_1", "</script><script>document.title='owned'</script><b>&amp;\"'{{data}}"}) {
    ComparisonResult comparison;
    comparison.model.name = model;
    comparison.model.sha256 = std::string(64, 'a');
    comparison.model.inputs = {{"x", DType::kFloat32, {5, 3, 64, 64}, "/tmp/x.npy"}};
    comparison.model.input_source = "random, seed 7";
    comparison.loops = loops;
    for (const int threads : {1, 2}) {
      GroupResult group;
      group.threads = threads;
      group.loops = loops;
      group.rounds = loops >= 32 ? 32 : 8;
      group.reference = "pytorch";
      const auto add = [&](const char* name, double us, double spread) {
        group.runs.push_back(sample_run(name, threads, us / (0.4 + 0.6 * threads), spread, group.rounds, loops));
      };
      add("pytorch", 4368, 1.0), add("torchscript", 4113, 0.9), add("torch-compile", 3775, 0.8),
          add("libtorch", 4000, 0.7);
      add("onnxruntime", 2051, 0.5), add("openvino", 2130, 0.45), add("cycloid", 1300, 0.1);
      group.noise = sample_run("noise", threads, 1000, 0.03, group.rounds, loops);
      if (threads == 2) {
        group.runs[2].status = RunStatus::kFailed;
        group.runs[2].reason =
            "in round 3: the worker crashed with signal 11 (SIGSEGV, Segmentation fault) during 'run'";
        group.runs[3].status = RunStatus::kUnavailable;
        group.runs[3].reason = "<img src=x onerror=alert(1)> is not installed; pip install it";
        group.runs[3].turns.clear();
        group.runs[5].status = RunStatus::kMismatch;
        group.runs[5].reason = "in round 1: output 'y' is 2 at [0] where the reference has 1";
      }
      summarize_group(group, 7);
      comparison.groups.push_back(group);
    }
    result.comparisons.push_back(comparison);
  }
  return result;
}

inline ReportContext sample_context() {
  ReportContext context;
  context.environment = read_environment();
  context.environment.variables = {{"OMP_NUM_THREADS", "</script>2"}};
  context.before = read_load();
  context.after = context.before;
  return context;
}

}  // namespace cycloid
