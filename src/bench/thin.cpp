#include "bench/thin.h"

#include <algorithm>

#include "base/check.h"

namespace cycloid {

std::vector<Point> thin_distribution(std::span<const double> samples, std::size_t max_points) {
  CYCLOID_CHECK(max_points >= 4);
  std::vector<double> ascending(samples.begin(), samples.end());
  std::sort(ascending.begin(), ascending.end());
  const std::size_t n = ascending.size();
  std::vector<Point> points;
  const auto add = [&](std::size_t rank) {
    points.push_back({ascending[rank], static_cast<double>(rank + 1) / static_cast<double>(n)});
  };
  if (n <= max_points) {
    for (std::size_t rank = 0; rank < n; ++rank) add(rank);
    return points;
  }
  const std::size_t tail = max_points / 2;
  const std::size_t body = max_points - tail;
  for (std::size_t i = 0; i < body; ++i) add(i * (n - tail - 1) / (body - 1));
  for (std::size_t rank = n - tail; rank < n; ++rank) add(rank);
  return points;
}

std::vector<Point> thin_timeline(const std::vector<Turn>& turns, std::size_t max_points) {
  CYCLOID_CHECK(max_points >= 2);
  std::vector<Point> all;
  for (const Turn& turn : turns) {
    double at = turn.start_s;
    for (const std::int64_t ns : turn.samples_ns) {
      all.push_back({at, static_cast<double>(ns) / 1e3});
      at += static_cast<double>(ns) / 1e9;
    }
  }
  if (all.size() <= max_points) return all;
  std::vector<Point> points;
  const std::size_t stretches = max_points / 2;
  for (std::size_t i = 0; i < stretches; ++i) {
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(i * all.size() / stretches);
    const auto end = all.begin() + static_cast<std::ptrdiff_t>((i + 1) * all.size() / stretches);
    auto [low, high] = std::minmax_element(begin, end, [](const Point& a, const Point& b) { return a.y < b.y; });
    if (low > high) std::swap(low, high);
    points.push_back(*low);
    if (low != high) points.push_back(*high);
  }
  return points;
}

}  // namespace cycloid
