#include "kernels/stream/stream.h"

#include <gtest/gtest.h>

#include <numeric>

#include "base/aligned.h"

namespace cycloid::kernels {
namespace {

TEST(Stream, ReadsAndCopiesEveryElementForEveryIsa) {
  constexpr int64_t kCount = 5 * kStreamStep;
  for (const Isa isa : kAllIsas) {
    if (!isa_available(isa)) continue;
    AlignedBuffer<float> from(kCount), to(kCount + 1);
    std::iota(from.begin(), from.end(), 1.0f);  // whole numbers, whose sum is exact in float
    to[kCount] = 7;
    float sum = 0;
    const StreamArgs args{.from = from.data(), .to = to.data(), .count = kCount, .sink = &sum};
    stream_read_kernel(isa)(args);
    EXPECT_EQ(sum, kCount * (kCount + 1) / 2) << to_string(isa);
    stream_copy_kernel(isa)(args);
    EXPECT_TRUE(std::equal(from.begin(), from.end(), to.begin())) << to_string(isa);
    EXPECT_EQ(to[kCount], 7) << to_string(isa);
  }
}

}  // namespace
}  // namespace cycloid::kernels
