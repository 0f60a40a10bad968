// Tuned sessions: the same results within rounding, and the same bits with the same cache.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "base/atomic_file.h"
#include "base/temporary_folder.h"
#include "cycloid/session.h"
#include "graph/text.h"
#include "ops/op.h"

namespace cycloid {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// A convolution for which Winograd's kernels are among the candidates, and one for which they are not.
constexpr char kModel[] = R"(g (float[1,16,14,14] x, float[24,16,3,3] w, float[40,24,1,1] v) => (float[?,?,?,?] y)
  { a = Conv <pads=[1,1,1,1]> (x, w) b = Relu (a) y = Conv (b, v) })";

// The weights become constants with random elements.
Model make_model() {
  ModelIr model = parse_model(kModel).value();
  std::mt19937 random(5);
  std::uniform_real_distribution<float> draw(-1, 1);
  Graph& graph = model.graph;
  const std::vector<ValueId> inputs(graph.inputs().begin(), graph.inputs().end());
  for (const ValueId id : inputs) {
    if (graph.value(id).name == "x") continue;
    Tensor tensor = Tensor::zeros(DType::kFloat32, *known_dims(*graph.value(id).type.shape)).value();
    for (float& x : tensor.mutable_data<float>()) x = draw(random);
    graph.replace_uses(id, graph.add_constant("constant", std::move(tensor)));
    graph.erase_value(id);
  }
  EXPECT_TRUE(infer_types(model).ok());
  return Model(std::make_shared<const ModelIr>(std::move(model)));
}

std::vector<float> run(const Session& session) {
  std::vector<float> x(16 * 14 * 14), y(40 * 14 * 14);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = std::sin(static_cast<float>(i));
  const std::int64_t x_dims[] = {1, 16, 14, 14}, y_dims[] = {1, 40, 14, 14};
  const TensorView in[] = {{std::span(x), x_dims}};
  const MutableTensorView out[] = {{std::span(y), y_dims}};
  const Status status = session.run(in, out);
  EXPECT_TRUE(status.ok()) << status.error().message();
  return y;
}

TEST(TunedSession, MeasuresOnceAndGivesTheSameBitsWithTheSameCache) {
  const Model model = make_model();
  const TemporaryFolder folder = TemporaryFolder::create().value();
  const std::vector<float> expected = run(Session::create(model, {.reference = true}).value());
  float largest = 0;
  for (const float y : expected) largest = std::max(largest, std::fabs(y));
  for (const int threads : {1, 2}) {
    SessionOptions options{.threads = threads, .tune = true, .tune_cache = folder.path() + "/tune.tsv"};
    const Session first = Session::create(model, options).value();
    EXPECT_THAT(first.plan()->to_text(), HasSubstr("0 shapes from the cache, 2 measured")) << first.plan()->to_text();
    const std::vector<float> y = run(first);
    for (std::size_t i = 0; i < y.size(); ++i) {
      // Two layers, each within the bound for one: 1e-5 of the largest (Winograd's).
      ASSERT_NEAR(y[i], expected[i], 2e-5f * largest);
    }
    options.tune_milliseconds = 0;  // so that nothing can be measured again
    const Session second = Session::create(model, options).value();
    EXPECT_THAT(second.plan()->tuning, HasSubstr("2 shapes from the cache, 0 measured in 0.0 s, 0 by estimate"));
    EXPECT_EQ(run(second), y);
    for (std::size_t s = 0; s < first.plan()->steps.size(); ++s)
      EXPECT_EQ(first.plan()->steps[s].kernel, second.plan()->steps[s].kernel);
  }
}

TEST(TunedSession, RunsWithACacheThatIsDamagedOrCannotBeWritten) {
  const Model model = make_model();
  const TemporaryFolder folder = TemporaryFolder::create().value();
  const std::string damaged = folder.path() + "/tune.tsv";
  ASSERT_TRUE(write_file_atomically(damaged, std::string("\0\xff\n\t\t\t\n", 7)).ok());
  const Session session = Session::create(model, {.threads = 1, .tune = true, .tune_cache = damaged}).value();
  EXPECT_THAT(session.plan()->tuning, AllOf(HasSubstr(" 2 measured"), testing::Not(HasSubstr("not written"))));
  const Session unwritable =
      Session::create(model, {.threads = 1, .tune = true, .tune_cache = damaged + "/inside/a/file"}).value();
  EXPECT_THAT(unwritable.plan()->tuning, AllOf(HasSubstr(" 2 measured"), HasSubstr("not written")));
  EXPECT_EQ(run(unwritable).size(), 40U * 14 * 14);
}

TEST(TunedSession, KeepsStrictPlansStrict) {
  const TemporaryFolder folder = TemporaryFolder::create().value();
  const Session session =
      Session::create(make_model(),
                      {.threads = 1, .strict = true, .tune = true, .tune_cache = folder.path() + "/tune.tsv"})
          .value();
  const PlanInfo plan = session.plan().value();
  ASSERT_FALSE(plan.steps.empty());
  for (const StepInfo& step : plan.steps) EXPECT_EQ(step.kernel.find("winograd"), std::string::npos);
}

TEST(TunedSession, RefusesANegativeTime) {
  EXPECT_THAT(Session::create(make_model(), {.tune = true, .tune_milliseconds = -1}).error().message(),
              HasSubstr("tune_milliseconds is -1"));
}

}  // namespace
}  // namespace cycloid
