#include "kernels/move/transpose.h"

#include <gtest/gtest.h>

#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::Guarded;
using testing::pick;

class Transpose : public ::testing::TestWithParam<Isa> {};
INSTANTIATE_TEST_SUITE_P(Transpose, Transpose, ::testing::ValuesIn(kAllIsas),
                         [](const auto& info) { return std::string(to_string(info.param)); });

// Every element, all sizes around the blocks, strided and misaligned on both sides; nothing is touched around them.
TEST_P(Transpose, MovesEveryElement) {
  if (!isa_available(GetParam())) GTEST_SKIP() << to_string(GetParam()) << " is not available here";
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    const int64_t rows = pick(random, 1, 50), columns = pick(random, 1, 50);
    const int64_t in_stride = rows + pick(random, 0, 5), out_stride = columns + pick(random, 0, 5);
    Guarded in(static_cast<size_t>((columns - 1) * in_stride + rows), static_cast<size_t>(pick(random, 0, 3)));
    Guarded out(static_cast<size_t>((rows - 1) * out_stride + columns), static_cast<size_t>(pick(random, 0, 3)));
    for (size_t i = 0; i < in.size(); ++i) in[i] = static_cast<float>(i);
    for (float& y : out) y = -1;
    transpose_kernel(GetParam())({in.data(), in_stride, out.data(), out_stride, rows, columns});
    for (int64_t at = 0; at < static_cast<int64_t>(out.size()); ++at) {
      const int64_t r = at / out_stride, c = at % out_stride;
      const float want = c < columns ? static_cast<float>(c * in_stride + r) : -1;
      ASSERT_EQ(out[static_cast<size_t>(at)], want) << rows << " x " << columns << " at " << r << ", " << c;
    }
    ASSERT_TRUE(in.intact() && out.intact());
  }
}

}  // namespace
}  // namespace cycloid::kernels
