// Products and convolutions that are large enough for tiles of bfloat16 where the machine has them: the reference's sums, and steps
// that say so.
#include "base/cpu.h"
#include "runtime/native_testing.h"

namespace cycloid::native {
namespace {

const Case kCases[] = {
    {"gemm_bias_relu",
     R"(g (float[130,512] x, float[512,256] w, float[256] b) => (float[?,?] y) { c = Gemm (x, w, b) y = Relu (c) })",
     258},
    {"gemm_transposed_scaled_bias",
     R"(g (float[64,192] x, float[160,192] w, float[160] b) => (float[?,?] y) { y = Gemm <transB=1, beta=0.5> (x, w, b) })",
     194},
    {"matmul_of_a_batch_and_residual",
     R"(g (float[3,40,128] x, float[128,128] w, float[128] b) => (float[?,?,?] y) {
        c = MatMul (x, w) d = Add (c, b) e = Add (d, x) y = Sigmoid (e) })",
     132},
    {"gemm_without_bias", R"(g (float[97,512] x, float[512,192] w) => (float[?,?] y) { y = MatMul (x, w) })", 512},
    {"convolutions",
     R"(g (float[2,128,15,15] x, float[96,128,1,1] w, float[96] b, float[96,96,3,3] v) => (float[?,?,?,?] y) {
        c = Conv (x, w, b) d = Relu (c) y = Conv <pads=[1,1,1,1], strides=[2,2]> (d, v) })",
     992},
};

class NativeTiles : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(All, NativeTiles, ::testing::ValuesIn(kCases),
                         [](const auto& test) { return test.param.name; });

TEST_P(NativeTiles, AgreeWithTheReference) { expect_agreement(GetParam()); }

TEST_P(NativeTiles, AreUsedWhereTheMachineHasThem) {
  if (!amx_support().bfloat16) GTEST_SKIP() << "this machine has no tiles of bfloat16";
  std::mt19937 random(7);
  const Model model(std::make_shared<const ModelIr>(model_of(GetParam(), true, random).value()));
  int plans = 0;
  for_each_session(model, {1}, [&](const Session&, const PlanInfo& plan) {
    plans += std::ranges::any_of(plan.steps,
                                 [](const StepInfo& step) { return step.kernel.find("bf16x3") != std::string::npos; });
  });
  EXPECT_EQ(plans, 1);  // for AVX-512
  const Session keeps = Session::create(model, {.threads = 1, .denormals = true}).value();
  for (const StepInfo& step : keeps.plan().value().steps)
    EXPECT_EQ(step.kernel.find("bf16x3"), std::string::npos) << "it takes subnormal numbers for zero";
}

}  // namespace
}  // namespace cycloid::native
