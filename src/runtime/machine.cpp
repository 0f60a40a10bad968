#include "runtime/machine.h"

#include <algorithm>

#include "base/aligned.h"
#include "base/threads.h"
#include "kernels/peak/peak.h"
#include "kernels/stream/stream.h"

namespace cycloid {
namespace {

constexpr double kSecondsOfALevel = 0.02;
constexpr std::int64_t kFarBytes = std::int64_t{128} << 20;  // read from and written to, each, by all threads together

struct Probe {
  std::string name;
  double holds;        // bytes, of one thread
  std::int64_t bytes;  // of each of the two arrays of a thread
};

// Two arrays of a quarter of a cache leave room for what else is in it. What is beyond L2 is measured at eight times L2: on
// machines with a large shared cache that is L3, elsewhere memory.
std::vector<Probe> probes(int threads, bool far) {
  const CpuInfo& cpu = cpu_info();
  std::vector<Probe> all = {{"L1", static_cast<double>(cpu.l1d_bytes), cpu.l1d_bytes / 4},
                            {"L2", static_cast<double>(cpu.l2_bytes), cpu.l2_bytes / 4}};
  const bool shared_cache = cpu.l3_bytes > 4 * cpu.l2_bytes;
  const double l3 = static_cast<double>(cpu.l3_bytes) / threads;
  all.push_back({shared_cache ? "L3" : "memory", l3, 4 * cpu.l2_bytes});
  if (far && shared_cache) all.push_back({"memory", 0, std::max(4 * cpu.l2_bytes, kFarBytes / threads)});
  return all;
}

}  // namespace

const MachineLimits::Level& MachineLimits::level_of(double bytes) const {
  const auto holds = [&](const Level& level) { return bytes <= level.bytes; };
  const auto found = std::find_if(levels.begin(), levels.end(), holds);
  return found == levels.end() ? levels.back() : *found;
}

Result<MachineLimits> measure_limits(Isa isa, int threads, bool far) {
  CYCLOID_ASSIGN(const std::unique_ptr<ThreadTeam> team, ThreadTeam::create({.threads = threads}));
  MachineLimits limits{.threads = threads, .flops = 0, .levels = {}};
  std::vector<double> rates(static_cast<std::size_t>(threads));
  // All at once: what they share, be it a core or the memory, they share here too.
  const auto all = [&](FunctionRef<double(int)> measure) {
    team->run([&](int thread) {
      team->barrier();
      rates[static_cast<std::size_t>(thread)] = measure(thread);
    });
    double sum = 0;
    for (const double rate : rates) sum += rate;
    return sum;
  };
  limits.flops = all([&](int) { return kernels::measure_peak_flops(isa); });
  for (const Probe& probe : probes(threads, far)) {
    std::vector<AlignedBuffer<float>> memory(2 * static_cast<std::size_t>(threads));
    const double rate = all([&](int thread) {
      AlignedBuffer<float>* mine = memory.data() + 2 * thread;
      for (int i = 0; i < 2; ++i) mine[i] = AlignedBuffer<float>(static_cast<std::size_t>(probe.bytes) / sizeof(float));
      return kernels::measure_bandwidth(isa, mine[0].data(), mine[1].data(), probe.bytes, kSecondsOfALevel);
    });
    limits.levels.push_back({probe.name, probe.holds * threads, rate});
  }
  return limits;
}

Roofline roofline(const MachineLimits& machine, double flops, double bytes) {
  const MachineLimits::Level& level = machine.level_of(bytes);
  Roofline limit{flops / machine.flops, "arithmetic"};
  if (const double moving = bytes / level.bytes_per_second; moving > limit.seconds) limit = {moving, level.name};
  return limit;
}

Roofline roofline(const MachineLimits& machine, const StepInfo& step, std::size_t constant_bytes, bool direct) {
  Roofline limit = roofline(machine, direct ? step.flops : step.arithmetic, step.bytes - step.constant_bytes);
  const MachineLimits::Level& level = machine.level_of(static_cast<double>(constant_bytes));
  if (const double moving = step.constant_bytes / level.bytes_per_second; moving > limit.seconds)
    limit = {moving, level.name};
  return limit;
}

double roofline_seconds(const MachineLimits& machine, const PlanInfo& plan, bool direct) {
  double seconds = 0;
  for (const StepInfo& step : plan.steps) seconds += roofline(machine, step, plan.constant_bytes, direct).seconds;
  return seconds;
}

}  // namespace cycloid
