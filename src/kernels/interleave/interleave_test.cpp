#include "kernels/interleave/interleave.h"

#include <gtest/gtest.h>

#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::Guarded;
using testing::pick;

class Interleave : public ::testing::TestWithParam<Isa> {};
INSTANTIATE_TEST_SUITE_P(All, Interleave, ::testing::ValuesIn(kAllIsas),
                         [](const auto& info) { return std::string(to_string(info.param)); });

// Every element is where it belongs, and nothing between the rows of the output is written.
TEST_P(Interleave, TakesTurns) {
  if (!isa_available(GetParam())) GTEST_SKIP() << to_string(GetParam()) << " is not available here";
  for (int seed = 0; seed < 300; ++seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    const int64_t rows = pick(random, 1, 5), columns = pick(random, 1, 70);
    const int64_t a_stride = columns + pick(random, 0, 3), b_stride = columns + pick(random, 0, 3);
    const int64_t out_stride = 2 * columns + pick(random, 0, 3);
    // The last row ends where the memory does.
    const auto size = [&](int64_t stride, int64_t width) { return static_cast<size_t>((rows - 1) * stride + width); };
    Guarded a(size(a_stride, columns), static_cast<size_t>(seed % 5)), b(size(b_stride, columns), 1),
        out(size(out_stride, 2 * columns), static_cast<size_t>(seed % 3));
    testing::fill_random(a, random);
    testing::fill_random(b, random);
    std::fill_n(out.data(), size(out_stride, 2 * columns), -7.0f);
    interleave_kernel(GetParam())({a.data(), a_stride, b.data(), b_stride, out.data(), out_stride, rows, columns});
    EXPECT_TRUE(out.intact());
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t i = 0; i < columns; ++i) {
        ASSERT_EQ(out.data()[r * out_stride + 2 * i], a.data()[r * a_stride + i]) << "seed " << seed;
        ASSERT_EQ(out.data()[r * out_stride + 2 * i + 1], b.data()[r * b_stride + i]) << "seed " << seed;
      }
      for (int64_t i = 2 * columns; r + 1 < rows && i < out_stride; ++i)
        ASSERT_EQ(out.data()[r * out_stride + i], -7.0f) << "seed " << seed;
    }
  }
}

TEST_P(Interleave, Separates) {
  if (!isa_available(GetParam())) GTEST_SKIP() << to_string(GetParam()) << " is not available here";
  for (int seed = 0; seed < 300; ++seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    const int64_t rows = pick(random, 1, 5), columns = pick(random, 1, 70);
    const int64_t a_stride = columns + pick(random, 0, 3), b_stride = columns + pick(random, 0, 3);
    const int64_t in_stride = 2 * columns + pick(random, 0, 3);
    const auto size = [&](int64_t stride, int64_t width) { return static_cast<size_t>((rows - 1) * stride + width); };
    Guarded a(size(a_stride, columns), static_cast<size_t>(seed % 5)), b(size(b_stride, columns), 1),
        in(size(in_stride, 2 * columns), static_cast<size_t>(seed % 3));
    testing::fill_random(in, random);
    separate_kernel(GetParam())({in.data(), in_stride, a.data(), a_stride, b.data(), b_stride, rows, columns});
    EXPECT_TRUE(a.intact() && b.intact());
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t i = 0; i < columns; ++i) {
        ASSERT_EQ(a.data()[r * a_stride + i], in.data()[r * in_stride + 2 * i]) << "seed " << seed;
        ASSERT_EQ(b.data()[r * b_stride + i], in.data()[r * in_stride + 2 * i + 1]) << "seed " << seed;
      }
      for (int64_t i = columns; r + 1 < rows && i < a_stride; ++i)
        ASSERT_EQ(a.data()[r * a_stride + i], Guarded::kMark) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace cycloid::kernels
