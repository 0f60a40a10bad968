#include "plan/tune/tuner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/temporary_folder.h"
#include "kernels/bf16x3/bf16x3.h"
#include "kernels/igemm/igemm_shape.h"
#include "plan/tune/candidates.h"

namespace cycloid {
namespace {

using kernels::ConvParams;
using kernels::ConvPlan;
using kernels::GemmParams;
using kernels::GemmPlan;
using testing::HasSubstr;

ConvParams small_conv() {
  return {.in_h = 8,
          .in_w = 8,
          .in_c = 16,
          .out_h = 8,
          .out_w = 8,
          .out_c = 40,
          .kernel_h = 3,
          .kernel_w = 3,
          .pad_top = 1,
          .pad_left = 1};
}

TEST(TuneCandidates, AreAllKernelsAndWidthsWithTheEstimatesChoiceFirst) {
  for (const Isa isa : kAllIsas) {
    if (!isa_available(isa)) continue;
    const ConvParams params = small_conv();
    const auto candidates = conv_tune_candidates(params, isa);
    ASSERT_GE(candidates.size(), 4U);
    EXPECT_EQ(candidates[0].plan.kernel, std::get<ConvPlan>(kernels::select_conv(params, isa)).kernel);
    EXPECT_EQ(candidates[0].plan.vectors, std::get<ConvPlan>(kernels::select_conv(params, isa)).vectors);
    std::set<std::pair<const void*, std::int64_t>> seen;
    std::set<std::string> names;
    for (const ConvTuneCandidate& candidate : candidates) {
      EXPECT_TRUE(seen.emplace(candidate.plan.kernel, candidate.plan.vectors).second) << candidate.name;
      EXPECT_TRUE(names.insert(candidate.name).second) << candidate.name;
      const auto again = conv_tune_candidate(candidate.name, params, isa);
      ASSERT_TRUE(again) << candidate.name;
      EXPECT_EQ(again->kernel, candidate.plan.kernel);
      EXPECT_EQ(again->vectors, candidate.plan.vectors);
      EXPECT_EQ(again->packed_bytes, candidate.plan.packed_bytes);
    }
    ConvParams strict = params;
    strict.strict = true;
    for (const ConvTuneCandidate& candidate : conv_tune_candidates(strict, isa))
      EXPECT_EQ(candidate.name.find("winograd"), std::string::npos);
  }
}

// First layers (whose kernels pack distances beside weights), few outputs, depthwise, strided, small maps in batches, one row.
TEST(TuneCandidates, OfEveryKindCanBeTimed) {
  std::vector<ConvParams> kinds(6, small_conv());
  kinds[0].in_c = 3;
  kinds[0].channels_first = true;
  kinds[1].out_c = 3;
  kinds[2].groups = kinds[2].out_c = kinds[2].in_c;
  kinds[3].stride_h = kinds[3].stride_w = 2;
  kinds[3].out_h = kinds[3].out_w = 4;
  kinds[4].batch = 5;
  kinds[4].in_h = kinds[4].in_w = kinds[4].out_h = kinds[4].out_w = 3;
  kinds[5].kernel_h = 1;
  kinds[5].pad_top = 0;
  std::set<std::string> families;
  for (const Isa isa : kAllIsas) {
    if (!isa_available(isa)) continue;
    for (const ConvParams& params : kinds) {
      const auto candidates = conv_tune_candidates(params, isa);
      const std::vector<Timing> timings = time_candidates(candidates, false, 0.01);
      ASSERT_EQ(timings.size(), candidates.size());
      for (const ConvTuneCandidate& candidate : candidates)
        families.insert(std::string(candidate.plan.name().substr(0, candidate.plan.name().rfind('.'))));
    }
  }
  for (const kernels::ConvKernel& kernel : kernels::conv_kernels()) {
    // On tiles, which a machine may not have.
    if (kernel.name == "conv.bf16x3.avx512" && kernels::bf16x3_bodies() == nullptr) continue;
    EXPECT_TRUE(families.contains(std::string(kernel.name.substr(0, kernel.name.rfind('.'))))) << kernel.name;
  }
}

TEST(TuneCandidates, OfOtherNamesAreNone) {
  const ConvParams params = small_conv();
  for (const char* name :
       {"", "/", "conv.igemm.scalar", "conv.igemm.scalar/", "conv.igemm.scalar/9", "conv.igemm.scalar/-1",
        "conv.igemm.scalar/1x", "conv.gone.scalar/0", "conv.depthwise.scalar/0"})
    EXPECT_FALSE(conv_tune_candidate(name, params, Isa::kScalar)) << name;
  EXPECT_FALSE(gemm_tune_candidate("gemm.gone.scalar/0", GemmParams{.m = 4, .n = 4, .k = 4}, Isa::kScalar));
}

TEST(TuneKeys, TellApartWhatTheTimeDependsOn) {
  const ConvParams base = small_conv();
  std::set<std::string> keys = {tune_key(base, Isa::kScalar, false), tune_key(base, Isa::kScalar, true),
                                tune_key(base, Isa::kAvx2, false)};
  const auto with = [&](auto change) {
    ConvParams params = base;
    change(params);
    keys.insert(tune_key(params, Isa::kScalar, false));
  };
  with([](ConvParams& p) { p.batch = 2; });
  with([](ConvParams& p) { p.in_stride = 48; });
  with([](ConvParams& p) { p.out_stride = 48; });
  with([](ConvParams& p) { p.has_residual = true; });
  with([](ConvParams& p) { p.strict = true; });
  with([](ConvParams& p) { p.subnormals = true; });
  with([](ConvParams& p) { p.threads = 2; });
  with([](ConvParams& p) { p.activation = kernels::relu(); });
  EXPECT_EQ(keys.size(), 11U);
  for (const std::string& key : keys) EXPECT_EQ(key.find_first_of("\t\n"), std::string::npos);
}

class TunerTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::create();
    ASSERT_TRUE(folder.ok()) << folder.error().message();
    folder_.emplace(*std::move(folder));
    path_ = folder_->path() + "/tune.tsv";
  }
  std::optional<TemporaryFolder> folder_;
  std::string path_;
  const Isa isa_ = cpu_info().best_isa;
};

TEST_F(TunerTest, MeasuresOnceAndThenChoosesTheSame) {
  const GemmParams product{.m = 64, .n = 64, .k = 64, .b_constant = true};
  ConvPlan conv;
  GemmPlan gemm;
  {
    Tuner tuner(path_, 10);
    tuner.begin(0);
    conv = std::get<ConvPlan>(tuner.conv(small_conv(), isa_));
    gemm = std::get<GemmPlan>(tuner.gemm(product, isa_));
    EXPECT_THAT(tuner.end(), HasSubstr("0 shapes from the cache, 2 measured"));
  }
  Tuner tuner(path_, 0);  // no time to measure anything
  tuner.begin(0);
  const auto again = std::get<ConvPlan>(tuner.conv(small_conv(), isa_));
  EXPECT_EQ(again.kernel, conv.kernel);
  EXPECT_EQ(again.vectors, conv.vectors);
  EXPECT_EQ(std::get<GemmPlan>(tuner.gemm(product, isa_)).vectors, gemm.vectors);
  EXPECT_THAT(tuner.end(), HasSubstr("2 shapes from the cache, 0 measured"));
}

TEST_F(TunerTest, DoesWhatTheCacheSays) {
  const ConvParams params = small_conv();
  const auto candidates = conv_tune_candidates(params, isa_);
  for (const ConvTuneCandidate& candidate : candidates) {
    TuneCache cache(path_, tune_cpu());
    cache.put(tune_key(params, isa_, false), {candidate.name, 1, 2});
    ASSERT_TRUE(cache.save().ok());
    Tuner tuner(path_, 0);
    tuner.begin(0);
    const auto plan = std::get<ConvPlan>(tuner.conv(params, isa_));
    EXPECT_EQ(plan.kernel, candidate.plan.kernel) << candidate.name;
    EXPECT_EQ(plan.vectors, candidate.plan.vectors) << candidate.name;
  }
}

TEST_F(TunerTest, FallsBackToTheEstimate) {
  const ConvPlan estimate = std::get<ConvPlan>(kernels::select_conv(small_conv(), isa_));
  TuneCache cache(path_, tune_cpu());
  cache.put(tune_key(small_conv(), isa_, false), {"conv.gone.avx512/2", 1, 2});
  ASSERT_TRUE(cache.save().ok());
  Tuner tuner(path_, 0);
  tuner.begin(0);
  EXPECT_EQ(std::get<ConvPlan>(tuner.conv(small_conv(), isa_)).kernel, estimate.kernel);
  EXPECT_THAT(tuner.end(), HasSubstr("0 measured in 0.0 s, 1 by estimate"));
  ConvParams wrong = small_conv();
  wrong.batch = 0;
  EXPECT_EQ(std::get<std::string>(tuner.conv(wrong, isa_)), std::get<std::string>(kernels::select_conv(wrong, isa_)));
}

TEST_F(TunerTest, TellsWhereItCannotWrite) {
  Tuner tuner("/proc/none/tune.tsv", 10);
  tuner.begin(0);
  EXPECT_TRUE(std::holds_alternative<ConvPlan>(tuner.conv(small_conv(), isa_)));
  EXPECT_THAT(tuner.end(), HasSubstr("not written"));
}

}  // namespace
}  // namespace cycloid
