#include "kernels/elementwise/elementwise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <tuple>

#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::Guarded;
using testing::pick;

// Every kernel here is a few correctly rounded operations and functions of at most 4 ulp (simd_math.h).
double bound(double want) { return 8 * 0x1p-23 * std::max(1e-6, std::fabs(want)); }

class PerIsa : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (!isa_available(GetParam())) GTEST_SKIP() << to_string(GetParam()) << " is not available here";
  }
};
INSTANTIATE_TEST_SUITE_P(Elementwise, PerIsa, ::testing::ValuesIn(kAllIsas),
                         [](const auto& info) { return std::string(to_string(info.param)); });

// Rows of random shape, strided and misaligned, with nothing behind the last.
struct Rows {
  Rows(std::mt19937& random, int64_t r, int64_t c, int64_t s)
      : rows(r),
        columns(c),
        stride(s),
        data(static_cast<size_t>((r - 1) * s + c), static_cast<size_t>(pick(random, 0, 3))) {}
  float& at(int64_t r, int64_t j) { return data[static_cast<size_t>(r * stride + j)]; }
  int64_t rows, columns, stride;
  Guarded data;
};

TEST_P(PerIsa, UnaryAgreesWithTheReference) {
  std::mt19937 random(1);
  for (const UnaryKernel& kernel : unary_kernels()) {
    const UnaryFn fn = unary_kernel(kernel.kind, GetParam());
    for (int round = 0; round < 20; ++round) {
      const int64_t rows = pick(random, 1, 4), columns = pick(random, 1, 70);
      Rows x(random, rows, columns, columns + pick(random, 0, 3)),
          y(random, rows, columns, columns + pick(random, 0, 3));
      testing::fill_random(x.data, random, kernel.test_lo, kernel.test_hi);
      fn({x.data.data(), x.stride, y.data.data(), y.stride, rows, columns, {}});
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t j = 0; j < columns; ++j) {
          const double want = kernel.reference(x.at(r, j));
          // log of a number near 1 and softplus near 0 lose what their argument was rounded by.
          ASSERT_NEAR(y.at(r, j), want, bound(want) + 0x1p-23) << kernel.name << " of " << x.at(r, j);
        }
      }
      ASSERT_TRUE(x.data.intact() && y.data.intact()) << kernel.name;
    }
  }
}

TEST_P(PerIsa, ActivationsAgreeWithTheReference) {
  std::mt19937 random(2);
  for (const ActivationKind kind : testing::kAllActivations) {
    const int64_t columns = 1001;
    Rows x(random, 2, columns, columns), slope(random, 1, columns, columns);
    testing::fill_random(x.data, random, -30, 30);
    testing::fill_random(slope.data, random);
    const Activation a = testing::make_activation(kind, slope.data.data());
    Rows y(random, 2, columns, columns);
    activation_kernel(kind, GetParam())({x.data.data(), columns, y.data.data(), columns, 2, columns, a});
    for (int64_t r = 0; r < 2; ++r) {
      for (int64_t j = 0; j < columns; ++j) {
        const double want = testing::activate_reference(a, x.at(r, j), slope.at(0, j));
        ASSERT_NEAR(y.at(r, j), want, testing::kActivationError * (1 + std::fabs(x.at(r, j))))
            << "kind " << static_cast<int>(kind) << " of " << x.at(r, j);
      }
    }
  }
}

// Largest error in units in the last place over floats spread evenly over the bits of [lo, hi].
double worst_ulps(UnaryFn fn, double (*reference)(double), float lo, float hi) {
  std::vector<float> x, y;
  for (const float sign : {1.0f, -1.0f}) {
    for (uint32_t bits = 0x00800000; bits < 0x7f800000; bits += 1021) {
      float value;
      std::memcpy(&value, &bits, sizeof(value));
      if (sign * value >= lo && sign * value <= hi) x.push_back(sign * value);
    }
  }
  y.resize(x.size());
  fn({x.data(), 0, y.data(), 0, 1, static_cast<int64_t>(x.size()), {}});
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double want = reference(x[i]);
    if (std::fabs(want) < std::numeric_limits<float>::min()) continue;
    const float rounded = static_cast<float>(std::fabs(want));
    const double ulp = static_cast<double>(std::nextafter(rounded, INFINITY)) - rounded;
    worst = std::max(worst, std::fabs(y[i] - want) / ulp);
  }
  return worst;
}

// The figures that simd_math.h states; one more where the base target has no FMA.
TEST_P(PerIsa, ElementaryFunctionsKeepTheirStatedError) {
  const double extra = GetParam() == Isa::kScalar ? 1 : 0;
  const auto activation = [&](ActivationKind kind) { return activation_kernel(kind, GetParam()); };
  EXPECT_LE(worst_ulps(
                unary_kernel(UnaryKind::kExp, GetParam()), [](double x) { return std::exp(x); }, -87, 88.7f),
            2 + extra);
  EXPECT_LE(worst_ulps(
                unary_kernel(UnaryKind::kLog, GetParam()), [](double x) { return std::log(x); }, 1e-37f, 3e38f),
            2 + extra);
  EXPECT_LE(
      worst_ulps(unary_kernel(UnaryKind::kErf, GetParam()), [](double x) { return std::erf(x); }, -10, 10), 3 + extra);
  const auto sine = [](double x) { return std::sin(x); };
  const auto cosine = [](double x) { return std::cos(x); };
  for (const float range : {12000.0f, 3e38f}) {
    EXPECT_LE(worst_ulps(unary_kernel(UnaryKind::kSin, GetParam()), sine, -range, range), 3 + extra);
    EXPECT_LE(worst_ulps(unary_kernel(UnaryKind::kCos, GetParam()), cosine, -range, range), 3 + extra);
  }
  EXPECT_LE(worst_ulps(activation(ActivationKind::kTanh), [](double x) { return std::tanh(x); }, -20, 20), 3 + extra);
  EXPECT_LE(worst_ulps(activation(ActivationKind::kSigmoid), testing::sigmoid_reference, -80, 80), 4 + extra);
}

TEST_P(PerIsa, SpecialValues) {
  const float inf = INFINITY, nan = NAN;
  const auto apply = [&](UnaryFn fn, float x, Activation a = {}) {
    float y = 0;
    fn({&x, 0, &y, 0, 1, 1, a});
    return y;
  };
  const auto unary = [&](UnaryKind kind, float x) { return apply(unary_kernel(kind, GetParam()), x); };
  EXPECT_EQ(unary(UnaryKind::kExp, inf), inf);
  EXPECT_EQ(unary(UnaryKind::kExp, 100), inf);
  EXPECT_EQ(unary(UnaryKind::kExp, -inf), 0);
  EXPECT_EQ(unary(UnaryKind::kExp, 0), 1);
  EXPECT_EQ(unary(UnaryKind::kLog, inf), inf);
  EXPECT_EQ(unary(UnaryKind::kLog, 0), -inf);
  EXPECT_TRUE(std::isnan(unary(UnaryKind::kLog, -1)));
  EXPECT_EQ(unary(UnaryKind::kErf, inf), 1);
  EXPECT_EQ(unary(UnaryKind::kErf, -inf), -1);
  EXPECT_EQ(unary(UnaryKind::kSqrt, inf), inf);
  EXPECT_TRUE(std::isnan(unary(UnaryKind::kSin, inf)));
  EXPECT_EQ(unary(UnaryKind::kCos, 0), 1);
  for (const UnaryKernel& kernel : unary_kernels()) {
    EXPECT_TRUE(std::isnan(unary(kernel.kind, nan))) << kernel.name;
  }
  for (const ActivationKind kind : testing::kAllActivations) {
    const float slope = 0.5f;
    const Activation a = testing::make_activation(kind, &slope);
    EXPECT_TRUE(std::isnan(apply(activation_kernel(kind, GetParam()), nan, a))) << static_cast<int>(kind);
  }
  EXPECT_EQ(apply(activation_kernel(ActivationKind::kSigmoid, GetParam()), -inf), 0);
  EXPECT_EQ(apply(activation_kernel(ActivationKind::kTanh, GetParam()), -inf), -1);
}

TEST_P(PerIsa, BinaryAgreesWithTheReferenceInEveryBroadcast) {
  std::mt19937 random(3);
  for (const BinaryKernel& kernel : binary_kernels()) {
    const BinaryFn fn = binary_kernel(kernel.kind, GetParam());
    for (int round = 0; round < 40; ++round) {
      const int64_t rows = pick(random, 1, 4), columns = pick(random, 1, 70);
      const auto operand = [&](bool by_row, bool by_column) {
        return Rows(random, by_row ? rows : 1, by_column ? columns : 1, (by_column ? columns : 1) + pick(random, 0, 3));
      };
      const bool ar = pick(random, 0, 1), ac = pick(random, 0, 1), br = pick(random, 0, 1), bc = pick(random, 0, 1);
      Rows a = operand(ar, ac), b = operand(br, bc), y(random, rows, columns, columns + pick(random, 0, 3));
      testing::fill_random(a.data, random, -3, 3);
      testing::fill_random(b.data, random, 0.5f, 3);
      const bool clip = pick(random, 0, 1);
      fn({a.data.data(), ar ? a.stride : 0, ac, b.data.data(), br ? b.stride : 0, bc, y.data.data(), y.stride, rows,
          columns, clip, -0.5f, 1.5f, /*stream=*/round % 2 == 1});
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t j = 0; j < columns; ++j) {
          double want = kernel.reference(a.at(ar ? r : 0, ac ? j : 0), b.at(br ? r : 0, bc ? j : 0));
          if (clip) want = std::fmin(1.5, std::fmax(-0.5, want));
          ASSERT_NEAR(y.at(r, j), want, bound(want) + 0x1p-23) << kernel.name;
        }
      }
      ASSERT_TRUE(a.data.intact() && b.data.intact() && y.data.intact()) << kernel.name;
    }
  }
}

TEST_P(PerIsa, MaxAndMinReturnNan) {
  for (const BinaryKind kind : {BinaryKind::kMax, BinaryKind::kMin}) {
    const float a[2] = {NAN, 1}, b[2] = {1, NAN};
    float y[2] = {};
    binary_kernel(kind, GetParam())({a, 0, 1, b, 0, 1, y, 0, 1, 2, false, 0, 0});
    EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]));
  }
}

TEST_P(PerIsa, AffineScalesAndShiftsColumns) {
  std::mt19937 random(4);
  for (const int64_t columns : {1, 7, 16, 45}) {
    Rows x(random, 3, columns, columns + 2), scale(random, 1, columns, columns), shift(random, 1, columns, columns);
    Rows y(random, 3, columns, columns + 1);
    for (Rows* rows : {&x, &scale, &shift}) testing::fill_random(rows->data, random, -2, 2);
    affine_kernel(GetParam())({x.data.data(), x.stride, scale.data.data(), shift.data.data(), y.data.data(), y.stride,
                               3, columns, true, 0, INFINITY});
    for (int64_t r = 0; r < 3; ++r) {
      for (int64_t j = 0; j < columns; ++j) {
        const double want = std::fmax(0, static_cast<double>(x.at(r, j)) * scale.at(0, j) + shift.at(0, j));
        ASSERT_NEAR(y.at(r, j), want, 2 * 0x1p-23 * 6);
      }
    }
    ASSERT_TRUE(y.data.intact());
  }
}

}  // namespace
}  // namespace cycloid::kernels
