// Where the native engine's time goes: each step of its plan, measured over many runs.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "backends/worker_client.h"
#include "cycloid/plan_info.h"
#include "cycloid/result.h"
#include "runtime/machine.h"

namespace cycloid {

struct ProfiledStep {
  double us = 0;       // median over the runs of the slowest thread's time
  double busy_us = 0;  // median over the runs of all threads' time together
  double slow_us = 0;  // how much longer it takes in a slow run (Profile::slow_run_us)
};

struct Profile {
  PlanInfo plan;
  std::string isa;
  int runs = 0;
  double run_us = 0;      // median, from the run's begin to the end of its last step
  double stages_us = 0;   // sum over the stages of the median of the slowest thread's time: a run undisturbed
  double waiting_us = 0;  // median of what the threads together spent at no step: waiting, passing barriers
  // How much longer a slow run takes than a usual one: the mean of the slowest tenth of the runs less the mean of the middle
  // half. Means, so that the steps' add up to it, but for what lies between steps.
  double slow_run_us = 0;
  MachineLimits machine;  // of the plan's threads at once, measured before the runs
  std::vector<ProfiledStep> steps;
  std::vector<StepSpan> trace;  // of the run of median length
};

struct ProfileRequest {
  std::string model;  // an .onnx file
  std::vector<WorkerInput> inputs;
  int threads = 1;
  int runs = 200;                              // timed, after a tenth as many, at least 5, that are not
  double seconds = 20;                         // after which no other run is begun
  std::map<std::string, std::string> options;  // of the backend "cycloid"
};

// Runs the model in this process, so nothing else may be computing in it. Two clock readings a step and thread are part
// of the times (~50 ns).
Result<Profile> profile_native(const ProfileRequest& request);

// What the steps of one kernel took, and their rooflines with the algorithm's own arithmetic.
struct KernelTime {
  std::string kernel;
  int steps = 0;
  double us = 0, least_us = 0, slow_us = 0;
};
// Those that take the most beyond their roofline first.
std::vector<KernelTime> time_by_kernel(const Profile& profile);

// A table, UTF-8: time, share of the run, effective GFLOP/s (the model's arithmetic, whatever the algorithm does), % of
// the peak of all threads, GB/s (each operand once), the roofline with the algorithm's arithmetic, and how uneven the threads'
// parts are, and what slow runs take more. Below it the distance of the run to the roofline, which kernels the rest goes to, and
// which are slower in slow runs.
std::string profile_table(const std::string& title, const Profile& profile);

struct NamedProfile {
  std::string name;
  const Profile* profile;
};
// The traces as a Chrome trace (JSON), which https://ui.perfetto.dev shows: a process for each profile, a line for each
// thread.
std::string profile_trace(const std::vector<NamedProfile>& profiles);

}  // namespace cycloid
