#include "kernels/move/transpose.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::Guarded;
using testing::pick;

class Transpose : public ::testing::TestWithParam<Isa> {};
INSTANTIATE_TEST_SUITE_P(Transpose, Transpose, ::testing::ValuesIn(kAllIsas),
                         [](const auto& info) { return std::string(to_string(info.param)); });

template <class T>
void check(Isa isa, std::mt19937& random) {
  // Two and four rows or columns without gaps are taken apart and put together by other code.
  const bool few_rows = pick(random, 0, 3) == 0, few_columns = !few_rows && pick(random, 0, 3) == 0;
  const int64_t few = 2 * pick(random, 1, 2);
  const int64_t rows = few_rows ? few : pick(random, 1, 50), columns = few_columns ? few : pick(random, 1, 50);
  const int64_t in_stride = rows + (few_rows ? 0 : pick(random, 0, 5)),
                out_stride = columns + (few_columns ? 0 : pick(random, 0, 5));
  const int64_t blocks = pick(random, 1, 3);
  const int64_t in_block = columns * in_stride + pick(random, 0, 3), out_block = rows * out_stride + pick(random, 0, 3);
  const auto in_size = static_cast<size_t>((blocks - 1) * in_block + (columns - 1) * in_stride + rows),
             out_size = static_cast<size_t>((blocks - 1) * out_block + (rows - 1) * out_stride + columns);
  // Ending at the guard, and beginning anywhere.
  const auto floats = [](size_t count) { return (count * sizeof(T) + sizeof(float) - 1) / sizeof(float); };
  Guarded in_memory(floats(in_size)), out_memory(floats(out_size));
  T* in = reinterpret_cast<T*>(in_memory.end()) - in_size;
  T* out = reinterpret_cast<T*>(out_memory.end()) - out_size;
  const std::vector<T> before(out_size, T(77));
  std::copy(before.begin(), before.end(), out);
  for (size_t i = 0; i < in_size; ++i) in[i] = static_cast<T>(random());
  transpose_kernel(isa, sizeof(T))({in, in_stride, out, out_stride, rows, columns, blocks, in_block, out_block});
  for (int64_t at = 0; at < static_cast<int64_t>(out_size); ++at) {
    const int64_t block = at / out_block, r = at % out_block / out_stride, c = at % out_block % out_stride;
    const T want = r < rows && c < columns ? in[block * in_block + c * in_stride + r] : T(77);
    ASSERT_EQ(out[at], want) << sizeof(T) << " bytes, " << blocks << " of " << rows << " x " << columns << " at " << r
                             << ", " << c;
  }
  ASSERT_TRUE(in_memory.intact() && out_memory.intact());
}

// Every element, all sizes around the blocks, strided and misaligned on both sides; nothing is touched around them.
TEST_P(Transpose, MovesEveryElement) {
  if (!isa_available(GetParam())) GTEST_SKIP() << to_string(GetParam()) << " is not available here";
  std::mt19937 random(1);
  for (int round = 0; round < 200 && !HasFailure(); ++round) {
    check<uint8_t>(GetParam(), random);
    check<uint16_t>(GetParam(), random);
    check<uint32_t>(GetParam(), random);
    check<uint64_t>(GetParam(), random);
  }
}

TEST(TransposeKernel, HasNoneForOtherSizes) { EXPECT_EQ(transpose_kernel(Isa::kScalar, 16), nullptr); }

}  // namespace
}  // namespace cycloid::kernels
