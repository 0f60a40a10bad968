#include "bench/schedule.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "base/check.h"

namespace cycloid {

int default_rounds(std::int64_t loops) {
  const std::int64_t rounds = std::max({std::int64_t{8}, std::min<std::int64_t>(32, loops / 32), loops / 256});
  return static_cast<int>(std::clamp<std::int64_t>(std::min(rounds, loops), 1, 1024));
}

std::vector<std::int64_t> loops_per_round(std::int64_t loops, int rounds) {
  CYCLOID_CHECK(rounds >= 1 && loops >= rounds);
  std::vector<std::int64_t> result;
  std::int64_t done = 0;
  for (int r = 1; r <= rounds; ++r) {
    // floor(loops * r / rounds) without the product, which could leave int64.
    const std::int64_t until = loops / rounds * r + loops % rounds * r / rounds;
    result.push_back(until - done);
    done = until;
  }
  return result;
}

std::vector<std::size_t> turn_order(std::size_t participants, int round, std::uint64_t seed) {
  std::vector<std::size_t> order(participants);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::seed_seq mixed = {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32),
                         static_cast<std::uint32_t>(round)};
  std::mt19937_64 random(mixed);
  for (std::size_t i = participants; i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  return order;
}

std::int64_t WarmUp::next_block(std::int64_t done, double seconds) const {
  const double run_seconds = done > 0 ? seconds / static_cast<double>(done) : 0;
  // A tenth of a second at a time, so that what is learnt on the way counts.
  const std::int64_t block =
      run_seconds > 0 ? std::clamp<std::int64_t>(static_cast<std::int64_t>(0.1 / run_seconds), 1, 10'000) : 1;
  if (runs) return std::clamp<std::int64_t>(*runs - done, 0, block);
  if (done < 3) return std::min<std::int64_t>(block, 3 - done);
  if ((done >= 10 && seconds >= 0.5) || seconds >= 5) return 0;
  return block;
}

std::int64_t settle_runs(double run_seconds) {
  if (run_seconds <= 0) return 200;
  const double fewest = std::min(4.0, std::ceil(40e-3 / run_seconds));
  return static_cast<std::int64_t>(std::clamp(std::ceil(2e-3 / run_seconds), fewest, 200.0));
}

std::int64_t loops_within(double seconds, std::int64_t loops, std::span<const double> run_seconds) {
  double timed = 0, settling = 0;  // of one run of each; of one round
  for (const double one : run_seconds) {
    timed += one;
    settling += one * static_cast<double>(settle_runs(one));
  }
  const std::int64_t least = std::min<std::int64_t>(8, loops);
  const auto within = [&](double left) {
    if (left >= timed * static_cast<double>(loops)) return loops;
    return std::max(least, static_cast<std::int64_t>(left / timed));
  };
  return within(seconds - settling * default_rounds(within(seconds)));
}

std::int64_t largest_block(double run_seconds, double limit_seconds) {
  if (run_seconds <= 0) return 1'000'000;
  return static_cast<std::int64_t>(std::clamp(limit_seconds / 4 / run_seconds, 1.0, 1e6));
}

}  // namespace cycloid
