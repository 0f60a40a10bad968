// The page of `cycloid optimize --html`: the graph before and after, side by side, and every change. One file that needs
// nothing else.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/statistics.h"
#include "cycloid/optimize.h"

namespace cycloid {

// What was measured of one backend, in words.
struct MeasuredText {
  std::string backend;
  std::string text;    // "1.69x (1.60-1.75)"
  std::string detail;  // "1 thread, x=1x64"
  std::optional<Ratio> speedup;
};

std::string optimize_page(const std::string& name, const Model& before, const Optimization& optimization,
                          const std::vector<MeasuredText>& measured);

// The two graphs of a small model as one SVG picture, changed boxes lit; for documentation.
std::string optimize_picture(const Model& before, const Optimization& optimization);

}  // namespace cycloid
