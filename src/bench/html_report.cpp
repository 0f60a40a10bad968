#include "bench/html_report.h"

#include <string_view>

#include "base/check.h"
#include "bench/report/assets.h"

namespace cycloid {

std::string html_report(const BenchResult& result, const ReportContext& context) {
  const std::string data = html_data(result, context);
  // Each {{name}} of the template is replaced once, by position: what is put in is not searched again.
  std::string page;
  std::string_view left = asset("report.html");
  for (;;) {
    const std::size_t open = left.find("{{");
    if (open == std::string_view::npos) break;
    const std::size_t close = left.find("}}", open);
    CYCLOID_CHECK(close != std::string_view::npos);
    const std::string_view name = left.substr(open + 2, close - open - 2);
    page += left.substr(0, open);
    page += name == "data" ? std::string_view(data) : asset(name);
    left.remove_prefix(close + 2);
  }
  page += left;
  return page;
}

}  // namespace cycloid
