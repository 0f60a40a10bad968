// bench.json: {"schema": "cycloid.bench/1", ...}. Its fields are described in docs/bench.md.
#pragma once

#include <string>

#include "bench/environment.h"
#include "bench/result.h"

namespace cycloid {

struct ReportContext {
  Environment environment;
  LoadState before;
  LoadState after;
};

// The whole report, with every raw sample.
std::string json_report(const BenchResult& result, const ReportContext& context);

// What the HTML page draws: the same with thinned curves ("distribution", "timeline": [[x, y], ...]) instead of
// samples, and without a "<" in it, so that no text in it can end a script element.
std::string html_data(const BenchResult& result, const ReportContext& context);

}  // namespace cycloid
