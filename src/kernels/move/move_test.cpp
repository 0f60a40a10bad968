#include "kernels/move/move.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::pick;

template <class T>
void check(int seed, Isa isa) {
  std::mt19937 random(static_cast<unsigned>(seed));
  SCOPED_TRACE("seed " + std::to_string(seed) + " element " + std::to_string(sizeof(T)));
  const size_t rank = static_cast<size_t>(pick(random, 0, 5));
  std::vector<int64_t> shape(rank), order(rank);
  for (int64_t& d : shape) d = pick(random, 1, rank <= 2 ? 70 : rank == 3 ? 20 : 9);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);
  // Strides with gaps at random, per input and per output dimension.
  std::vector<int64_t> in_strides(rank), out_strides(rank);
  int64_t in_size = 1, out_size = 1;
  for (size_t i = rank; i-- > 0;) {
    in_strides[i] = in_size;
    in_size = in_size * shape[i] + pick(random, 0, 2) / 2;
    out_strides[i] = out_size;
    out_size = out_size * shape[static_cast<size_t>(order[i])] + pick(random, 0, 2) / 2;
  }
  std::vector<T> in(static_cast<size_t>(in_size)), out(static_cast<size_t>(out_size), T(77));
  for (T& x : in) x = static_cast<T>(random());
  const auto planned =
      plan_permute(shape, order, sizeof(T), isa, static_cast<int>(pick(random, 1, 4)), in_strides, out_strides);
  ASSERT_NE(std::get_if<PermutePlan>(&planned), nullptr) << std::get<std::string>(planned);
  const PermutePlan& plan = std::get<PermutePlan>(planned);
  for (int64_t begin = 0; begin < plan.units;) {
    const int64_t end = std::min(plan.units, begin + pick(random, 1, plan.units));
    plan.run(in.data(), out.data(), begin, end);
    begin = end;
  }
  std::vector<T> want(out.size(), T(77));
  const int64_t count = std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
  for (int64_t at = 0; at < count; ++at) {
    std::vector<int64_t> index(rank);
    int64_t rest = at, from = 0, to = 0;
    for (size_t i = rank; i-- > 0;) {
      index[i] = rest % shape[i];
      rest /= shape[i];
      from += index[i] * in_strides[i];
    }
    for (size_t i = 0; i < rank; ++i) to += index[static_cast<size_t>(order[i])] * out_strides[i];
    want[static_cast<size_t>(to)] = in[static_cast<size_t>(from)];
  }
  ASSERT_EQ(out, want);
}

class PermuteOfIsa : public ::testing::TestWithParam<Isa> {};
INSTANTIATE_TEST_SUITE_P(Permute, PermuteOfIsa, ::testing::ValuesIn(kAllIsas),
                         [](const auto& info) { return std::string(to_string(info.param)); });

TEST_P(PermuteOfIsa, AgreesWithTheDefinition) {
  const Isa isa = GetParam();
  if (!isa_available(isa)) GTEST_SKIP() << to_string(isa) << " is not available here";
  for (int seed = 0; seed < 400; ++seed) {
    check<uint8_t>(seed, isa);
    check<uint16_t>(seed, isa);
    check<uint32_t>(seed, isa);
    check<uint64_t>(seed, isa);
    if (HasFailure()) return;
  }
}

TEST(Permute, ChannelsFirstToChannelsLastIsOneTransposition) {
  const int64_t shape[] = {5, 64, 14, 14}, order[] = {0, 2, 3, 1};
  const auto plan = std::get<PermutePlan>(plan_permute(shape, order, 4, Isa::kScalar));
  EXPECT_EQ(plan.rank, 3);
  EXPECT_EQ(plan.units, 5);
  EXPECT_FALSE(plan.copies_runs);
}

TEST(Permute, ThreePlanesBecomePixels) {
  for (int64_t width = 1; width < 40; ++width) {
    const int64_t shape[] = {2, 3, 2, width}, order[] = {0, 2, 3, 1};
    const auto plan =
        std::get<PermutePlan>(plan_permute(shape, order, 4, Isa::kScalar, static_cast<int>(1 + width % 3)));
    std::vector<uint32_t> in(static_cast<size_t>(12 * width)), out(in.size());
    std::iota(in.begin(), in.end(), 1);
    plan.run(in.data(), out.data(), 0, plan.units);
    for (int64_t n = 0; n < 2; ++n) {
      for (int64_t pixel = 0; pixel < 2 * width; ++pixel) {
        for (int64_t c = 0; c < 3; ++c) {
          ASSERT_EQ(out[static_cast<size_t>((n * 2 * width + pixel) * 3 + c)],
                    in[static_cast<size_t>((n * 3 + c) * 2 * width + pixel)])
              << width;
        }
      }
    }
  }
}

TEST(Permute, EmptyTensorsMoveNothing) {
  const int64_t shape[] = {3, 0}, order[] = {1, 0};
  EXPECT_EQ(std::get<PermutePlan>(plan_permute(shape, order, 4, Isa::kScalar)).units, 0);
}

TEST(Permute, SaysWhyItDeclines) {
  const int64_t shape[] = {3, 4}, twice[] = {0, 0}, order[] = {1, 0};
  EXPECT_EQ(std::get<std::string>(plan_permute(shape, twice, 4, Isa::kScalar)), "the order is not a permutation");
  EXPECT_EQ(std::get<std::string>(plan_permute(shape, order, 3, Isa::kScalar)),
            "elements are not of 1, 2, 4 or 8 bytes");
}

TEST(CopyRows, CopiesOnlyTheRows) {
  const char in[] = "abcXdefXghi";
  char out[] = "............";
  copy_rows(in, 4, out, 5, 2, 3);
  EXPECT_STREQ(out, "abc..def....");
  copy_rows(in, 2, out, 2, 5, 2);
  EXPECT_STREQ(out, "abcXdefXgh..");
}

}  // namespace
}  // namespace cycloid::kernels
