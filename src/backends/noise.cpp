#include "backends/noise.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <limits>

#include "backends/options.h"
#include "base/error.h"
#include "base/threads.h"

namespace cycloid {
namespace {

using Clock = std::chrono::steady_clock;

// As frameworks' threads do between runs.
constexpr int kSpinMicroseconds = 200;

std::vector<OptionInfo> options() {
  return {{"target_us", "1000", "length of one run on a quiet core, in microseconds, 0.1 to 1000000", {}}};
}

// Eight independent chains of multiply-adds: no memory, no branch that depends on data, the same work every time. The
// factor is below 1, so the values neither overflow nor become subnormal (their limit is 1).
double compute(std::int64_t iterations) {
  double x[8] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8};
  for (std::int64_t i = 0; i < iterations; ++i) {
    for (double& v : x) v = v * 0.999 + 0.001;
    asm volatile("" : "+m"(x) : :);  // the loop is work to be done, not an expression to be simplified
  }
  return x[0] + x[1] + x[2] + x[3] + x[4] + x[5] + x[6] + x[7];
}

// Iterations that take `target_us`, from the fastest of a few trials: the quiet machine's speed.
std::int64_t calibrate(double target_us) {
  constexpr std::int64_t kTrial = 20'000;
  double fastest_us = std::numeric_limits<double>::max();
  for (int i = 0; i < 20; ++i) {
    const auto start = Clock::now();
    volatile double sink = compute(kTrial);
    static_cast<void>(sink);
    fastest_us = std::min(fastest_us, std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(kTrial * target_us / fastest_us));
}

// One share of the work for each thread, joined at the end of a run as a parallel loop of a framework is.
class NoiseSession final : public BackendSession {
 public:
  NoiseSession(std::unique_ptr<ThreadTeam> team, std::int64_t iterations, std::map<std::string, std::string> settings)
      : team_(std::move(team)), iterations_(iterations), settings_(std::move(settings)) {}

  Status set_inputs(const std::vector<NamedTensor>&) override { return {}; }

  Status run() override {
    team_->run([&](int) {
      volatile double sink = compute(iterations_);
      static_cast<void>(sink);
    });
    return {};
  }

  Result<std::vector<NamedTensor>> outputs() override { return std::vector<NamedTensor>(); }
  std::map<std::string, std::string> settings() const override { return settings_; }

 private:
  const std::unique_ptr<ThreadTeam> team_;
  const std::int64_t iterations_;
  const std::map<std::string, std::string> settings_;
};

}  // namespace

Probe NoiseBackend::probe() const {
  Probe probe;
  probe.available = true;
  probe.version = std::string("1");
  probe.options = options();
  return probe;
}

Result<std::unique_ptr<BackendSession>> NoiseBackend::load(const LoadRequest& request) const {
  CYCLOID_ASSIGN(Options resolved, Options::resolve(name(), options(), request.options));
  const std::string& text = resolved.text("target_us");
  double target_us = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), target_us);
  if (failure != std::errc() || end != text.data() + text.size() || !(target_us >= 0.1 && target_us <= 1e6)) {
    return invalid_argument("backend 'noise': target_us={} is not a number from 0.1 to 1000000", text);
  }
  const std::int64_t iterations = calibrate(target_us);
  auto settings = resolved.all();
  settings["threads"] = std::to_string(request.threads);
  settings["iterations"] = std::to_string(iterations);
  CYCLOID_ASSIGN(std::unique_ptr<ThreadTeam> team,
                 ThreadTeam::create({.threads = std::max(1, request.threads), .spin_microseconds = kSpinMicroseconds}));
  return std::unique_ptr<BackendSession>(
      std::make_unique<NoiseSession>(std::move(team), iterations, std::move(settings)));
}

}  // namespace cycloid
