// Fewer points for drawing, chosen so that the picture stays the same. Reports draw these; bench.json keeps every
// sample.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "bench/result.h"

namespace cycloid {

struct Point {
  double x = 0;
  double y = 0;
  friend bool operator==(const Point&, const Point&) = default;
};

// The empirical distribution: x a latency, y the share of samples that are not above it, both ascending; at most
// `max_points` points, half of them evenly spaced in probability and half the slowest samples one by one, because the
// tail is what a picture of steadiness is about.
std::vector<Point> thin_distribution(std::span<const double> samples, std::size_t max_points);

// Latency (us) over time (s since the first round): at most `max_points` samples, the fastest and the slowest of each
// stretch of equally many, so that no spike is lost.
std::vector<Point> thin_timeline(const std::vector<Turn>& turns, std::size_t max_points);

}  // namespace cycloid
