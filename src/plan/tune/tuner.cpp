#include "plan/tune/tuner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "plan/tune/candidates.h"

namespace cycloid {
namespace {

// Of one shape, at most: the rest of the plan wants its part.
constexpr double kMostSecondsOfAShape = 3;
// Below so little arithmetic the time of a step is not that of its kernel.
constexpr double kLeastFlops = 2e4;
// More memory than this is not taken for a measurement.
constexpr double kMostFloats = 256e6;

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double floats_of(const kernels::ConvParams& p) {
  const auto pixels = [](std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t stride) {
    return static_cast<double>(n) * static_cast<double>(h) * static_cast<double>(w) * static_cast<double>(stride);
  };
  return pixels(p.batch, p.in_h, p.in_w, std::max(p.in_stride, p.in_c)) +
         pixels(p.batch, p.out_h, p.out_w, std::max(p.out_stride, p.out_c) + std::max(p.residual_stride, p.out_c));
}

double floats_of(const kernels::GemmParams& p) {
  return static_cast<double>(p.batch) * (static_cast<double>(p.m) * static_cast<double>(p.k + 2 * p.n) +
                                         static_cast<double>(p.k) * static_cast<double>(p.n));
}

}  // namespace

Tuner::Tuner(const std::string& cache_path, double budget) : cache_(cache_path, tune_cpu()), budget_(budget) {}

void Tuner::begin(std::size_t weight_bytes) {
  counts_ = {};
  cold_weights_ = weight_bytes > static_cast<std::size_t>(cpu_info().l2_bytes) / 2;
}

std::string Tuner::end() {
  std::string text =
      fmt::format("{} shapes from the cache, {} measured in {:.1f} s, {} by estimate; {} of them changed; {}",
                  counts_.cached, counts_.measured, counts_.seconds, counts_.estimated, counts_.changed, cache_.path());
  if (const Status saved = cache_.save(); !saved) text += " (not written: " + saved.error().message() + ")";
  return text;
}

// `configure` makes the plan of a candidate's name or gives nothing; `measure` gives the candidates and their times.
template <class Selection, class Configure, class Measure>
Selection Tuner::choose(const std::string& key, Selection by_estimate, Configure configure, Measure measure) {
  if (const TunedChoice* known = cache_.find(key)) {
    if (auto plan = configure(known->choice)) {
      ++counts_.cached;
      counts_.changed += known->ns < known->default_ns ? 1 : 0;
      return *std::move(plan);
    }
  }
  const double left = budget_ - counts_.seconds;
  if (left <= 0) {
    ++counts_.estimated;
    return by_estimate;
  }
  const double begin = seconds_now();
  const auto [candidates, timings] = measure(std::min(left, kMostSecondsOfAShape));
  counts_.seconds += seconds_now() - begin;
  const bool complete =
      !timings.empty() && std::ranges::all_of(timings, [](const Timing& timing) { return timing.turns > 0; });
  if (!complete) {
    ++counts_.estimated;
    return by_estimate;
  }
  const std::size_t chosen = choose_timing(timings);
  ++counts_.measured;
  counts_.changed += chosen != 0 ? 1 : 0;
  cache_.put(key, {candidates[chosen].name, timings[chosen].seconds * 1e9, timings[0].seconds * 1e9});
  return candidates[chosen].plan;
}

kernels::ConvSelection Tuner::conv(const kernels::ConvParams& params, Isa isa) {
  kernels::ConvSelection by_estimate = kernels::select_conv(params, isa);
  if (std::holds_alternative<std::string>(by_estimate) || params.flops() < kLeastFlops ||
      floats_of(params) > kMostFloats)
    return by_estimate;
  return choose(
      tune_key(params, isa, cold_weights_), std::move(by_estimate),
      [&](const std::string& name) { return conv_tune_candidate(name, params, isa); },
      [&](double budget) {
        auto candidates = conv_tune_candidates(params, isa);
        auto timings = time_candidates(candidates, cold_weights_, budget);
        return std::pair(std::move(candidates), std::move(timings));
      });
}

kernels::GemmSelection Tuner::gemm(const kernels::GemmParams& params, Isa isa) {
  kernels::GemmSelection by_estimate = kernels::select_gemm(params, isa);
  // Tables of offsets lead into the memory of the run.
  if (std::holds_alternative<std::string>(by_estimate) || params.flops() < kLeastFlops ||
      floats_of(params) > kMostFloats || params.a_offsets != nullptr || params.b_offsets != nullptr)
    return by_estimate;
  return choose(
      tune_key(params, isa, cold_weights_), std::move(by_estimate),
      [&](const std::string& name) { return gemm_tune_candidate(name, params, isa); },
      [&](double budget) {
        auto candidates = gemm_tune_candidates(params, isa);
        auto timings = time_candidates(candidates, cold_weights_, budget);
        return std::pair(std::move(candidates), std::move(timings));
      });
}

kernels::ConvSelection choose_conv(const PlanOptions& options, const kernels::ConvParams& params) {
  return options.tuner != nullptr ? options.tuner->conv(params, options.isa)
                                  : kernels::select_conv(params, options.isa);
}

kernels::GemmSelection choose_gemm(const PlanOptions& options, const kernels::GemmParams& params) {
  return options.tuner != nullptr ? options.tuner->gemm(params, options.isa)
                                  : kernels::select_gemm(params, options.isa);
}

}  // namespace cycloid
