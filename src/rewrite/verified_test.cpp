#include "rewrite/verified.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "rewrite/rule_testing.h"

namespace cycloid {
namespace {

constexpr const char* kChain = R"(
  g (float[n, m] x) => (float[n, m] y) {
    a = Identity(x)
    b = Transpose<perm = [1, 0]>(a)
    c = Transpose<perm = [1, 0]>(b)
    d = Identity(c)
    y = Relu(d)
  })";

std::size_t count(const Graph& graph, std::string_view op) {
  return static_cast<std::size_t>(
      std::ranges::count_if(graph.nodes(), [&](NodeId id) { return graph.node(id).op_type == op; }));
}

// A runtime that computes right, but for models that `spoils` says it gets wrong.
Evaluator faulty(std::function<bool(const Graph&)> spoils) {
  const auto load = [spoils](const ModelIr& model) -> Result<Evaluator::Run> {
    const bool wrong = spoils(model.graph);
    return Evaluator::Run([&model, wrong](std::span<const Datum> inputs) -> Result<std::vector<Datum>> {
      if (wrong) return make_error(ErrorCode::kFailed, "no kernel");
      return evaluate(model, inputs);
    });
  };
  return {"a faulty runtime", load, false};
}

VerifiedOptimization run(const VerifyOptions& options) {
  auto result = optimize_verified(testing::parse_typed(kChain), options);
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message());
  return result.ok() ? *std::move(result) : VerifiedOptimization{};
}

TEST(Verified, KeepsAllThatAgrees) {
  const VerifiedOptimization done = run({});
  EXPECT_EQ(done.model.graph.node_count(), 1U);
  EXPECT_TRUE(done.reverted.empty());
  EXPECT_GE(done.samples, 4U);
  for (const RuleApplication& application : done.ledger.applications) EXPECT_EQ(application.unverified, "");
}

TEST(Verified, TakesBackTheOneApplicationThatSpoilsIt) {
  VerifyOptions options;
  options.also = {faulty([](const Graph& graph) { return count(graph, "Transpose") == 0; })};
  const VerifiedOptimization done = run(options);
  ASSERT_FALSE(done.reverted.empty());
  EXPECT_NE(done.reverted.front().reason.find("a faulty runtime"), std::string::npos);
  EXPECT_GT(count(done.model.graph, "Transpose"), 0U);
  EXPECT_EQ(count(done.model.graph, "Identity"), 0U) << "what does no harm stays";
  EXPECT_TRUE(verify(done.model.graph).ok());
}

TEST(Verified, TakesBackEveryoneWhoSpoilsIt) {
  VerifyOptions options;
  options.also = {faulty([](const Graph& graph) { return graph.node_count() < 5; })};
  const VerifiedOptimization done = run(options);
  EXPECT_EQ(done.model.graph.node_count(), 5U);
  EXPECT_TRUE(done.ledger.applications.empty());
  EXPECT_GE(done.reverted.size(), 2U);
}

// As ONNX Runtime's ReduceMax loses NaN, which what replaces it may keep.
TEST(Verified, ARuntimeThatLosesNaNIsNoMeasureOfThem) {
  const auto losing_nan = [](std::function<bool(const Graph&)> loses) {
    const auto load = [loses](const ModelIr& model) -> Result<Evaluator::Run> {
      const bool lost = loses(model.graph);
      return Evaluator::Run([&model, lost](std::span<const Datum> inputs) -> Result<std::vector<Datum>> {
        auto outputs = evaluate(model, inputs);
        if (!outputs || !lost) return outputs;
        const Tensor& y = *(*outputs)[0].tensor();
        std::vector<float> elements(y.data<float>().begin(), y.data<float>().end());
        std::ranges::replace_if(elements, [](float x) { return std::isnan(x); }, 0.0F);
        (*outputs)[0] = Tensor::of<float>(y.dims(), elements);
        return outputs;
      });
    };
    return Evaluator{"a runtime that loses NaN", load, false};
  };
  VerifyOptions options;
  options.also = {losing_nan([](const Graph& graph) { return count(graph, "Transpose") != 0; })};
  const VerifiedOptimization done = run(options);
  EXPECT_EQ(done.model.graph.node_count(), 1U);
  EXPECT_TRUE(done.reverted.empty());
  ASSERT_EQ(done.notes.size(), 1U);
  EXPECT_NE(done.notes[0].find("loses NaN"), std::string::npos);
  // The other way round the change is to blame.
  options.also = {losing_nan([](const Graph& graph) { return count(graph, "Transpose") == 0; })};
  EXPECT_FALSE(run(options).reverted.empty());
}

TEST(Verified, ARuntimeThatDeclinesTheOriginalProvesNothing) {
  VerifyOptions options;
  options.also = {faulty([](const Graph&) { return true; })};
  EXPECT_EQ(run(options).model.graph.node_count(), 1U);
}

TEST(Verified, SaysWhatCouldNotBeVerified) {
  auto result = optimize_verified(testing::parse_typed("g (string[2] x) => (string[2] y) { y = Identity(x) }"), {});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->samples, 0U);
  ASSERT_FALSE(result->notes.empty());
  EXPECT_NE(result->notes.back().find("nothing was verified"), std::string::npos);
}

TEST(Verified, TheStandInServesWhereTheReferenceTakesTooLong) {
  VerifyOptions options;
  options.seconds = 0;
  options.stand_in = faulty([](const Graph&) { return false; });
  options.stand_in.name = "the stand-in";
  const VerifiedOptimization done = run(options);
  EXPECT_EQ(done.model.graph.node_count(), 1U);
  ASSERT_FALSE(done.notes.empty());
  EXPECT_NE(done.notes.front().find("the stand-in"), std::string::npos);
}

TEST(Driver, StopsAfterAndVetoes) {
  const ModelIr model = testing::parse_typed(kChain);
  OptimizeOptions options;
  const auto all = optimize(model, options);
  ASSERT_TRUE(all.ok());
  ASSERT_GE(all->ledger.applications.size(), 3U);
  options.stop_after = 1;
  const auto one = optimize(model, options);
  ASSERT_TRUE(one.ok());
  ASSERT_EQ(one->ledger.applications.size(), 1U);
  EXPECT_EQ(one->ledger.applications[0].node, all->ledger.applications[0].node);
  const RuleApplication& first = all->ledger.applications[0];
  options.stop_after = SIZE_MAX;
  options.vetoed = {{std::string(first.rule->name), first.where, first.node}};
  const auto without = optimize(model, options);
  ASSERT_TRUE(without.ok());
  for (const RuleApplication& application : without->ledger.applications) {
    EXPECT_FALSE(application.rule == first.rule && application.node == first.node);
  }
}

}  // namespace
}  // namespace cycloid
