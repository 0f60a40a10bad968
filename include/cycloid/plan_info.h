// What a session decided for one set of input shapes, and what it measured.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cycloid/export.h"

namespace CYCLOID_API cycloid {

// One step of a plan. Steps with the same stage may run at the same time; threads meet between stages.
struct StepInfo {
  std::string
      node;        // the model's nodes that the step computes: "conv1 + relu1"; empty for the plan's own (conversions)
  std::string op;  // their operators: "Conv+Relu", "to channels-last"
  std::string kernel;  // "conv.igemm.avx512", "reference", ...
  std::string reason;  // why it is not a faster kernel; empty where there is nothing to say
  std::string shape;   // of its first output: "[5, 64, 15, 15]"
  std::string layout;  // of its first output: "row-major", "channels-last", "channels-last in a concatenation"
  int stage = 0;
  std::int64_t units = 1;     // independent pieces of work
  double flops = 0;           // of the model's arithmetic (a multiply-add is two)
  double bytes = 0;           // read and written, each operand once, packed weights included
  double arithmetic = 0;      // FLOPs that the kernel's algorithm needs for `flops`: fewer where it is Winograd's
  double constant_bytes = 0;  // of `bytes`: packed weights and constants, which no step of the run has written
};

struct PlanInfo {
  std::vector<StepInfo> steps;
  int threads = 1;  // that share the work of a run
  int stages = 0;
  int conversions = 0;             // steps that only change a layout or copy
  int reference_steps = 0;         // steps that run by the reference evaluation: correct, slow, and they allocate
  std::size_t arena_bytes = 0;     // per run at the same time
  std::size_t scratch_bytes = 0;   // per thread and run at the same time
  std::size_t constant_bytes = 0;  // packed weights and constants, shared by all runs
  std::string tuning;              // how kernels were chosen, where SessionOptions::tune asked for it; else empty

  // A table for people, one line a step, with the totals.
  std::string to_text() const;
};

// What one step took, over the profiled runs.
struct StepProfile {
  std::int64_t runs = 0;
  std::int64_t total_ns = 0;  // of the slowest thread in each run, summed; waiting for other threads is not counted
  std::int64_t min_ns = 0;
};

// One thread's part of one step of one run; nanoseconds since the run began.
struct StepSpan {
  std::uint32_t step = 0;
  int thread = 0;
  std::int64_t begin_ns = 0, end_ns = 0;
};

}  // namespace cycloid
