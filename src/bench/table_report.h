// The table on the terminal.
#pragma once

#include <string>

#include "bench/result.h"

namespace cycloid {

// One table for each thread count of a comparison, UTF-8, lines end in '\n'. Times in microseconds.
std::string table_report(const ComparisonResult& comparison);

// "8131", "23.4", "6.81": three significant digits, more before the point.
std::string format_us(double us);

// "1.69x (1.60-1.75)", "no difference (0.98-1.03)", "1.69x" without an interval.
std::string format_speedup(const Ratio& speedup);

// Text that came from outside as one line without control characters, cut to `width` columns.
std::string one_line(const std::string& text, std::size_t width = 200);

}  // namespace cycloid
