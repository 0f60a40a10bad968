// What comes after a node whose shapes depend on data runs by plans made for the shapes that are met, each made once, and the
// rest of the plan is not made again.
#include "plan/plans_built.h"
#include "runtime/native_cases.h"

namespace cycloid {
namespace {

using namespace native_cases;

// Made a plan for as many elements as there are ones in `flags`.
std::vector<Tensor> inputs_of(const Model& model, const std::vector<int>& flags, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<Tensor> inputs;
  for (const ValueInfo& info : model.inputs()) {
    inputs.push_back(random_tensor(info.dtype, info.shape, 4, random));
    if (info.name != "flags") continue;
    dispatch<bool, std::int64_t>(info.dtype, [&]<class T>(T) {
      for (std::size_t i = 0; i < flags.size(); ++i) inputs.back().mutable_data<T>()[i] = static_cast<T>(flags[i]);
    });
  }
  return inputs;
}

void compare_with_reference(const Session& session, const Session& reference, const std::vector<Tensor>& inputs,
                            double tolerance) {
  const std::vector<AnyValue> actual = run_session(session, inputs), expected = run_session(reference, inputs);
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    ASSERT_TRUE(std::ranges::equal(actual[i].tensor().shape, expected[i].tensor().shape)) << i;
    compare(actual[i].tensor(), expected[i].tensor(), tolerance, "output " + std::to_string(i));
  }
}

// The nodes before the shapes are known are one plan, those after it another for each shape.
constexpr Case kCases[] = {
    {"nonzero",
     R"(g (bool[6] flags, float[6,3] x) => (float[?,?] y, float[?] z) <int64[1] first = {0}> {
        n = NonZero (flags) t = Transpose <perm=[1,0]> (n) g = GatherND (x, t) y = Tanh (g) z = ReduceSum <keepdims=0> (y, first) })",
     8, 64 * kUlp, 0},
    {"compress",
     R"(g (bool[6] flags, float[6,3] x) => (float[?,?] y, float[?,?] z) {
        c = Compress <axis=0> (x, flags) s = Sigmoid (c) y = Mul (s, c) d = Neg (x) z = Concat <axis=0> (d, y) })",
     8, 16 * kUlp, 0},
    {"two_after_each_other",
     R"(g (int64[6] flags, float[6,3] x) => (float[?] y, int64[?,?] z) {
        n = NonZero (flags) t = Transpose <perm=[1,0]> (n) g = GatherND (x, t) r = Relu (g) m = NonZero (r) z = Neg (m) u = Transpose <perm=[1,0]> (m) h = GatherND (r, u) y = Abs (h) })",
     8, 0, 0},
    {"shapes_computed_from_late_shapes",
     R"(g (bool[6] flags, float[6,4] x) => (float[?,?,?] y) <int64[2] last = {2, 2}> {
        c = Compress <axis=0> (x, flags) s = Shape <start=0, end=1> (c) t = Concat <axis=0> (s, last) r = Reshape (c, t) y = Softmax (r) })",
     8, 16 * kUlp, 0},
    {"unique",
     R"(g (int64[6] flags, float[9,3] x) => (float[?,?] y, int64[?] n) {
        u, i, v, n = Unique <sorted=1> (flags) g = Gather (x, u) y = Exp (g) })",
     8, 16 * kUlp, 0},
    {"loop_of_unknown_length",
     R"(g (bool[6] flags, float[3] x) => (float[?,?] y, float[?] z) <bool c = {1}, int64[1] first = {0}> {
        f = Cast <to=7> (flags) n = ReduceSum <keepdims=0> (f) h, s = Loop (n, c, x) <body = b (int64 i, bool ci, float[3] p) => (co, pn, so) { co = Identity (ci) pn = Add (p, x) so = Neg (pn) }>
        y = Tanh (s) z = ReduceSum <keepdims=0> (y, first) })",
     8, 64 * kUlp, 0},
    {"control_flow_of_late_values",
     R"(g (bool[6] flags, float[6,3] x, bool d) => (float[?,?] y) {
        c = Compress <axis=0> (x, flags) a = Add (c, c) y = If (d) <then_branch = t () => (p) { p = Neg (a) }, else_branch = e () => (q) { r = Mul (a, c) q = Abs (r) }> })",
     8, 0, 0},
    {"a_result_of_known_shape_goes_on",
     R"(g (bool[6] flags, float[6,3] x, float[3] w) => (float[?] y) <int64[1] first = {0}> {
        c = Compress <axis=0> (x, flags) s = ReduceSum <keepdims=0> (c, first) a = Add (s, w) y = Tanh (a) })",
     8, 64 * kUlp, 0},
};

class LateShapes : public testing::TestWithParam<Case> {};

TEST_P(LateShapes, AgreesWithTheReferenceEvaluation) {
  const Model model = model_of(GetParam());
  const Session reference = Session::create(model, {.reference = true}).value();
  for (const int threads : {1, 2}) {
    const Session session = Session::create(model, {.threads = threads}).value();
    const PlanInfo plan = session.plan().value();
    EXPECT_LE(plan.reference_steps, GetParam().reference) << plan.to_text();
    EXPECT_TRUE(std::ranges::any_of(plan.steps, [](const StepInfo& s) { return s.kernel == "plans for shapes met"; }))
        << plan.to_text();
    unsigned seed = 0;
    for (int round = 0; round < 3;
         ++round) {  // first by reference evaluation, then by a plan, then by the one there is
      for (const std::vector<int>& flags :
           {std::vector<int>{1, 0, 1, 1, 0, 0}, {1, 1, 1, 1, 1, 1}, {0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 1, 0}})
        compare_with_reference(session, reference, inputs_of(model, flags, ++seed), GetParam().tolerance);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, LateShapes, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(LateShapesPlans, AreMadeOnceForShapesThatComeAgain) {
  const Model model = model_of(
      {.name = "",
       .text = "g (bool[6] flags, float[6,3] x) => (float[?,?] y, float[?,?] z) { c = Compress <axis=0> (x, flags) "
               "r = Relu (c) y = Mul (r, c) d = Neg (x) z = Concat <axis=0> (d, y) }"});
  const Session session = Session::create(model, {.threads = 1}).value();
  const auto built_by = [&](const std::vector<int>& flags) {
    const std::uint64_t before = plans_built();
    EXPECT_EQ(run_session(session, inputs_of(model, flags, 1)).size(), 2u);
    return plans_built() - before;
  };
  built_by({1, 1, 1, 1, 1, 0});  // the plan of the whole, and that for any shape
  EXPECT_EQ(built_by({1, 0, 1, 0, 0, 0}), 0u);
  EXPECT_EQ(built_by({0, 0, 0, 1, 1, 0}), 1u);  // two rows again
  EXPECT_EQ(built_by({1, 1, 0, 0, 0, 0}), 0u);
  EXPECT_EQ(built_by({1, 1, 1, 0, 0, 0}), 0u);
  EXPECT_EQ(built_by({1, 0, 1, 1, 0, 0}), 1u);
  EXPECT_EQ(built_by({1, 0, 1, 0, 0, 0}), 0u);
}

// The reference evaluation and kernels may round differently: no run is by the one where the next is by the other.
TEST(LateShapesPlans, GiveTheSameBitsInEveryRun) {
  for (const Case& one : kCases) {
    SCOPED_TRACE(one.name);
    const Model model = model_of(one);
    const Session session = Session::create(model, {.threads = 1}).value();
    const std::vector<Tensor> inputs = inputs_of(model, {1, 0, 1, 1, 0, 1}, 5);
    const std::vector<AnyValue> first = run_session(session, inputs);
    for (int i = 0; i < 2; ++i) {
      const std::vector<AnyValue> again = run_session(session, inputs);
      for (std::size_t o = 0; o < first.size(); ++o)
        compare(again[o].tensor(), first[o].tensor(), 0, "output " + std::to_string(o));
    }
  }
}

TEST(LateShapesPlans, HeavyPartsAreWorthOneAtOnce) {
  const Model model = model_of({.name = "",
                                .text = "g (bool[6] flags, float[6,3] x) => (float[?,?] y) { c = Compress "
                                        "<axis=0> (x, flags) y = MatMul (c, W[3,5]) }"});
  const Session session = Session::create(model, {.threads = 1}).value();
  run_session(session, inputs_of(model, {1, 1, 1, 1, 1, 0}, 1));
  const std::uint64_t before = plans_built();
  run_session(session, inputs_of(model, {1, 1, 0, 0, 0, 0}, 1));
  EXPECT_EQ(plans_built() - before, 1u);
  run_session(session, inputs_of(model, {0, 1, 0, 0, 1, 0}, 2));
  EXPECT_EQ(plans_built() - before, 1u);
}

// More shapes than plans are kept: the results stay right.
TEST(LateShapesPlans, ManyShapesTakeTurns) {
  const Model model = model_of({.name = "",
                                .text = "g (bool[40] flags, float[40,3] x) => (float[?,?] y) { c = Compress "
                                        "<axis=0> (x, flags) s = Add (c, c) y = MatMul (s, W[3,5]) }"});
  const Session reference = Session::create(model, {.reference = true}).value();
  const Session session = Session::create(model, {.threads = 1}).value();
  for (int round = 0; round < 2; ++round) {
    for (std::size_t count = 0; count <= 40; ++count) {
      std::vector<int> flags(40, 0);
      std::fill_n(flags.begin(), count, 1);
      compare_with_reference(session, reference, inputs_of(model, flags, static_cast<unsigned>(count)), 64 * kUlp);
    }
  }
}

// What makes such shapes has kernels: every element type, rank and form of them.
constexpr Case kMakers[] = {
    {"nonzeros",
     R"(g (bool[3,5,7] a, int64[40] b, float[6,9] c, double[4] d, uint8[2,3] e, float16[8] h, int32[1,1] i) => (int64[?,?] p, int64[?,?] q, int64[?,?] r, int64[?,?] s, int64[?,?] t, int64[?,?] u, int64[?,?] v) {
        m = Relu (c) p = NonZero (a) q = NonZero (b) r = NonZero (m) s = NonZero (d) t = NonZero (e) n = Relu (h) u = NonZero (n) v = NonZero (i) })",
     2},
    {"nonzero_of_a_scalar", "g (float x) => (int64[?,?] y) { y = NonZero (x) }", 2, 0, 1},
    {"compresses",
     R"(g (float[4,6,5] x, bool[6] f, bool[4] h, bool[120] e, bool[3] k, int64[9] i, bool[9] j, uint8[4,1] b, float16[6] l) => (float[?,?,?] p, float[?,?,?] q, float[?] r, float[?,?,?] s, int64[?] t, uint8[?,?] u, float16[?] v) {
        p = Compress <axis=1> (x, f) q = Compress <axis=0> (x, h) r = Compress (x, e) s = Compress <axis=-1> (x, k) t = Compress <axis=0> (i, j) u = Compress <axis=0> (b, h) v = Compress (l, f) })"},
    {"uniques",
     R"(g (int64[90] x, float[5,30] a, int32[70] b, bool[9] c, double[20] d) => (int64[?] p, int64[?] p1, int64[?] p2, int64[?] p3, float[?] q, int32[?] r, int64[?] r1, int64[?] r2, bool[?] s, double[?] t, int64[?] t3) {
        p, p1, p2, p3 = Unique (x) m = Ceil (a) q = Unique (m) r, r1, r2 = Unique <sorted=0> (b) s = Unique <axis=0> (c) k = Ceil (d) t, , , t3 = Unique <sorted=0> (k) })",
     25},
    {"unique_slices", "g (int64[9,2] x) => (int64[?,?] p) { p = Unique <axis=0> (x) }", 3, 0, 1},
    {"suppressions",
     R"(g (float[2,60,4] x, float[2,3,60] s, int64 n, float[1] o) => (int64[?,?] p, int64[?,?] q, int64[?,?] r, int64[?,?] t) <int64[1] m = {7}, float[1] i = {0.3}, float[1] l = {0.5}> {
        p = NonMaxSuppression (x, s, m, i, l) q = NonMaxSuppression <center_point_box=1> (x, s, m, i) r = NonMaxSuppression (x, s, n, i, o) t = NonMaxSuppression (x, s) })",
     40},
};

class ShapeMakers : public testing::TestWithParam<Case> {};
TEST_P(ShapeMakers, AgreeWithTheReferenceEvaluation) {
  const Model model = model_of(GetParam());
  const Session reference = Session::create(model, {.reference = true}).value();
  for (const int threads : {1, 2}) {
    const Session session = Session::create(model, {.threads = threads}).value();
    EXPECT_EQ(session.plan()->reference_steps, GetParam().reference) << session.plan()->to_text();
    for (unsigned seed = 0; seed < 6; ++seed) {
      std::mt19937 random(seed);
      std::vector<Tensor> inputs;
      for (const ValueInfo& info : model.inputs())
        inputs.push_back(random_tensor(info.dtype, info.shape, GetParam().below, random));
      compare_with_reference(session, reference, inputs, 0);
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Cases, ShapeMakers, testing::ValuesIn(kMakers),
                         [](const auto& info) { return std::string(info.param.name); });

// The late part is heavy enough for several threads: the same bits as of one, whoever does which piece.
TEST(LateShapesPlans, AreRunByAllThreads) {
  const Model model = model_of(
      {.name = "",
       .text =
           "g (bool[300] flags, float[300,64] x) => (float[?,?] y, float[?,?] z) { c = Compress <axis=0> (x, flags) "
           "h = MatMul (c, W[64,256]) r = Relu (h) y = MatMul (r, W[256,64]) s = Softmax (h) z = MatMul (s, "
           "W[256,48]) }"});
  const Session one = Session::create(model, {.threads = 1}).value();
  const Session reference = Session::create(model, {.reference = true}).value();
  for (const int threads : {2, 3}) {
    const Session many = Session::create(model, {.threads = threads}).value();
    EXPECT_EQ(many.plan()->threads, threads) << many.plan()->to_text();
    for (unsigned round = 0; round < 40; ++round) {
      std::vector<int> flags(300);
      std::mt19937 random(round / 4);  // shapes come again
      for (int& flag : flags) flag = static_cast<int>(random() % 8 != 0);
      const std::vector<Tensor> inputs = inputs_of(model, flags, round);
      compare_with_reference(many, one, inputs, 0);
      if (round % 10 == 0) compare_with_reference(many, reference, inputs, 256 * kUlp);
    }
  }
}

// Amounts that the run brings (pads, starts, repeats, shapes): inputs of these values, each of which makes other shapes.
struct AmountsCase {
  const char* name;
  const char* text;  // the inputs after the first are amounts
  std::vector<std::vector<std::vector<std::int64_t>>> amounts;
};
void PrintTo(const AmountsCase& c, std::ostream* out) { *out << c.name; }

const AmountsCase kAmounts[] = {
    {"pad",
     "g (float[5,7,3] x, int64[6] p) => (float[?,?,?] y, float[?,?,?] z, float[?,?,?] u, float[?,?,?] v) { y = Pad (x, "
     "p) z = Pad <mode=\"edge\"> (x, p) u = Pad <mode=\"reflect\"> (x, p) v = Pad <mode=\"wrap\"> (x, p) }",
     {{{1, 2, 0, 0, 3, 1}}, {{0, 0, 0, 0, 0, 0}}, {{-1, 2, 0, 1, -3, 2}}, {{2, -6, 1, 1, 0, 0}}}},
    {"pad_of_nothing_left",
     "g (float[5,7] x, int64[4] p) => (float[?,?] y) { y = Pad (x, p) }",
     {{{-5, 0, 0, 1}}, {{-2, 0, -3, 0}}, {{0, 0, 0, 1}}}},
    {"pad_of_some_axes_with_a_value",
     "g (int64[40,70] x, int64[2] p, int64 v, int64[1] a) => (int64[?,?] y, int64[?,?] z) <int64[4] q = {1, 0, 2, 3}> "
     "{ "
     "y = Pad (x, p, v, a) z = Pad (x, q, v) }",
     {{{3, 4}, {9}, {0}}, {{3, 4}, {-1}, {1}}, {{-3, 0}, {-1}, {-1}}}},
    {"slice",
     "g (float16[9,40,5] x, int64[2] s, int64[2] e, int64[2] a, int64[2] t) => (float16[?,?,?] y) { y = Slice (x, s, "
     "e, "
     "a, t) }",
     {{{1, 2}, {9, 40}, {0, 1}, {1, 3}},
      {{-2, 0}, {100, -1}, {1, 2}, {1, 1}},
      {{8, 39}, {-100, 5}, {0, -2}, {-2, -7}},
      {{3, 3}, {3, 9}, {0, 2}, {1, 1}}}},
    {"slice_of_rows",
     "g (uint8[300,64] x, int32[1] s, int32[1] e) => (uint8[?,?] y, uint8[?,?] z) <int32[1] t = {0}> { y = Slice (x, "
     "s, "
     "e) z = Slice (x, t, e) }",
     {{{1}, {299}}, {{0}, {300}}, {{-5}, {1000}}, {{7}, {7}}}},
    {"expand",
     "g (double[3,1,5] x, int64[4] s) => (double[?,?,?,?] y) { y = Expand (x, s) }",
     {{{2, 3, 4, 5}}, {{1, 1, 1, 1}}, {{1, 3, 0, 1}}, {{70, 1, 30, 1}}}},
    {"tile",
     "g (bool[3,2,5] x, int64[3] r) => (bool[?,?,?] y) { y = Tile (x, r) }",
     {{{2, 3, 4}}, {{1, 1, 1}}, {{1, 0, 1}}, {{70, 1, 30}}}},
    {"reshape",
     "g (int32[4,6,5] x, int64[2] s) => (int32[?,?] y, int32[?,?] z) { y = Reshape (x, s) n = Neg (x) z = Reshape (n, "
     "s) "
     "}",
     {{{2, 60}}, {{-1, 4}}, {{0, -1}}, {{120, 1}}}},
    {"reshape_of_nothing",
     "g (float[0,6] x, int64[3] s) => (float[?,?,?] y, float[?,?,?] z) { y = Reshape <allowzero=1> (x, s) z = Reshape "
     "<allowzero=1> (x, s) }",
     {{{0, 5, 2}}, {{3, 0, 7}}}},
    {"what_follows_is_planned_for_its_shapes",
     "g (float[1,4,400] x, int64[1] s, int64[1] e) => (float[?,?,?] y) <int64[1] a = {2}> { w = Slice (x, s, e, a) t = "
     "Tanh (w) u = Add (t, w) y = Neg (u) }",
     {{{0}, {100}}, {{1}, {101}}, {{2}, {102}}, {{9}, {19}}}},
};

class AmountsOfTheRun : public testing::TestWithParam<AmountsCase> {};

TEST_P(AmountsOfTheRun, AgreeWithTheReferenceEvaluation) {
  const Model model = model_of({.name = "", .text = GetParam().text});
  const Session reference = Session::create(model, {.reference = true}).value();
  for (const Isa isa : kAllIsas) {
    if (!isa_available(isa)) continue;
    for (const int threads : {1, 2}) {
      const Session session = Session::create(model, {.threads = threads, .isa = std::string(to_string(isa))}).value();
      EXPECT_EQ(session.plan()->reference_steps, 0) << session.plan()->to_text();
      for (unsigned round = 0; round < 3; ++round) {
        for (const std::vector<std::vector<std::int64_t>>& amounts : GetParam().amounts) {
          std::vector<Tensor> inputs = inputs_of(model, {}, round);
          for (std::size_t k = 0; k < amounts.size(); ++k) {
            for (std::size_t i = 0; i < amounts[k].size(); ++i) {
              dispatch<std::int64_t, std::int32_t>(inputs[k + 1].dtype(), [&]<class T>(T) {
                inputs[k + 1].mutable_data<T>()[i] = static_cast<T>(amounts[k][i]);
              });
            }
          }
          compare_with_reference(session, reference, inputs, 16 * kUlp);
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, AmountsOfTheRun, testing::ValuesIn(kAmounts),
                         [](const auto& info) { return std::string(info.param.name); });

// A window that moves in every run: the plans of what follows are those of its size.
TEST(AmountsOfTheRunPlans, AreNotMadeForAmounts) {
  const Model model = model_of(
      {.name = "",
       .text =
           "g (float[1,4,400] x, int64[1] s, int64[1] n) => (float[?,?,?] y) <int64[1] a = {2}> { e = Add (s, n) w = "
           "Slice (x, s, e, a) y = Tanh (w) }"});
  const Session session = Session::create(model, {.threads = 1}).value();
  const Session reference = Session::create(model, {.reference = true}).value();
  const auto inputs_at = [&](std::int64_t start) {
    std::vector<Tensor> inputs = inputs_of(model, {}, 1);
    inputs[1].mutable_data<std::int64_t>()[0] = start;
    inputs[2].mutable_data<std::int64_t>()[0] = 64;
    return inputs;
  };
  for (std::int64_t start = 0; start < 3; ++start) run_session(session, inputs_at(start));
  const std::uint64_t before = plans_built();
  for (std::int64_t start = 0; start < 300; ++start) run_session(session, inputs_at(start));
  EXPECT_EQ(plans_built(), before);
  compare_with_reference(session, reference, inputs_at(311), 16 * kUlp);
}

TEST(AmountsOfTheRunPlans, WrongAmountsAreErrors) {
  const Model model = model_of({.name = "",
                                .text = "g (float[4,6] x, int64[2] s, int64[4] p) => (float[?,?] y, float[?,?] z, "
                                        "float[?,?] u) { y = Reshape (x, s) z = Pad (x, p) u = Tile (x, s) }"});
  const Session session = Session::create(model, {.threads = 1}).value();
  const auto runs = [&](std::array<std::int64_t, 2> shape, std::array<std::int64_t, 4> pads) {
    std::vector<Tensor> inputs = inputs_of(model, {}, 1);
    std::ranges::copy(shape, inputs[1].mutable_data<std::int64_t>().begin());
    std::ranges::copy(pads, inputs[2].mutable_data<std::int64_t>().begin());
    std::vector<TensorView> views;
    for (const Tensor& tensor : inputs)
      views.emplace_back(tensor.dtype(), tensor.dims(), tensor.bytes(), tensor.byte_count());
    return session.run(views).ok();
  };
  EXPECT_TRUE(runs({8, 3}, {0, 0, 1, 1}));
  EXPECT_FALSE(runs({8, 4}, {0, 0, 1, 1}));    // other elements
  EXPECT_FALSE(runs({24, 1}, {-5, 0, 1, 1}));  // more than there is
  EXPECT_FALSE(runs({24, 1}, {0, 0, 1, std::int64_t{1} << 62}));
  EXPECT_FALSE(runs({-8, -3}, {0, 0, 1, 1}));
  EXPECT_TRUE(runs({8, 3}, {0, 0, 1, 1}));
}

TEST(OneHotOfAnyDepth, AgreesWithTheReferenceEvaluation) {
  const Model model = model_of(
      {.name = "", .text = R"(g (int64[3,7] x, int64[1] d, float[5] w, int32 e) => (float[?,?,?] y, int64[?,?] z)
      <float[2] v = {0.5, 2}, int64[2] u = {3, 4}> { y = OneHot <axis=1> (x, d, v) z = OneHot (w, e, u) })"});
  const Session reference = Session::create(model, {.reference = true}).value();
  for (const int threads : {1, 2}) {
    const Session session = Session::create(model, {.threads = threads}).value();
    EXPECT_EQ(session.plan()->reference_steps, 0);
    for (const std::int64_t depth : {0, 1, 4, 9}) {
      std::vector<Tensor> inputs = inputs_of(model, {}, 5);
      inputs[1].mutable_data<std::int64_t>()[0] = depth;
      inputs[3].mutable_data<std::int32_t>()[0] = static_cast<std::int32_t>(depth);
      compare_with_reference(session, reference, inputs, 0);
    }
    std::vector<Tensor> inputs = inputs_of(model, {}, 5);
    inputs[1].mutable_data<std::int64_t>()[0] = -1;
    std::vector<TensorView> views;
    for (const Tensor& tensor : inputs)
      views.emplace_back(tensor.dtype(), tensor.dims(), tensor.bytes(), tensor.byte_count());
    EXPECT_FALSE(session.run(views).ok());
  }
}

}  // namespace
}  // namespace cycloid
