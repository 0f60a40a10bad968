#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bench/profile.h"
#include "bench/table_report.h"

namespace cycloid {
namespace {

using Json = nlohmann::ordered_json;

// Of what the threads together could have done in the time that they were busy.
double percent_of_peak(const StepInfo& step, double busy_us, double peak_flops) {
  return busy_us > 0 && peak_flops > 0 ? 100 * step.flops / (busy_us * 1e-6 * peak_flops) : 0;
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
      profile.isa, threads, threads == 1 ? "" : "s", profile.runs, profile.peak_flops * 1e-9);
  text += fmt::format("{:<{}}  {:<{}}  {:<{}} {:>8} {:>6} {:>8} {:>8} {:>6} {:>7} {:>7}  node\n", "step", op, "kernel",
                      kernel, "shape", shape, "us", "%", "MFLOP", "GFLOP/s", "% peak", "GB/s", "uneven");
  double flops = 0, bytes = 0;
  for (std::size_t s = 0; s < profile.steps.size(); ++s) {
    const StepInfo& step = profile.plan.steps[s];
    const ProfiledStep& time = profile.steps[s];
    flops += step.flops;
    bytes += step.bytes;
    text +=
        fmt::format("{:<{}}  {:<{}}  {:<{}} {:>8.1f} {:>6.1f} {:>8.2f} {} {:>7}  {}\n", one_line(step.op, 27), op,
                    step.kernel, kernel, step.shape, shape, time.us, 100 * time.us / profile.run_us, step.flops * 1e-6,
                    rates(step.flops, step.bytes, time.us, percent_of_peak(step, time.busy_us, profile.peak_flops)),
                    unevenness(time, threads), one_line(step.node, 40));
  }
  text += fmt::format(
      "{:<{}}  {:<{}}  {:<{}} {:>8.1f} {:>6.1f} {:>8.2f} {}\n", "run", op, "", kernel, "", shape, profile.run_us, 100.0,
      flops * 1e-6,
      rates(flops, bytes, profile.run_us, 100 * flops / (profile.run_us * 1e-6 * profile.peak_flops * threads)));
  text += fmt::format("sum over the stages of the slowest thread's median: {:.1f} us\n", profile.stages_us);
  text +=
      fmt::format("threads waiting or between steps: {:.1f} us of {:.1f} us of processor time ({:.1f} %)\n",
                  profile.waiting_us, profile.run_us * threads, 100 * profile.waiting_us / (profile.run_us * threads));
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
                          {"KiB of the step", step.bytes / 1024}}}});
    }
  }
  const Json trace = {{"displayTimeUnit", "ns"}, {"traceEvents", std::move(events)}};
  // Names come from the model and need not be UTF-8; JSON has to be.
  return trace.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace cycloid
