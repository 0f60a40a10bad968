// bench.html: one file that needs nothing else, on paper, on a phone or offline.
#pragma once

#include <string>

#include "bench/json_report.h"

namespace cycloid {

std::string html_report(const BenchResult& result, const ReportContext& context);

}  // namespace cycloid
