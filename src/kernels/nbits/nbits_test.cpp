#include "kernels/nbits/nbits.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>

#include "base/aligned.h"
#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::Guarded;
using testing::pick;

class Nbits : public ::testing::TestWithParam<Isa> {};
INSTANTIATE_TEST_SUITE_P(All, Nbits, ::testing::ValuesIn(kAllIsas),
                         [](const auto& info) { return std::string(to_string(info.param)); });

struct Weights {
  std::vector<uint8_t> codes;
  std::vector<float> scales, points;

  Weights(const NbitsParams& p, std::mt19937& random)
      : codes(static_cast<size_t>(p.n * p.blocks() * p.block * p.bits / 8)),
        scales(static_cast<size_t>(p.n * p.blocks())),
        points(scales.size()) {
    for (uint8_t& code : codes) code = static_cast<uint8_t>(pick(random, 0, 255));
    testing::fill_random(scales, random, 0.01F, 1);
    for (float& point : points) point = static_cast<float>(pick(random, 0, (1 << p.bits) - 1));
  }
  double at(const NbitsParams& p, int64_t column, int64_t k, bool with_points) const {
    const int64_t bit = (column * p.blocks() * p.block + k) * p.bits;
    const int code = codes[static_cast<size_t>(bit / 8)] >> (bit % 8) & ((1 << p.bits) - 1);
    const auto block = static_cast<size_t>(column * p.blocks() + k / p.block);
    const double point = with_points ? static_cast<double>(points[block]) : static_cast<double>(1 << (p.bits - 1));
    return (code - point) * static_cast<double>(scales[block]);
  }
};

TEST_P(Nbits, AgreesWithTheDefinition) {
  if (!isa_available(GetParam())) GTEST_SKIP() << to_string(GetParam()) << " is not available here";
  constexpr int64_t kBits[] = {2, 4, 8};
  for (int seed = 0; seed < 120; ++seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    NbitsParams p{.m = pick(random, 1, 20), .n = pick(random, 1, 70), .k = pick(random, 1, 300)};
    p.bits = kBits[seed % 3];
    p.block = int64_t{16} << pick(random, 0, 4);
    p.has_bias = pick(random, 0, 1) == 0;
    p.threads = static_cast<int>(pick(random, 1, 3));
    const bool with_points = pick(random, 0, 1) == 0;
    const Weights weights(p, random);
    Guarded a(static_cast<size_t>(p.m * p.k), static_cast<size_t>(seed % 3)), c(static_cast<size_t>(p.m * p.n));
    Guarded bias(static_cast<size_t>(p.n));
    testing::fill_random(a, random);
    testing::fill_random(bias, random);
    const NbitsPlan plan = plan_nbits(p, GetParam());
    AlignedBuffer<std::byte> packed(plan.packed_bytes), scratch(plan.scratch_bytes);
    plan.pack(weights.codes.data(), weights.scales.data(), with_points ? weights.points.data() : nullptr,
              packed.data());
    const int64_t cut = pick(random, 0, plan.units);
    for (const auto& [begin, end] : {std::pair(cut, plan.units), std::pair(int64_t{0}, cut)}) {
      plan.run({.a = a.data(),
                .packed = packed.data(),
                .bias = p.has_bias ? bias.data() : nullptr,
                .c = c.data(),
                .scratch = scratch.data()},
               begin, end);
    }
    for (int64_t r = 0; r < p.m; ++r) {
      for (int64_t j = 0; j < p.n; ++j) {
        double want = p.has_bias ? static_cast<double>(bias[static_cast<size_t>(j)]) : 0, size = std::fabs(want);
        for (int64_t k = 0; k < p.k; ++k) {
          const auto x = static_cast<double>(a[static_cast<size_t>(r * p.k + k)]);
          want += x * weights.at(p, j, k, with_points);
          // Codes and zero points are summed apart: their sizes count, not their difference.
          const auto block = static_cast<size_t>(j * p.blocks() + k / p.block);
          size += std::fabs(x) * static_cast<double>(2 << p.bits) * static_cast<double>(weights.scales[block]);
        }
        const double error = std::sqrt(static_cast<double>(p.k) + 8) * 0x1p-22 * size;
        ASSERT_NEAR(c[static_cast<size_t>(r * p.n + j)], want, error) << seed << ": " << r << ", " << j;
      }
    }
    ASSERT_TRUE(a.intact() && c.intact() && bias.intact());
  }
}

}  // namespace
}  // namespace cycloid::kernels
