// The files of the report's page, embedded when the program is built (cmake/CycloidEmbed.cmake).
#pragma once

#include <string_view>

namespace cycloid {

// The text of "report.html", "report.css", "format.js", "charts.js", "report.js", or "chart.js" (the library; empty
// when the build found none). An unknown name is a bug.
std::string_view asset(std::string_view name);

}  // namespace cycloid
