#include "bench/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cycloid {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const std::vector<std::string> kBackends = {"torch", "torch-compile", "cycloid", "onnxruntime", "noise"};

RunResult run(const std::string& backend, double p50, std::optional<double> p99) {
  RunResult result;
  result.backend = backend;
  result.latency_us = LatencySummary{};
  result.latency_us->count = p99 ? 1000 : 10;
  result.latency_us->p50 = p50;
  result.latency_us->p99 = p99;
  if (p99) result.steadiness = Ratio{.ratio = *p99 / p50};
  result.max_abs_error = 1e-6;
  return result;
}

GroupResult group() {
  GroupResult result;
  result.runs = {run("torch", 3, 9), run("torch-compile", 5, 10), run("cycloid", 10, 40),
                 run("onnxruntime", 20, std::nullopt)};
  result.runs[2].speedup = Ratio{2.5, 2.4, 2.6};
  RunResult failed;
  failed.backend = "openvino";
  failed.status = RunStatus::kFailed;
  failed.reason = "crashed";
  result.runs.push_back(failed);
  result.noise = run("noise", 100, 101);
  return result;
}

std::optional<bool> holds(const std::string& text) {
  std::vector<std::string> backends = kBackends;
  backends.push_back("openvino");
  const auto gate = Gate::parse(text, backends);
  EXPECT_TRUE(gate.ok()) << text << ": " << (gate ? "" : gate.error().message());
  return gate ? gate->evaluate(group()).holds : std::nullopt;
}

std::string error_of(const std::string& text) {
  const auto gate = Gate::parse(text, kBackends);
  return gate ? "no error" : gate.error().message();
}

TEST(Gate, ComparesMetricsAndNumbers) {
  EXPECT_EQ(holds("cycloid.p50 > onnxruntime.p50"), false);
  EXPECT_EQ(holds("cycloid.p50<onnxruntime.p50"), true);
  EXPECT_EQ(holds("cycloid.p99/cycloid.p50 > 3"), true);
  EXPECT_EQ(holds("cycloid.steadiness == 4"), true);
  EXPECT_EQ(holds("cycloid.speedup >= 2.5"), true);
  EXPECT_EQ(holds("cycloid.max_abs_error <= 1e-6"), true);
  EXPECT_EQ(holds("noise.p99/noise.p50 != 1.01"), false);
}

TEST(Gate, BackendsWithADashAreNotSubtractions) {
  EXPECT_EQ(holds("torch-compile.p50 == 5"), true);
  EXPECT_EQ(holds("cycloid.p50-torch-compile.p50 == 5"), true);
  EXPECT_EQ(holds("cycloid.p50 - torch.p50 == 7"), true);
}

TEST(Gate, PrecedenceIsThatOfArithmeticAndLogic) {
  EXPECT_EQ(holds("1 + 2 * 3 == 7"), true);
  EXPECT_EQ(holds("(1 + 2) * 3 == 9"), true);
  EXPECT_EQ(holds("2 - 3 - 4 == -5"), true);
  EXPECT_EQ(holds("8 / 4 / 2 == 1"), true);
  EXPECT_EQ(holds("-2 * -3 == 6"), true);
  EXPECT_EQ(holds("1 > 2 and 1 > 2 or 1 < 2"), true);
  EXPECT_EQ(holds("1 < 2 or 1 > 2 and 1 > 2"), true);
  EXPECT_EQ(holds("not 1 > 2 and 1 < 2"), true);
  EXPECT_EQ(holds("not (1 < 2 or 1 < 2)"), false);
  EXPECT_EQ(holds("!(1 > 2) && 1 != 2 || 1 > 2"), true);
}

TEST(Gate, MissingValuesAreUnknownUnlessTheyDoNotMatter) {
  EXPECT_EQ(holds("openvino.p50 > 1"), std::nullopt);
  EXPECT_EQ(holds("not openvino.p50 > 1"), std::nullopt);
  EXPECT_EQ(holds("openvino.p50 > 1 or 1 < 2"), true);
  EXPECT_EQ(holds("openvino.p50 > 1 and 1 > 2"), false);
  EXPECT_EQ(holds("openvino.p50 > 1 and 1 < 2"), std::nullopt);
  EXPECT_EQ(holds("onnxruntime.p99 > 1"), std::nullopt);
  EXPECT_EQ(holds("1 / (cycloid.p50 - 10) > 1"), std::nullopt);
  EXPECT_TRUE((Gate::Outcome{std::nullopt, ""}.trips()));
  EXPECT_FALSE((Gate::Outcome{false, ""}.trips()));
}

TEST(Gate, ExplainsItsValues) {
  const auto gate = Gate::parse("cycloid.p50 > 1 and onnxruntime.p99 > 2 and cycloid.p50 > 3", kBackends);
  EXPECT_EQ(gate->evaluate(group()).explanation,
            "cycloid.p50 = 10, onnxruntime.p99 has no value (needs 1000 samples, has 10)");
  const auto failed = Gate::parse("openvino.p50 > 1", {"openvino"});
  EXPECT_EQ(failed->evaluate(group()).explanation, "openvino.p50 has no value (failed: crashed)");
}

TEST(Gate, ErrorsPointAtThePlace) {
  EXPECT_THAT(error_of(""), HasSubstr("expected a number, BACKEND.METRIC or '(' at position 1, found the end"));
  EXPECT_THAT(error_of("cycloid.p50 >"), HasSubstr("found the end"));
  EXPECT_THAT(error_of("cycloid.p50 > 3 4"), HasSubstr("expected an operator or the end at position 17, found '4'"));
  EXPECT_THAT(error_of("(cycloid.p50 > 3"), HasSubstr("expected ')'"));
  EXPECT_THAT(error_of("cycloid.p95 > 3"), AllOf(HasSubstr("no metric 'p95' at position 9"), HasSubstr("p90, p99")));
  EXPECT_THAT(error_of("tensorrt.p50 > 3"),
              AllOf(HasSubstr("'tensorrt' at position 1 is not a backend"), HasSubstr("onnxruntime")));
  EXPECT_THAT(error_of("cycloid > 3"), HasSubstr("'cycloid' at position 1"));
  EXPECT_THAT(error_of("cycloid.p50"), HasSubstr("a number, not a condition"));
  EXPECT_THAT(error_of("cycloid.p50 > 3ms"), HasSubstr("numbers carry no unit"));
  EXPECT_THAT(error_of("cycloid.p50 + (1 > 2) > 3"), HasSubstr("'+' needs numbers"));
  EXPECT_THAT(error_of("not cycloid.p50"), HasSubstr("'not' needs conditions"));
  EXPECT_THAT(error_of("1 and 2"), HasSubstr("'and' needs conditions"));
  EXPECT_THAT(error_of("1 < 2 < 3"), HasSubstr("expected an operator or the end"));
  EXPECT_THAT(error_of("nan > 3"), HasSubstr("'nan' at position 1"));
  EXPECT_THAT(error_of("1e999 > 3"), HasSubstr("expected a number"));
  EXPECT_THAT(error_of("cycloid.p50 > $(rm)"), HasSubstr("found '$(rm)'"));
  EXPECT_THAT(error_of(std::string(100'000, '(')), HasSubstr("nested too deeply"));
  EXPECT_THAT(error_of(std::string(100'000, '-') + "1"), HasSubstr("nested too deeply"));
  EXPECT_THAT(error_of(std::string(100'000, '!') + "1"), HasSubstr("nested too deeply"));
}

TEST(Gate, TellsBeforehandWhichMetricsNeedMoreSamples) {
  const auto gate = Gate::parse("cycloid.p99 > noise.p99 and cycloid.min > 1", kBackends);
  EXPECT_EQ(gate->metrics().size(), 3U);
  EXPECT_TRUE(check_metric_has_samples("p99", 1000).ok());
  EXPECT_THAT(check_metric_has_samples("p99", 999).error().message(), HasSubstr("p99 needs 1000 samples"));
  EXPECT_FALSE(check_metric_has_samples("steadiness", 64).ok());
  EXPECT_FALSE(check_metric_has_samples("p999", 1024).ok());
  EXPECT_TRUE(check_metric_has_samples("max", 1).ok());
}

}  // namespace
}  // namespace cycloid
