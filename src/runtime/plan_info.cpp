#include "cycloid/plan_info.h"

#include <fmt/format.h>

#include <algorithm>

namespace cycloid {

std::string PlanInfo::to_text() const {
  std::size_t op = 2, kernel = 6, shape = 5;
  for (const StepInfo& step : steps) {
    op = std::max(op, std::min<std::size_t>(step.op.size(), 40));
    kernel = std::max(kernel, step.kernel.size());
    shape = std::max(shape, step.shape.size());
  }
  std::string text = fmt::format("{:>5} {:<{}} {:<{}} {:<{}} {:>9} {:>8} {:>6}  node\n", "stage", "op", op, "kernel",
                                 kernel, "shape", shape, "MFLOP", "KiB", "units");
  double flops = 0;
  for (const StepInfo& step : steps) {
    flops += step.flops;
    text += fmt::format("{:>5} {:<{}} {:<{}} {:<{}} {:>9.3f} {:>8.1f} {:>6}  {}{}{}\n", step.stage, step.op, op,
                        step.kernel, kernel, step.shape, shape, step.flops / 1e6, step.bytes / 1024, step.units,
                        step.node, step.layout == "row-major" || step.layout.empty() ? "" : " [" + step.layout + "]",
                        step.reason.empty() ? "" : " (" + step.reason + ")");
  }
  text += fmt::format(
      "{} steps in {} stages, {} threads, {:.1f} MFLOP; {} conversions, {} by reference evaluation; arena {:.1f} KiB, "
      "scratch {:.1f} KiB a thread, "
      "constants {:.1f} KiB\n",
      steps.size(), stages, threads, flops / 1e6, conversions, reference_steps, static_cast<double>(arena_bytes) / 1024,
      static_cast<double>(scratch_bytes) / 1024, static_cast<double>(constant_bytes) / 1024);
  if (!tuning.empty()) text += "tuning: " + tuning + "\n";
  return text;
}

}  // namespace cycloid
