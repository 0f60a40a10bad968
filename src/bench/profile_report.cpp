#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "bench/profile.h"
#include "bench/table_report.h"

namespace cycloid {
namespace {

using Json = nlohmann::ordered_json;

// Of what the threads together could have done in the time that they were busy.
double percent_of_peak(const StepInfo& step, double busy_us, const MachineLimits& machine) {
  return busy_us > 0 && machine.flops > 0 ? 100 * step.flops * machine.threads / (busy_us * 1e-6 * machine.flops) : 0;
}

double least_us(const Profile& profile, const StepInfo& step) {
  return roofline(profile.machine, step, profile.plan.constant_bytes, false).seconds * 1e6;
}

// The run beside its rooflines, and where the rest goes. Steps of one stage run at the same time, so their times may add up to
// more than the run's.
std::string distance(const Profile& profile) {
  const double direct = roofline_seconds(profile.machine, profile.plan, true) * 1e6;
  const double least = roofline_seconds(profile.machine, profile.plan, false) * 1e6;
  std::string text = fmt::format(
      "roofline: {:.1f} us with direct convolution ({:.0f} % of the run), {:.1f} us with these kernels' arithmetic "
      "({:.0f} %)\n",
      direct, 100 * direct / profile.run_us, least, 100 * least / profile.run_us);
  text += fmt::format("beyond it, {:.1f} us of the run:\n", profile.run_us - least);
  double steps = 0;
  for (const KernelTime& kernel : time_by_kernel(profile)) {
    steps += kernel.us;
    text += fmt::format("  {:>9.1f} us  {:>5.1f} %  {} ({} step{}, {:.1f} us where {:.1f} would do)\n",
                        kernel.us - kernel.least_us, 100 * (kernel.us - kernel.least_us) / profile.run_us,
                        kernel.kernel, kernel.steps, kernel.steps == 1 ? "" : "s", kernel.us, kernel.least_us);
  }
  text += fmt::format("  {:>9.1f} us  {:>5.1f} %  between steps: meeting, waiting, interruptions\n",
                      profile.run_us - steps, 100 * (profile.run_us - steps) / profile.run_us);
  return text;
}

// Which kernels the slow runs are slower in: what makes p99 differ from p50.
std::string slow_runs(const Profile& profile) {
  if (profile.slow_run_us <= 0) return "";
  std::string text = fmt::format("slow runs (the slowest tenth) take {:.1f} us ({:.1f} %) more than usual ones:\n",
                                 profile.slow_run_us, 100 * profile.slow_run_us / profile.run_us);
  double steps = 0;
  std::vector<KernelTime> kernels = time_by_kernel(profile);
  std::ranges::sort(kernels, std::greater(), &KernelTime::slow_us);
  for (const KernelTime& kernel : kernels) {
    steps += kernel.slow_us;
    text += fmt::format("  {:>9.1f} us  {:>5.1f} % of its time  {}\n", kernel.slow_us, 100 * kernel.slow_us / kernel.us,
                        kernel.kernel);
  }
  text += fmt::format("  {:>9.1f} us                      between steps\n", profile.slow_run_us - steps);
  return text;
}

// How much longer the slowest thread works at the step than all would if it were shared evenly.
std::string unevenness(const ProfiledStep& step, int threads) {
  if (threads < 2 || step.busy_us <= 0) return "";
  return fmt::format("{:.2f}", step.us * threads / step.busy_us);
}

std::string rates(double flops, double bytes, double us, double peak_percent) {
  const double per_ns = us > 0 ? 1e-3 / us : 0;
  return fmt::format("{:>8.1f} {:>6.1f} {:>7.1f}", flops * per_ns, peak_percent, bytes * per_ns);
}

}  // namespace

std::vector<KernelTime> time_by_kernel(const Profile& profile) {
  std::vector<KernelTime> kernels;
  for (std::size_t s = 0; s < profile.steps.size(); ++s) {
    const StepInfo& step = profile.plan.steps[s];
    auto found = std::ranges::find(kernels, step.kernel, &KernelTime::kernel);
    if (found == kernels.end()) found = kernels.insert(found, {.kernel = step.kernel});
    ++found->steps;
    found->us += profile.steps[s].us;
    found->least_us += least_us(profile, step);
    found->slow_us += profile.steps[s].slow_us;
  }
  std::ranges::sort(kernels, std::greater(), [](const KernelTime& kernel) { return kernel.us - kernel.least_us; });
  return kernels;
}

std::string profile_table(const std::string& title, const Profile& profile) {
  const int threads = profile.plan.threads;
  std::size_t op = 4, kernel = 6, shape = 5;
  for (const StepInfo& step : profile.plan.steps) {
    op = std::max(op, std::min<std::size_t>(step.op.size(), 28));
    kernel = std::max(kernel, step.kernel.size());
    shape = std::max(shape, step.shape.size());
  }
  std::string text = fmt::format(
      "{}  |  cycloid's steps, {}, {} thread{}, medians of {} profiled runs  |  peak {:.1f} GFLOP/s a thread\n", title,
      profile.isa, threads, threads == 1 ? "" : "s", profile.runs, profile.machine.flops / threads * 1e-9);
  text += fmt::format("{:<{}}  {:<{}}  {:<{}} {:>8} {:>6} {:>8} {:>8} {:>6} {:>7} {:>8} {:>7} {:>8}  node\n", "step",
                      op, "kernel", kernel, "shape", shape, "us", "%", "MFLOP", "GFLOP/s", "% peak", "GB/s", "least us",
                      "uneven", "slow +us");
  double flops = 0, bytes = 0;
  for (std::size_t s = 0; s < profile.steps.size(); ++s) {
    const StepInfo& step = profile.plan.steps[s];
    const ProfiledStep& time = profile.steps[s];
    flops += step.flops;
    bytes += step.bytes;
    text += fmt::format("{:<{}}  {:<{}}  {:<{}} {:>8.1f} {:>6.1f} {:>8.2f} {} {:>8.1f} {:>7} {:>8.1f}  {}\n",
                        one_line(step.op, 27), op, step.kernel, kernel, step.shape, shape, time.us,
                        100 * time.us / profile.run_us, step.flops * 1e-6,
                        rates(step.flops, step.bytes, time.us, percent_of_peak(step, time.busy_us, profile.machine)),
                        least_us(profile, step), unevenness(time, threads), time.slow_us, one_line(step.node, 40));
  }
  text += fmt::format(
      "{:<{}}  {:<{}}  {:<{}} {:>8.1f} {:>6.1f} {:>8.2f} {}\n", "run", op, "", kernel, "", shape, profile.run_us, 100.0,
      flops * 1e-6, rates(flops, bytes, profile.run_us, 100 * flops / (profile.run_us * 1e-6 * profile.machine.flops)));
  text += fmt::format("sum over the stages of the slowest thread's median: {:.1f} us\n", profile.stages_us);
  text +=
      fmt::format("threads waiting or between steps: {:.1f} us of {:.1f} us of processor time ({:.1f} %)\n",
                  profile.waiting_us, profile.run_us * threads, 100 * profile.waiting_us / (profile.run_us * threads));
  text += distance(profile);
  text += slow_runs(profile);
  return text;
}

std::string profile_trace(const std::vector<NamedProfile>& profiles) {
  Json events = Json::array();
  for (std::size_t p = 0; p < profiles.size(); ++p) {
    const Profile& profile = *profiles[p].profile;
    events.push_back({{"name", "process_name"}, {"ph", "M"}, {"pid", p + 1}, {"args", {{"name", profiles[p].name}}}});
    for (int t = 0; t < profile.plan.threads; ++t) {
      events.push_back({{"name", "thread_name"},
                        {"ph", "M"},
                        {"pid", p + 1},
                        {"tid", t + 1},
                        {"args", {{"name", fmt::format("thread {}", t)}}}});
    }
    for (const StepSpan& span : profile.trace) {
      const StepInfo& step = profile.plan.steps[span.step];
      const double us = static_cast<double>(span.end_ns - span.begin_ns) * 1e-3;
      events.push_back({{"name", step.op},
                        {"cat", step.kernel},
                        {"ph", "X"},
                        {"pid", p + 1},
                        {"tid", span.thread + 1},
                        {"ts", static_cast<double>(span.begin_ns) * 1e-3},
                        {"dur", us},
                        {"args",
                         {{"node", step.node},
                          {"kernel", step.kernel},
                          {"shape", step.shape},
                          {"layout", step.layout},
                          {"stage", step.stage},
                          {"MFLOP of the step", step.flops * 1e-6},
                          {"least us of the step", least_us(profile, step)},
                          {"KiB of the step", step.bytes / 1024}}}});
    }
  }
  const Json trace = {{"displayTimeUnit", "ns"}, {"traceEvents", std::move(events)}};
  // Names come from the model and need not be UTF-8; JSON has to be.
  return trace.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace cycloid
