#include "kernels/svm/svm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::pick;

struct Expected {
  long double value = 0;
  long double size = 0;  // of what rounding is relative to
};

Expected value_of(const SvmPlan& p, const double* x, const float* v) {
  long double sum = 0, size = 0;
  for (int64_t c = 0; c < p.columns; ++c) {
    const long double a = x[c], b = v[c];
    const long double term = p.function == SvmFunction::kRbf ? (a - b) * (a - b) : a * b;
    sum += term;
    size += std::fabs(term);
  }
  const long double gamma = p.gamma, base = gamma * sum + p.coef0, slack = gamma * size + std::fabs(p.coef0);
  switch (p.function) {
    case SvmFunction::kLinear: return {sum, size};
    // An error of the base, relative to it, counts `degree` times, and each multiplication of a power rounds.
    case SvmFunction::kPoly: {
      const long double power = std::pow(base, static_cast<long double>(p.degree));
      return {power, std::fabs(power) * (1 + std::fabs(p.degree) * (1 + slack / std::fabs(base)))};
    }
    case SvmFunction::kRbf: return {std::exp(-gamma * sum), std::exp(-gamma * sum) * (1 + gamma * size)};
    case SvmFunction::kSigmoid: return {std::tanh(base), slack + 1};
  }
  return {};
}

class Svm : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (!isa_available(GetParam())) GTEST_SKIP() << "this processor has no " << to_string(GetParam());
  }
};

TEST_P(Svm, ValuesOfAllFunctions) {
  std::mt19937 random(2);
  std::uniform_real_distribution<double> draw(-1, 1);
  for (int round = 0; round < 120; ++round) {
    const auto function = static_cast<SvmFunction>(round % 4);
    const double degrees[] = {3, 1, 2, 2.5, 7, 0, -1};
    const SvmPlan plan = plan_svm({.function = function,
                                   .columns = pick(random, 1, 40),
                                   .vectors = pick(random, 1, 70),
                                   .gamma = 0.5 / static_cast<double>(1 + round % 9),
                                   .coef0 = function == SvmFunction::kPoly ? 20 : 0.5,
                                   .degree = degrees[round / 4 % 7]},
                                  GetParam());
    const int64_t rows = pick(random, 1, 11);
    const double far = round % 3 == 0 ? 100000 : 0;  // features that are far from 0, beside how far apart they are
    std::vector<double> x(static_cast<size_t>(rows * plan.columns));
    std::vector<float> vectors(static_cast<size_t>(plan.vectors * plan.columns));
    const bool offset = function == SvmFunction::kRbf;
    for (double& value : x) value = draw(random) + (offset ? far : 0);
    for (float& value : vectors) value = static_cast<float>(draw(random) + (offset ? far : 0));
    std::vector<double> packed(plan.packed_bytes() / sizeof(double));
    plan.pack(vectors.data(), packed.data());
    std::vector<double> y(static_cast<size_t>(rows * plan.row_values()));
    plan.values(x.data(), rows, packed.data(), y.data());
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t v = 0; v < plan.vectors; ++v) {
        const Expected want = value_of(plan, x.data() + r * plan.columns, vectors.data() + v * plan.columns);
        const double got = y[static_cast<size_t>(r * plan.row_values() + v)];
        // A rounding for each term of the sum and some of the function.
        const auto tolerance = static_cast<double>(want.size) * static_cast<double>(plan.columns + 16) *
                               std::numeric_limits<double>::epsilon();
        ASSERT_NEAR(got, static_cast<double>(want.value), tolerance)
            << "function " << round % 4 << ", degree " << plan.degree << ", row " << r << ", vector " << v;
      }
    }
  }
}

TEST_P(Svm, WeightedSums) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> draw(-1, 1);
  const SvmPlan plan = plan_svm({}, GetParam());
  for (int64_t count = 0; count < 70; ++count) {
    std::vector<double> a(static_cast<size_t>(count)), b(a);
    long double want = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      a[i] = draw(random);
      b[i] = draw(random);
      want += static_cast<long double>(a[i]) * b[i];
    }
    EXPECT_NEAR(plan.sum(a.data(), b.data(), count), static_cast<double>(want),
                static_cast<double>(count) * std::numeric_limits<double>::epsilon());
  }
}

TEST_P(Svm, NaNStaysNaN) {
  const double x[] = {NAN, 1};
  const float v[] = {0.5F, 2};
  for (const auto function : {SvmFunction::kLinear, SvmFunction::kPoly, SvmFunction::kRbf, SvmFunction::kSigmoid}) {
    const SvmPlan plan =
        plan_svm({.function = function, .columns = 2, .vectors = 1, .gamma = 0.5, .coef0 = 1, .degree = 2}, GetParam());
    std::vector<double> packed(plan.packed_bytes() / sizeof(double)), y(static_cast<size_t>(plan.row_values()));
    plan.pack(v, packed.data());
    plan.values(x, 1, packed.data(), y.data());
    EXPECT_TRUE(std::isnan(y[0])) << static_cast<int>(function);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, Svm, ::testing::ValuesIn(kAllIsas),
                         [](const auto& info) { return std::string(to_string(info.param)); });

}  // namespace
}  // namespace cycloid::kernels
