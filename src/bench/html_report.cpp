#include "bench/html_report.h"

#include <string_view>

#include "base/check.h"
#include "bench/report/assets.h"

namespace cycloid {

std::string filled_page(std::string_view left, std::string_view data) {
  // Each {{name}} of the template is replaced once, by position: what is put in is not searched again.
  std::string page;
  for (;;) {
    const std::size_t open = left.find("{{");
    if (open == std::string_view::npos) break;
    const std::size_t close = left.find("}}", open);
    CYCLOID_CHECK(close != std::string_view::npos);
    const std::string_view name = left.substr(open + 2, close - open - 2);
    page += left.substr(0, open);
    page += name == "data" ? data : asset(name);
    left.remove_prefix(close + 2);
  }
  page += left;
  return page;
}

std::string html_report(const BenchResult& result, const ReportContext& context) {
  return filled_page(asset("report.html"), html_data(result, context));
}

}  // namespace cycloid
