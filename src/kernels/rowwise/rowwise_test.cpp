#include "kernels/rowwise/rowwise.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::Guarded;
using testing::pick;

class Rowwise : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (!isa_available(GetParam())) GTEST_SKIP() << to_string(GetParam()) << " is not available here";
  }

  // Random rows x and room for y; strides differ from the width, and nothing lies behind the last row.
  void make(int64_t max_columns, float lo, float hi) {
    rows = pick(random, 1, 5);
    columns = pick(random, 1, max_columns);
    x_stride = columns + pick(random, 0, 3);
    y_stride = columns + pick(random, 0, 3);
    x = std::make_unique<Guarded>(static_cast<size_t>((rows - 1) * x_stride + columns),
                                  static_cast<size_t>(pick(random, 0, 2)));
    y = std::make_unique<Guarded>(static_cast<size_t>((rows - 1) * y_stride + columns),
                                  static_cast<size_t>(pick(random, 0, 2)));
    testing::fill_random(*x, random, lo, hi);
  }
  double in(int64_t r, int64_t j) const { return (*x)[static_cast<size_t>(r * x_stride + j)]; }
  double out(int64_t r, int64_t j) const { return (*y)[static_cast<size_t>(r * y_stride + j)]; }

  std::mt19937 random{7};
  int64_t rows = 0, columns = 0, x_stride = 0, y_stride = 0;
  std::unique_ptr<Guarded> x, y;
};
INSTANTIATE_TEST_SUITE_P(All, Rowwise, ::testing::ValuesIn(kAllIsas),
                         [](const auto& info) { return std::string(to_string(info.param)); });

TEST_P(Rowwise, SoftmaxOfColumns) {
  for (int round = 0; round < 60; ++round) {
    make(150, -20, 20);
    const bool log = round % 2 == 1;
    softmax_columns_kernel(GetParam())({x->data(), x_stride, y->data(), y_stride, rows, columns, log});
    for (int64_t j = 0; j < columns; ++j) {
      double top = -INFINITY, sum = 0;
      for (int64_t r = 0; r < rows; ++r) top = std::max(top, in(r, j));
      for (int64_t r = 0; r < rows; ++r) sum += std::exp(in(r, j) - top);
      for (int64_t r = 0; r < rows; ++r) {
        const double want = log ? in(r, j) - top - std::log(sum) : std::exp(in(r, j) - top) / sum;
        // As for rows.
        const double relative = 0x1p-24 * (40 + 14 + static_cast<double>(rows));
        ASSERT_NEAR(out(r, j), want,
                    log ? relative + 0x1p-23 * std::fabs(want) + 0x1p-24 * 40 : relative * want + 1e-30);
      }
    }
    ASSERT_TRUE(x->intact() && y->intact());
  }
}

TEST_P(Rowwise, Softmax) {
  for (int round = 0; round < 60; ++round) {
    make(150, -20, 20);
    const bool log = round % 2 == 1;
    softmax_kernel(GetParam())({x->data(), x_stride, y->data(), y_stride, rows, columns, log});
    for (int64_t r = 0; r < rows; ++r) {
      double top = -INFINITY, sum = 0;
      for (int64_t j = 0; j < columns; ++j) top = std::max(top, in(r, j));
      for (int64_t j = 0; j < columns; ++j) sum += std::exp(in(r, j) - top);
      for (int64_t j = 0; j < columns; ++j) {
        const double want = log ? in(r, j) - top - std::log(sum) : std::exp(in(r, j) - top) / sum;
        // Relative: x - top is rounded (2^-24 * 40 in the exponent), exp 3 ulp, the sum columns * 2^-24, the rest 4
        // ulp.
        const double relative = 0x1p-24 * (40 + 14 + static_cast<double>(columns));
        ASSERT_NEAR(out(r, j), want,
                    log ? relative + 0x1p-23 * std::fabs(want) + 0x1p-24 * 40 : relative * want + 1e-30);
      }
    }
    ASSERT_TRUE(x->intact() && y->intact());
  }
}

// Rows of up to 8 columns are computed side by side.
TEST_P(Rowwise, SoftmaxOfShortRows) {
  for (int64_t n = 1; n <= 9; ++n) {
    for (int64_t count = 1; count < 40; count += 3) {
      const bool log = count % 2 == 0;
      Guarded from(static_cast<size_t>((count - 1) * (n + 1) + n)), to(static_cast<size_t>((count - 1) * (n + 2) + n));
      testing::fill_random(from, random, -20, 20);
      softmax_kernel(GetParam())({from.data(), n + 1, to.data(), n + 2, count, n, log});
      for (int64_t r = 0; r < count; ++r) {
        const auto at = [&](int64_t j) { return static_cast<double>(from[static_cast<size_t>(r * (n + 1) + j)]); };
        double top = -INFINITY, sum = 0;
        for (int64_t j = 0; j < n; ++j) top = std::max(top, at(j));
        for (int64_t j = 0; j < n; ++j) sum += std::exp(at(j) - top);
        for (int64_t j = 0; j < n; ++j) {
          const double want = log ? at(j) - top - std::log(sum) : std::exp(at(j) - top) / sum;
          // As in the test above.
          const double relative = 0x1p-24 * (40 + 14 + static_cast<double>(n));
          ASSERT_NEAR(to[static_cast<size_t>(r * (n + 2) + j)], want,
                      log ? relative + 0x1p-23 * std::fabs(want) + 0x1p-24 * 40 : relative * want + 1e-30);
        }
      }
      ASSERT_TRUE(from.intact() && to.intact());
      for (int64_t r = 0; r + 1 < count; ++r) {
        ASSERT_EQ(to[static_cast<size_t>(r * (n + 2) + n)], Guarded::kMark);
        ASSERT_EQ(to[static_cast<size_t>(r * (n + 2) + n + 1)], Guarded::kMark);
      }
    }
  }
}

TEST_P(Rowwise, SoftmaxOfLargeValuesDoesNotOverflow) {
  const float big[3] = {1000, 1000, -1000};
  float result[3];
  softmax_kernel(GetParam())({big, 3, result, 3, 1, 3, false});
  EXPECT_EQ(result[0], 0.5f);
  EXPECT_EQ(result[1], 0.5f);
  EXPECT_EQ(result[2], 0.0f);
}

TEST_P(Rowwise, Normalize) {
  for (int round = 0; round < 60; ++round) {
    make(150, -1, 3);
    Guarded scale(static_cast<size_t>(columns)), shift(static_cast<size_t>(columns));
    testing::fill_random(scale, random);
    testing::fill_random(shift, random);
    const bool center = round % 2 == 0, affine = round % 3 != 0;
    normalize_kernel(GetParam())({x->data(), x_stride, y->data(), y_stride, rows, columns,
                                  affine ? scale.data() : nullptr, affine ? shift.data() : nullptr, 1e-3f, center});
    const double n = static_cast<double>(columns);
    for (int64_t r = 0; r < rows; ++r) {
      double mean = 0, square = 0;
      if (center) {
        for (int64_t j = 0; j < columns; ++j) mean += in(r, j) / n;
      }
      for (int64_t j = 0; j < columns; ++j) square += (in(r, j) - mean) * (in(r, j) - mean) / n;
      for (int64_t j = 0; j < columns; ++j) {
        const size_t at = static_cast<size_t>(j);
        const double deviation = std::sqrt(square + 1e-3);
        const double want = (in(r, j) - mean) / deviation * (affine ? scale[at] : 1) + (affine ? shift[at] : 0);
        // |x| <= 3, sums of n terms err by n * 2^-24 relative; divided by the deviation.
        ASSERT_NEAR(out(r, j), want, (n + 16) * 0x1p-24 * 3 / deviation * (1 + std::fabs(want)) + 0x1p-22);
      }
    }
    ASSERT_TRUE(x->intact() && y->intact() && scale.intact() && shift.intact());
  }
}

TEST_P(Rowwise, Lrn) {
  for (int round = 0; round < 80; ++round) {
    make(90, -3, 3);
    const int64_t size = pick(random, 1, 7);
    const float alpha = 0.5f, bias = 1.5f, beta = round % 2 == 0 ? 0.75f : 0.6f;
    Guarded scratch(static_cast<size_t>(lrn_scratch_floats(columns, size)));
    lrn_kernel(GetParam())(
        {x->data(), x_stride, y->data(), y_stride, rows, columns, size, alpha, beta, bias, scratch.data()});
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t j = 0; j < columns; ++j) {
        double sum = 0;
        for (int64_t c = j - (size - 1) / 2; c <= j + size / 2; ++c) {
          if (c >= 0 && c < columns) sum += in(r, c) * in(r, c);
        }
        const double want = in(r, j) / std::pow(bias + alpha / static_cast<double>(size) * sum, beta);
        ASSERT_NEAR(out(r, j), want, 24 * 0x1p-24 * std::fabs(want) + 1e-30) << "size " << size;
      }
    }
    ASSERT_TRUE(x->intact() && y->intact() && scratch.intact());
  }
}

TEST_P(Rowwise, Reductions) {
  for (const ReduceKernel& kernel : reduce_kernels()) {
    for (int round = 0; round < 40; ++round) {
      make(150, 0.5f, 1.5f);
      for (const bool by_row : {true, false}) {
        const int64_t results = by_row ? rows : columns, terms = by_row ? columns : rows;
        Guarded got(static_cast<size_t>(results));
        const ReduceFn fn =
            by_row ? reduce_rows_kernel(kernel.kind, GetParam()) : reduce_columns_kernel(kernel.kind, GetParam());
        fn({x->data(), x_stride, got.data(), rows, columns});
        for (int64_t i = 0; i < results; ++i) {
          double s = kernel.kind == ReduceKind::kMax    ? -INFINITY
                     : kernel.kind == ReduceKind::kMin  ? INFINITY
                     : kernel.kind == ReduceKind::kProd ? 1
                                                        : 0;
          for (int64_t j = 0; j < terms; ++j) s = kernel.reference(s, by_row ? in(i, j) : in(j, i));
          if (kernel.kind == ReduceKind::kMean) s /= static_cast<double>(terms);
          if (kernel.kind == ReduceKind::kL2) s = std::sqrt(s);
          // Sums and products of positive numbers: relative error below terms * 2^-24, and a few roundings more.
          ASSERT_NEAR(got[static_cast<size_t>(i)], s, (2 * static_cast<double>(terms) + 4) * 0x1p-24 * s + 1e-37)
              << kernel.name << (by_row ? " rows" : " columns");
        }
        ASSERT_TRUE(got.intact());
      }
      ASSERT_TRUE(x->intact());
    }
  }
}

TEST_P(Rowwise, ReduceMaxReturnsNanFromAnyPlace) {
  for (int64_t at = 0; at < 70; ++at) {
    std::vector<float> values(70, 1.0f);
    values[static_cast<size_t>(at)] = NAN;
    float result = 0;
    reduce_rows_kernel(ReduceKind::kMax, GetParam())({values.data(), 70, &result, 1, 70});
    ASSERT_TRUE(std::isnan(result)) << at;
    reduce_columns_kernel(ReduceKind::kMax, GetParam())({values.data(), 1, &result, 70, 1});
    ASSERT_TRUE(std::isnan(result)) << at;
  }
}

}  // namespace
}  // namespace cycloid::kernels
