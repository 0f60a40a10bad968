// bench.html: one file that needs nothing else, on paper, on a phone or offline.
#pragma once

#include <string>
#include <string_view>

#include "bench/json_report.h"

namespace cycloid {

// `page` with each {{name}} replaced by the asset of that name, {{data}} by `data`, which must not hold "<".
std::string filled_page(std::string_view page, std::string_view data);

std::string html_report(const BenchResult& result, const ReportContext& context);

}  // namespace cycloid
