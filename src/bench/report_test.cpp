#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <regex>

#include "base/atomic_file.h"
#include "bench/html_report.h"
#include "bench/json_report.h"
#include "bench/report/assets.h"
#include "bench/sample_result.h"
#include "bench/table_report.h"
#include "bench/thin.h"

namespace cycloid {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

TEST(JsonReport, HoldsTheSchemaAndEverySample) {
  const BenchResult result = sample_result();
  const json report = json::parse(json_report(result, sample_context()));
  EXPECT_EQ(report["schema"], "cycloid.bench/1");
  EXPECT_TRUE(report["environment"].is_object());
  const json& comparison = report["comparisons"][0];
  EXPECT_EQ(comparison["model"]["name"], "squeezenet1_1");
  EXPECT_EQ(comparison["model"]["sha256"], std::string(64, 'a'));
  EXPECT_EQ(comparison["model"]["inputs"][0]["shape"], json({5, 3, 64, 64}));
  EXPECT_EQ(comparison["reference"], "pytorch");
  EXPECT_EQ(comparison["loops"], 1024);
  EXPECT_EQ(comparison["noise"]["runs"].size(), 2U);
  ASSERT_EQ(comparison["runs"].size(), 14U);
  for (const json& run : comparison["runs"]) {
    for (const char* key :
         {"backend", "version", "threads", "status", "reason", "options", "latency_us", "steadiness", "samples_us",
          "max_abs_error", "max_rel_error", "load_ms", "first_run_ms", "peak_rss_mb", "speedup"}) {
      EXPECT_TRUE(run.contains(key)) << key;
    }
  }
  const json& run = comparison["runs"][6];
  EXPECT_EQ(run["backend"], "cycloid");
  EXPECT_EQ(run["status"], "ok");
  EXPECT_EQ(run["samples_us"].size(), 1024U);
  EXPECT_EQ(run["samples_us"][3].get<double>(),
            static_cast<double>(result.comparisons[0].groups[0].runs[6].turns[0].samples_ns[3]) / 1e3);
  for (const char* key : {"min", "p50", "mean", "p90", "p99", "max", "stddev"})
    EXPECT_TRUE(run["latency_us"][key].is_number()) << key;
  EXPECT_TRUE(run["latency_us"]["p999"].is_null());
  EXPECT_NEAR(run["steadiness"].get<double>(),
              run["latency_us"]["p99"].get<double>() / run["latency_us"]["p50"].get<double>(), 1e-12);
  ASSERT_EQ(run["steadiness_interval"].size(), 2U);
  EXPECT_LE(run["steadiness_interval"][0], run["steadiness"]);
  EXPECT_GE(run["steadiness_interval"][1], run["steadiness"]);
  EXPECT_GT(run["speedup"]["ratio"], 2);
  EXPECT_LE(run["speedup"]["low"], run["speedup"]["ratio"]);
  EXPECT_EQ(comparison["runs"][9]["status"], "failed");
  EXPECT_TRUE(comparison["runs"][9]["latency_us"].is_null());
  EXPECT_EQ(comparison["runs"][10]["status"], "unavailable");
  EXPECT_EQ(comparison["runs"][12]["status"], "mismatch");
}

TEST(JsonReport, TextThatIsNotUtf8DoesNotBreakIt) {
  BenchResult result = sample_result(64);
  result.comparisons[0].model.name = "bad \xff name";
  EXPECT_FALSE(json::parse(json_report(result, sample_context()), nullptr, false).is_discarded());
}

TEST(HtmlReport, IsOneSelfContainedPage) {
  const std::string page = html_report(sample_result(), sample_context());
  EXPECT_THAT(page, HasSubstr("<!doctype html>"));
  EXPECT_THAT(page, Not(HasSubstr("{{report.css}}")));
  for (const char* outside : {"<script src", "<link rel=\"stylesheet\"", "url(http", "@import", "fetch("}) {
    EXPECT_EQ(page.find(outside), std::string::npos) << outside;
  }
}

TEST(HtmlReport, HostileNamesStayData) {
  const std::string page = html_report(sample_result(), sample_context());
  std::size_t ends = 0;
  for (std::size_t at = page.find("</script"); at != std::string::npos; at = page.find("</script", at + 1)) ++ends;
  EXPECT_EQ(ends, 3U);  // the data, the library, the page's own
  EXPECT_EQ(page.find("<img"), std::string::npos);
  const std::string open = "<script type=\"application/json\" id=\"data\">";
  const std::size_t begin = page.find(open) + open.size();
  const json data = json::parse(page.substr(begin, page.find("</script>", begin) - begin));
  EXPECT_EQ(data["comparisons"][1]["model"]["name"], sample_result().comparisons[1].model.name);
}

TEST(HtmlReport, ScriptsCannotEndTheirElement) {
  for (const char* name : {"format.js", "charts.js", "report.js", "chart.js"})
    EXPECT_EQ(asset(name).find("</script"), std::string_view::npos) << name;
  EXPECT_GT(asset("report.js").size(), 1000U);
}

// For tests/report_test.py, which looks at the page in a browser.
TEST(HtmlReport, WritesSamplePagesWhereAsked) {
  const char* folder = std::getenv("CYCLOID_SAMPLE_PAGES");
  if (folder == nullptr) GTEST_SKIP() << "CYCLOID_SAMPLE_PAGES is not set";
  EXPECT_TRUE(
      write_file_atomically(std::string(folder) + "/full.html", html_report(sample_result(), sample_context())).ok());
  BenchResult few = sample_result(64);
  few.comparisons.resize(1);
  EXPECT_TRUE(write_file_atomically(std::string(folder) + "/few.html", html_report(few, sample_context())).ok());
  BenchResult none = few;
  for (GroupResult& group : none.comparisons[0].groups) {
    group.noise.reset();
    group.reference.clear();
    group.reference_note = "no backend gave outputs";
    for (RunResult& run : group.runs) {
      RunResult absent;
      absent.backend = run.backend;
      absent.threads = run.threads;
      absent.status = RunStatus::kUnavailable;
      absent.reason = "not installed";
      run = absent;
    }
  }
  EXPECT_TRUE(write_file_atomically(std::string(folder) + "/none.html", html_report(none, sample_context())).ok());
}

TEST(TableReport, HasARowForEachBackendAndReasonsBelow) {
  const BenchResult result = sample_result();
  const std::string table = table_report(result.comparisons[0]);
  for (const char* text :
       {"squeezenet1_1", "x float32 [5, 3, 64, 64]", "1024 runs in 32 rounds", "1 thread ", "2 threads ", "p99/p50",
        "reference", "(machine's noise)", "crashed with signal 11", "unavailable", "mismatch"}) {
    EXPECT_THAT(table, HasSubstr(text));
  }
  // Numbers line up: in the first table every line up to the reasons has the "p50" column end at the same place.
  const std::size_t end = table.find("p50") + 3;
  const std::size_t line_start = table.rfind('\n', end) + 1;
  const std::size_t column = end - line_start;
  std::size_t lines = 0;
  for (std::size_t at = table.find("pytorch  ", line_start); lines < 7; at = table.find('\n', at) + 1, ++lines) {
    EXPECT_TRUE(std::isdigit(static_cast<unsigned char>(table[at + column - 1]))) << table.substr(at, 80);
    EXPECT_EQ(table[at + column], ' ');
  }
}

TEST(TableReport, HostileNamesDoNotSteerTheTerminal) {
  BenchResult result = sample_result(64);
  result.comparisons[0].model.name = "x\x1b[2J\nsecond line";
  const std::string table = table_report(result.comparisons[0]);
  EXPECT_EQ(table.find('\x1b'), std::string::npos);
  EXPECT_THAT(table, HasSubstr("x [2J second line"));
}

TEST(TableReport, FormatsNumbersForPeople) {
  EXPECT_EQ(format_us(8131.4), "8131");
  EXPECT_EQ(format_us(23.44), "23.4");
  EXPECT_EQ(format_us(6.812), "6.81");
  EXPECT_EQ(format_us(0.1234), "0.123");
  EXPECT_EQ(format_speedup({1.69, 1.6, 1.75}), "1.69× (1.60–1.75)");
  EXPECT_EQ(format_speedup({1.01, 0.98, 1.03}), "no difference (0.98–1.03)");
  EXPECT_EQ(format_speedup({1.69, std::nullopt, std::nullopt}), "1.69×");
}

TEST(Thin, KeepsAllOfFewAndTheTailOfMany) {
  const std::vector<double> few = {3, 1, 2};
  EXPECT_EQ(thin_distribution(few, 10), (std::vector<Point>{{1, 1.0 / 3}, {2, 2.0 / 3}, {3, 1}}));
  std::vector<double> many;
  for (int i = 1; i <= 100'000; ++i) many.push_back(i);
  const auto points = thin_distribution(many, 200);
  EXPECT_EQ(points.size(), 200U);
  EXPECT_EQ(points.front(), (Point{1, 1e-5}));
  EXPECT_EQ(points.back(), (Point{100'000, 1}));
  for (std::size_t i = 0; i < points.size(); ++i) {
    EXPECT_NEAR(points[i].y, points[i].x / 100'000, 1e-12);
    EXPECT_TRUE(i == 0 || points[i].x > points[i - 1].x);
  }
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(points[100 + i].x, 99'901 + static_cast<double>(i));
}

TEST(Thin, TimelineKeepsEverySpike) {
  std::vector<Turn> turns;
  for (int t = 0; t < 100; ++t) {
    Turn turn{static_cast<double>(t), std::vector<std::int64_t>(100, 1000)};
    if (t % 10 == 3) turn.samples_ns[50] = 5'000'000;
    turns.push_back(turn);
  }
  const auto points = thin_timeline(turns, 300);
  EXPECT_LE(points.size(), 300U);
  int spikes = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    spikes += points[i].y == 5000;
    EXPECT_TRUE(i == 0 || points[i].x >= points[i - 1].x);
  }
  EXPECT_EQ(spikes, 10);
  EXPECT_EQ(thin_timeline({turns[0]}, 300).size(), 100U);
  EXPECT_DOUBLE_EQ(thin_timeline({{2.0, {1'000'000, 500}}}, 300)[1].x, 2.001);
}

}  // namespace
}  // namespace cycloid
