// Nothing on the hot path: with shapes seen before, a run makes no heap allocation and no page fault.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdlib>

#include "cycloid/session.h"
#include "graph/text.h"
#include "ops/op.h"

// Every allocation of the process is counted while `counting`. Sanitizers bring their own malloc: GCC says by macros that
// they are in, Clang by features.
#if defined(__has_feature)
#define CYCLOID_HAS_FEATURE(x) __has_feature(x)
#else
#define CYCLOID_HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || CYCLOID_HAS_FEATURE(address_sanitizer) || \
    CYCLOID_HAS_FEATURE(thread_sanitizer)
#define CYCLOID_COUNTS_ALLOCATIONS 0
#else
#define CYCLOID_COUNTS_ALLOCATIONS 1
#endif

namespace {
std::atomic<bool> counting{false};
std::atomic<int> allocations{0};
void count() {
  if (counting.load(std::memory_order_relaxed)) allocations.fetch_add(1, std::memory_order_relaxed);
}
}  // namespace

#if CYCLOID_COUNTS_ALLOCATIONS
extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier): the C library's own names
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
// NOLINTEND(bugprone-reserved-identifier)
void* malloc(std::size_t size) {
  count();
  return __libc_malloc(size);
}
void* calloc(std::size_t n, std::size_t size) {
  count();
  return __libc_calloc(n, size);
}
void* realloc(void* p, std::size_t size) {
  count();
  return __libc_realloc(p, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  count();
  return __libc_memalign(alignment, size);
}
}
#endif

namespace cycloid {
namespace {

Model small_network() {
  ModelIr ir = parse_model(R"(<ir_version: 10, opset_import: ["" : 21]>
    g (float[n,8,24,24] x) => (float[?,?,?,?] y)
    <int64[4] s0 = {16,8,3,3}, int64[4] s1 = {24,16,1,1}, int64[4] s2 = {40,16,3,3}> {
      w0 = ConstantOfShape <value = float[1] {0.01}> (s0)
      w1 = ConstantOfShape <value = float[1] {0.02}> (s1)
      w2 = ConstantOfShape <value = float[1] {0.03}> (s2)
      a = Conv <pads=[1,1,1,1]> (x, w0)
      b = Relu (a)
      p = MaxPool <kernel_shape=[2,2], strides=[2,2]> (b)
      c = Conv (p, w1)
      d = Conv <pads=[1,1,1,1]> (p, w2)
      e = Concat <axis=1> (c, d)
      f = Mul (e, e)
      y = GlobalAveragePool (f)
    })")
                   .value();
  const Status status = infer_types(ir);
  EXPECT_TRUE(status.ok()) << status.error().message();
  return Model(std::make_shared<const ModelIr>(std::move(ir)));
}

long page_faults() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt + usage.ru_majflt;
}

class HotPath : public testing::TestWithParam<int> {};

TEST_P(HotPath, RunsWithoutAllocationsAndPageFaults) {
  const Session session = Session::create(small_network(), {.threads = GetParam()}).value();
  std::vector<float> x(2 * 8 * 24 * 24, 0.5f), y(2 * 64);
  const std::int64_t x_dims[] = {2, 8, 24, 24}, y_dims[] = {2, 64, 1, 1};
  const TensorView in[] = {{std::span(x), x_dims}};
  const MutableTensorView out[] = {{std::span(y), y_dims}};
  const Session::ShapeView shapes[] = {x_dims};
  const PlanInfo plan = session.plan(shapes).value();
  ASSERT_EQ(plan.reference_steps, 0) << plan.to_text();
  ASSERT_EQ(plan.threads, GetParam());

  RunContext context = session.new_context();
  ASSERT_TRUE(context.bind_input(0, in[0]).ok());
  ASSERT_TRUE(context.bind_output(0, out[0]).ok());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(context.run().ok());
    ASSERT_TRUE(session.run(in, out).ok());
  }
  // The system may move pages behind our back (huge pages, balancing), so one block of five without a fault is enough; a
  // first touch in the run would fault in all.
  long fewest = 1 << 30;
  bool ok = true;
  allocations = 0;
  counting = true;
  for (int block = 0; block < 5; ++block) {
    const long before = page_faults();
    for (int i = 0; i < 100; ++i) {
      ok = ok && context.run().ok();
      ok = ok && session.run(in, out).ok();
    }
    fewest = std::min(fewest, page_faults() - before);
  }
  counting = false;
  EXPECT_TRUE(ok);
  if (CYCLOID_COUNTS_ALLOCATIONS) {
    EXPECT_EQ(allocations.load(), 0);
    EXPECT_EQ(fewest, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Threads, HotPath, testing::Values(1, 2));

// Recurrent networks, embeddings, control flow and trees: one thread runs their steps as they are.
TEST(HotPath, OtherOperatorsAllocateNothing) {
  if (!CYCLOID_COUNTS_ALLOCATIONS) GTEST_SKIP() << "a sanitizer has its own malloc";
  ModelIr ir = parse_model(R"(<ir_version: 10, opset_import: ["" : 21, "ai.onnx.ml" : 3]>
    g (float[4,3,5] x, int64[3] i, bool c) => (float[?,?] y, float[?,?] p, int64[?,?] t)
    <int64[3] s0 = {1,32,5}, int64[3] s1 = {1,32,8}, int64[2] s2 = {50,8}, int64 n = {3}, bool yes = {1}, int64[1] k = {2}> {
      w = ConstantOfShape <value = float[1] {0.01}> (s0)
      r = ConstantOfShape <value = float[1] {0.02}> (s1)
      e = ConstantOfShape <value = float[1] {0.5}> (s2)
      a, h = LSTM <hidden_size=8> (x, w, r)
      m = Squeeze (h)
      g1 = Gather (e, i)
      l = Loop (n, yes, m) <body = b (int64 j, bool cj, float[3,8] v) => (co, o) { co = Identity (cj) q = Add (v, g1) o = Tanh (q) }>
      y = If (c) <then_branch = tb () => (u) { u = Mul (l, l) }, else_branch = eb () => (f) { f = Neg (l) }>
      d, t = TopK (y, k)
      p = ai.onnx.ml.TreeEnsembleRegressor <n_targets=1, target_treeids=[0, 0], target_nodeids=[1, 2], target_ids=[0, 0], target_weights=[-0.5, 0.75],
          nodes_treeids=[0, 0, 0], nodes_nodeids=[0, 1, 2], nodes_featureids=[1, 0, 0], nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"], nodes_values=[0.5, 0.0, 0.0],
          nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0]> (y)
    })")
                   .value();
  const Status status = infer_types(ir);
  ASSERT_TRUE(status.ok()) << status.error().message();
  const Model model(std::make_shared<const ModelIr>(std::move(ir)));
  const Session session = Session::create(model, {.threads = 1}).value();
  ASSERT_EQ(session.plan()->reference_steps, 0) << session.plan()->to_text();
  const std::vector<float> x(4 * 3 * 5, 0.5f);
  const std::int64_t i[] = {1, 49, -50};
  const std::unique_ptr<bool[]> c(new bool[1]{true});
  std::vector<float> y(3 * 8), p(3);
  std::vector<std::int64_t> t(3 * 2);
  const std::int64_t x_dims[] = {4, 3, 5}, i_dims[] = {3}, y_dims[] = {3, 8}, p_dims[] = {3, 1}, t_dims[] = {3, 2};
  const TensorView in[] = {{std::span(x), x_dims},
                           {DType::kInt64, i_dims, i, sizeof(i)},
                           {DType::kBool, std::span<const std::int64_t>(), c.get(), 1}};
  const MutableTensorView out[] = {{std::span(y), y_dims}, {std::span(p), p_dims}, {std::span(t), t_dims}};
  for (int k = 0; k < 3; ++k) ASSERT_TRUE(session.run(in, out).ok());
  bool ok = true;
  allocations = 0;
  counting = true;
  for (int k = 0; k < 100; ++k) {
    c[0] = k % 2 == 0;
    ok = ok && session.run(in, out).ok();
  }
  counting = false;
  EXPECT_TRUE(ok);
  EXPECT_EQ(allocations.load(), 0);
}

TEST(HotPath, TheCounterCounts) {
  if (!CYCLOID_COUNTS_ALLOCATIONS) GTEST_SKIP() << "a sanitizer has its own malloc";
  allocations = 0;
  counting = true;
  const auto p = std::make_unique<std::vector<int>>(100);
  counting = false;
  EXPECT_GE(allocations.load(), 2);
  EXPECT_EQ(p->size(), 100U);
}

}  // namespace
}  // namespace cycloid
