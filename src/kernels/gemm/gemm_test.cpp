#include "kernels/gemm/gemm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::Guarded;
using testing::pick;

std::string describe(const GemmParams& p) {
  std::string s;
  for (const auto& [name, value] :
       std::initializer_list<std::pair<const char*, int64_t>>{{"batch", p.batch},
                                                              {"m", p.m},
                                                              {"n", p.n},
                                                              {"k", p.k},
                                                              {"ta", p.a_transposed},
                                                              {"tb", p.b_transposed},
                                                              {"const", p.b_constant},
                                                              {"lda", p.a_stride},
                                                              {"ldb", p.b_stride},
                                                              {"ldc", p.c_stride},
                                                              {"threads", p.threads},
                                                              {"act", static_cast<int64_t>(p.activation.kind)},
                                                              {"bias", p.has_bias},
                                                              {"res", p.has_residual + 2 * p.residual_last}}) {
    s += std::string(name) + "=" + std::to_string(value) + " ";
  }
  return s;
}

GemmParams random_params(std::mt19937& random) {
  GemmParams p;
  p.m = pick(random, 1, pick(random, 0, 1) == 0 ? 6 : 60);
  p.n = pick(random, 1, pick(random, 0, 1) == 0 ? 40 : 150);
  p.k = pick(random, 1, 80);
  if (pick(random, 0, 9) == 0) p.k = pick(random, 4000, 6000);  // cut into blocks
  p.a_transposed = pick(random, 0, 1) == 0;
  p.b_transposed = pick(random, 0, 1) == 0;
  p.b_constant = pick(random, 0, 1) == 0;
  p.a_stride = (p.a_transposed ? p.m : p.k) + pick(random, 0, 3);
  if (pick(random, 0, 5) == 0) p.a_stride = (p.a_stride + 1023) / 1024 * 1024;  // rows that share a set of L1
  p.b_stride = (p.b_transposed ? p.k : p.n) + pick(random, 0, 3);
  p.c_stride = p.n + pick(random, 0, 3);
  p.residual_stride = p.n + pick(random, 0, 3);
  p.batch = pick(random, 0, 2) == 0 ? pick(random, 2, 4) : 1;
  p.has_bias = pick(random, 0, 1) == 0;
  p.has_residual = pick(random, 0, 2) == 0;
  p.residual_last = p.has_residual && pick(random, 0, 1) == 0;
  p.alpha = pick(random, 0, 1) == 0 ? 1.0f : 0.5f;
  p.threads = static_cast<int>(pick(random, 1, 3));
  p.activation.kind = testing::kAllActivations[static_cast<size_t>(
      pick(random, 0, pick(random, 0, 1) == 0 ? 1 : static_cast<int64_t>(std::size(testing::kAllActivations)) - 1))];
  return p;
}

void check(Isa isa, int seed, int panel_vectors = 0) {
  std::mt19937 random(static_cast<unsigned>(seed));
  GemmParams p = random_params(random);
  p.panel_vectors = panel_vectors;
  if (panel_vectors > 0 && std::holds_alternative<std::string>(select_gemm(p, isa))) return;  // no such tile
  SCOPED_TRACE(describe(p) + "seed=" + std::to_string(seed));
  const int64_t a_rows = p.a_transposed ? p.k : p.m, a_row = p.a_transposed ? p.m : p.k;
  const int64_t b_rows = p.b_transposed ? p.n : p.k, b_row = p.b_transposed ? p.k : p.n;
  const int64_t a_size = (a_rows - 1) * p.a_stride + a_row, b_size = (b_rows - 1) * p.b_stride + b_row;
  const int64_t c_size = (p.m - 1) * p.c_stride + p.n, r_size = (p.m - 1) * p.residual_stride + p.n;
  // The batch of B is repeated by step 0 in some, listed backwards in others.
  p.a_step = a_size + 1;
  p.b_step = pick(random, 0, 1) == 0 ? 0 : b_size;
  p.c_step = c_size + 2;
  p.residual_step = r_size;
  std::vector<int64_t> b_offsets;
  for (int64_t i = p.batch; i-- > 0;) b_offsets.push_back(i * b_size);
  if (p.b_step != 0) p.b_offsets = b_offsets.data();
  if (p.b_constant) p.b_step = 0, p.b_offsets = nullptr;

  std::vector<float> slope(static_cast<size_t>(p.n)), bias(static_cast<size_t>(p.n));
  testing::fill_random(slope, random, 0, 1);
  testing::fill_random(bias, random);
  p.activation = testing::make_activation(p.activation.kind, slope.data());
  p.activation.scaled = p.activation.kind != ActivationKind::kNone && pick(random, 0, 2) == 0;
  p.activation.scale = 0.6f;
  p.activation.shift = -0.2f;
  Guarded a(static_cast<size_t>((p.batch - 1) * p.a_step + a_size), static_cast<size_t>(pick(random, 0, 1)));
  Guarded b(static_cast<size_t>(p.batch * b_size)), residual(static_cast<size_t>(p.batch * r_size));
  Guarded c(static_cast<size_t>((p.batch - 1) * p.c_step + c_size), static_cast<size_t>(pick(random, 0, 1)));
  Guarded bias_memory(bias.size());
  testing::fill_random(a, random);
  testing::fill_random(b, random);
  testing::fill_random(residual, random);
  std::copy(bias.begin(), bias.end(), bias_memory.data());

  const GemmSelection selection = select_gemm(p, isa);
  ASSERT_NE(std::get_if<GemmPlan>(&selection), nullptr) << std::get<std::string>(selection);
  const GemmPlan plan = std::get<GemmPlan>(selection);
  Guarded packed(plan.packed_bytes / sizeof(float)), scratch(plan.scratch_bytes / sizeof(float));
  GemmArgs args{.a = a.data(),
                .b = b.data(),
                .bias = bias_memory.data(),
                .residual = residual.data(),
                .c = c.data(),
                .scratch = scratch.data()};
  if (p.b_constant) {
    plan.pack(b.data(), packed.data());
    args.packed = packed.data();
    args.b = nullptr;
  }
  for (int64_t begin = 0; begin < plan.units;) {
    const int64_t end = std::min(plan.units, begin + pick(random, 1, plan.units));
    plan.run(args, begin, end);
    begin = end;
  }

  for (int64_t i = 0; i < p.batch; ++i) {
    const float* ai = a.data() + i * p.a_step;
    const float* bi = b.data() + (p.b_offsets != nullptr ? p.b_offsets[i] : i * p.b_step);
    for (int64_t row = 0; row < p.m; ++row) {
      for (int64_t col = 0; col < p.n; ++col) {
        double sum = p.has_bias ? bias[static_cast<size_t>(col)] : 0, size = std::fabs(sum);
        for (int64_t k = 0; k < p.k; ++k) {
          const double product =
              static_cast<double>(p.a_transposed ? ai[k * p.a_stride + row] : ai[row * p.a_stride + k]) *
              (p.b_transposed ? bi[col * p.b_stride + k] : bi[k * p.b_stride + col]);
          sum += p.alpha * product;
          size += std::fabs(p.alpha * product);
        }
        const double r = p.has_residual ? residual[static_cast<size_t>(i * r_size + row * p.residual_stride + col)] : 0;
        const double before = sum + (p.residual_last ? 0 : r);
        const double want = testing::activate_reference(p.activation, before, slope[static_cast<size_t>(col)]) +
                            (p.residual_last ? r : 0);
        // See conv_test.cpp for the bound.
        const double bound =
            2 * static_cast<double>(p.k + 2) * 0x1p-24 * (size + std::fabs(r)) * testing::kActivationSlope +
            testing::kActivationError * (1 + std::fabs(before) + std::fabs(r));
        const float got = c[static_cast<size_t>(i * p.c_step + row * p.c_stride + col)];
        ASSERT_NEAR(got, want, bound) << "matrix " << i << " row " << row << " column " << col;
      }
      for (int64_t col = p.n; col < p.c_stride && row + 1 < p.m; ++col) {
        ASSERT_EQ(c[static_cast<size_t>(i * p.c_step + row * p.c_stride + col)], Guarded::kMark);
      }
    }
  }
  ASSERT_TRUE(a.intact() && b.intact() && c.intact() && packed.intact() && scratch.intact());
}

class GemmKernels : public ::testing::TestWithParam<GemmKernel> {};

TEST_P(GemmKernels, AgreesWithTheDefinition) {
  if (!isa_available(GetParam().isa)) GTEST_SKIP() << to_string(GetParam().isa) << " is not available here";
  for (int seed = 0; seed < 300 && !HasFailure(); ++seed) check(GetParam().isa, seed);
}

TEST_P(GemmKernels, AgreesWithEveryWidthOfTheRegisterTile) {
  if (!isa_available(GetParam().isa)) GTEST_SKIP() << to_string(GetParam().isa) << " is not available here";
  for (int seed = 0; seed < 120 && !HasFailure(); ++seed) check(GetParam().isa, seed, seed % kIgemmMaxVectors + 1);
}

INSTANTIATE_TEST_SUITE_P(All, GemmKernels,
                         ::testing::ValuesIn(std::vector<GemmKernel>(gemm_kernels().begin(), gemm_kernels().end())),
                         [](const auto& info) { return std::string(to_string(info.param.isa)); });

TEST(SelectGemm, SaysWhyItDeclines) {
  EXPECT_EQ(std::get<std::string>(select_gemm({.m = 0}, Isa::kScalar)), "a size is not positive");
  EXPECT_EQ(std::get<std::string>(select_gemm({.n = 4, .c_stride = 3}, Isa::kScalar)),
            "a row stride is smaller than the row");
  EXPECT_EQ(std::get<std::string>(select_gemm({.panel_vectors = kIgemmMaxVectors + 1}, Isa::kScalar)),
            "no register tile of the width asked for");
}

}  // namespace
}  // namespace cycloid::kernels
