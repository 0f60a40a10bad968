#include "kernels/recurrent/recurrent.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/aligned.h"
#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::Guarded;
using testing::pick;

double apply(const GateFunction& f, double x) {
  switch (f.kind) {
    case GateKind::kSigmoid: return 1 / (1 + std::exp(-x));
    case GateKind::kTanh: return std::tanh(x);
    case GateKind::kRelu: return std::fmax(0, x);
    case GateKind::kAffine: return f.alpha * x + f.beta;
    case GateKind::kLeakyRelu: return x < 0 ? f.alpha * x : x;
    case GateKind::kThresholdedRelu: return x < f.alpha ? 0 : x;
    case GateKind::kScaledTanh: return f.alpha * std::tanh(f.beta * x);
    case GateKind::kHardSigmoid: return std::fmin(1, std::fmax(0, f.alpha * x + f.beta));
    case GateKind::kElu: return x < 0 ? f.alpha * std::expm1(x) : x;
    case GateKind::kSoftsign: return x / (1 + std::fabs(x));
    case GateKind::kSoftplus: return std::log1p(std::exp(x));
  }
  return x;
}

// One direction of one random case: sizes, weights in ONNX's order, and the sums with W that the kernel is given.
struct Case {
  Case(RecurrentCell kind, Isa isa, std::mt19937& random, int threads)
      : cell(kind), steps(pick(random, 1, 5)), batch(pick(random, 1, 15)), hidden(pick(random, 1, 40)) {
    plan = plan_recurrent({.cell = cell, .hidden = hidden, .batch = batch, .directions = 1, .threads = threads}, isa);
    const int64_t rows = plan.gates() * hidden;
    const auto draw = [&](int64_t count, float limit) {
      std::vector<float> values(static_cast<size_t>(count));
      testing::fill_random(values, random, -limit, limit);
      return values;
    };
    r = draw(rows * hidden, 1 / std::sqrt(static_cast<float>(hidden)));
    sums = draw(steps * batch * rows, 2);
    recurrent_bias = draw(hidden, 1);
    peepholes = draw(3 * hidden, 1);
    h0 = draw(batch * hidden, 1);
    c0 = draw(batch * hidden, 1);
    for (int64_t i = 0; i < batch; ++i) lengths.push_back(static_cast<int32_t>(pick(random, 0, steps)));
    use_lengths = pick(random, 0, 1) != 0;
    use_peepholes = pick(random, 0, 1) != 0;
    reverse = pick(random, 0, 1) != 0;
    input_forget = pick(random, 0, 3) == 0;
    clip = pick(random, 0, 1) != 0 ? 0.8f : 0.0f;
    functions[0] = {GateKind::kSigmoid};
    functions[1] = functions[2] = {GateKind::kTanh};
    if (cell == RecurrentCell::kRnn) functions[0] = {static_cast<GateKind>(pick(random, 0, 10)), 0.4f, 0.3f};
    if (cell == RecurrentCell::kLstm) functions[1] = {static_cast<GateKind>(pick(random, 0, 10)), 0.4f, 0.3f};
  }

  int64_t length(int64_t row) const { return use_lengths ? lengths[static_cast<size_t>(row)] : steps; }

  RecurrentCell cell;
  int64_t steps, batch, hidden;
  RecurrentPlan plan;
  std::vector<float> r, sums, recurrent_bias, peepholes, h0, c0;
  std::vector<int32_t> lengths;
  bool use_lengths, use_peepholes, reverse, input_forget;
  float clip;
  GateFunction functions[3];
};

struct Expected {
  std::vector<double> y, h, c;
};

// The formulas of the ONNX standard.
Expected expected(const Case& t) {
  const int64_t n = t.hidden, gates = t.plan.gates();
  Expected e;
  e.y.assign(static_cast<size_t>(t.steps * t.batch * n), 0);
  for (int64_t row = 0; row < t.batch; ++row) {
    std::vector<double> h(t.h0.begin() + row * n, t.h0.begin() + (row + 1) * n);
    std::vector<double> c(t.c0.begin() + row * n, t.c0.begin() + (row + 1) * n);
    const int64_t length = t.length(row);
    for (int64_t i = 0; i < length; ++i) {
      const int64_t time = t.reverse ? length - 1 - i : i;
      const float* x = t.sums.data() + (time * t.batch + row) * gates * n;
      const auto recurrent = [&](int64_t gate, int64_t j, const std::vector<double>& from) {
        double sum = 0;
        for (int64_t k = 0; k < n; ++k)
          sum += from[static_cast<size_t>(k)] * t.r[static_cast<size_t>((gate * n + j) * n + k)];
        return sum;
      };
      const auto limited = [&](double v) { return t.clip > 0 ? std::clamp<double>(v, -t.clip, t.clip) : v; };
      const auto f = [&](int which, double v) { return apply(t.functions[which], v); };
      const auto peep = [&](int which, int64_t j) {
        return t.use_peepholes ? t.peepholes[static_cast<size_t>(which * n + j)] : 0.0;
      };
      std::vector<double> next(static_cast<size_t>(n)), reset(static_cast<size_t>(n)), update(static_cast<size_t>(n));
      for (int64_t j = 0; j < n; ++j) {
        const auto at = static_cast<size_t>(j);
        if (t.cell == RecurrentCell::kRnn) {
          next[at] = f(0, limited(x[j] + recurrent(0, j, h)));
        } else if (t.cell == RecurrentCell::kLstm) {
          const double in = f(0, limited(x[j] + recurrent(0, j, h) + peep(0, j) * c[at]));
          const double forget =
              t.input_forget ? 1 - in : f(0, limited(x[2 * n + j] + recurrent(2, j, h) + peep(2, j) * c[at]));
          c[at] = forget * c[at] + in * f(1, limited(x[3 * n + j] + recurrent(3, j, h)));
          next[at] = f(0, limited(x[n + j] + recurrent(1, j, h) + peep(1, j) * c[at])) * f(2, c[at]);
        } else {
          update[at] = f(0, limited(x[j] + recurrent(0, j, h)));
          reset[at] = f(0, limited(x[n + j] + recurrent(1, j, h)));
        }
      }
      if (t.cell == RecurrentCell::kGru || t.cell == RecurrentCell::kGruLinear) {
        std::vector<double> scaled(static_cast<size_t>(n));
        for (size_t j = 0; j < scaled.size(); ++j) scaled[j] = reset[j] * h[j];
        for (int64_t j = 0; j < n; ++j) {
          const auto at = static_cast<size_t>(j);
          const double part = t.cell == RecurrentCell::kGru ? recurrent(2, j, scaled)
                                                            : reset[at] * (recurrent(2, j, h) + t.recurrent_bias[at]);
          const double fresh = f(1, limited(x[2 * n + j] + part));
          next[at] = (1 - update[at]) * fresh + update[at] * h[at];
        }
      }
      h = next;
      std::copy(h.begin(), h.end(), e.y.begin() + (time * t.batch + row) * n);
    }
    e.h.insert(e.h.end(), h.begin(), h.end());
    e.c.insert(e.c.end(), c.begin(), c.end());
  }
  return e;
}

class Recurrent : public ::testing::TestWithParam<std::tuple<Isa, RecurrentCell>> {
 public:
  static std::string name(const ::testing::TestParamInfo<ParamType>& info) {
    constexpr const char* kNames[] = {"Rnn", "Gru", "GruLinear", "Lstm"};
    return std::string(to_string(std::get<0>(info.param))) + kNames[static_cast<int>(std::get<1>(info.param))];
  }

 protected:
  void SetUp() override {
    if (!isa_available(std::get<0>(GetParam()))) GTEST_SKIP() << "the instruction set is not available here";
  }
};
INSTANTIATE_TEST_SUITE_P(All, Recurrent,
                         ::testing::Combine(::testing::ValuesIn(kAllIsas),
                                            ::testing::Values(RecurrentCell::kRnn, RecurrentCell::kGru,
                                                              RecurrentCell::kGruLinear, RecurrentCell::kLstm)),
                         Recurrent::name);

std::vector<float> padded(const std::vector<float>& from, int64_t rows, int64_t hidden, int64_t width) {
  std::vector<float> to(static_cast<size_t>(rows * width));
  for (int64_t i = 0; i < rows; ++i) std::copy_n(from.begin() + i * hidden, hidden, to.begin() + i * width);
  return to;
}

TEST_P(Recurrent, AgreesWithTheFormulas) {
  const auto [isa, cell] = GetParam();
  std::mt19937 random(static_cast<unsigned>(cell) + 11);
  for (int round = 0; round < 60; ++round) {
    const Case t(cell, isa, random, round % 3 + 1);
    const RecurrentPlan& plan = t.plan;
    const int64_t n = t.hidden, gates = plan.gates();
    AlignedBuffer<float> packed(static_cast<size_t>(plan.packed_floats));
    plan.pack(t.r.data(), packed.data());
    // The sums in the plan's order of columns, with other rows between them.
    const int64_t x_row = plan.columns + pick(random, 0, 2);
    Guarded x(static_cast<size_t>((t.steps * t.batch - 1) * x_row + plan.columns));
    std::fill(x.begin(), x.end(), 0.0f);
    for (int64_t i = 0; i < t.steps * t.batch; ++i) {
      for (int64_t g = 0; g < gates; ++g) {
        for (int64_t j = 0; j < n; ++j)
          x[static_cast<size_t>(i * x_row + plan.column(g, j))] = t.sums[static_cast<size_t>((i * gates + g) * n + j)];
      }
    }
    const std::vector<float> bias = padded(t.recurrent_bias, 1, n, plan.padded),
                             peepholes = padded(t.peepholes, 3, n, plan.padded);
    const auto count = static_cast<size_t>(t.batch * n);
    Guarded y(count * static_cast<size_t>(t.steps), 1), y_h(count), y_c(count);
    AlignedBuffer<float> state(plan.scratch_bytes / sizeof(float));
    for (int64_t group = 0; group < plan.groups; ++group) {
      const RecurrentPlan::Rows rows = plan.rows(group);
      std::fill(state.begin(), state.end(), NAN);  // what an earlier run left
      plan.fn({.first = plan.first,
               .second = plan.second,
               .hidden = n,
               .padded = plan.padded,
               .steps = t.steps,
               .rows = rows.end - rows.begin,
               .x = x.data() + rows.begin * x_row,
               .x_step = t.batch * x_row,
               .x_row = x_row,
               .weights = packed.data(),
               .recurrent_bias = cell == RecurrentCell::kGruLinear ? bias.data() : nullptr,
               .peepholes = t.use_peepholes ? peepholes.data() : nullptr,
               .functions = {t.functions[0], t.functions[1], t.functions[2]},
               .clip = t.clip,
               .input_forget = t.input_forget,
               .reverse = t.reverse,
               .lengths = t.use_lengths ? t.lengths.data() + rows.begin : nullptr,
               .h0 = t.h0.data() + rows.begin * n,
               .c0 = t.c0.data() + rows.begin * n,
               .h0_row = n,
               .c0_row = n,
               .y = y.data() + rows.begin * n,
               .y_step = t.batch * n,
               .y_row = n,
               .y_h = y_h.data() + rows.begin * n,
               .y_c = cell == RecurrentCell::kLstm ? y_c.data() + rows.begin * n : nullptr,
               .y_h_row = n,
               .y_c_row = n,
               .state = state.data()});
    }
    ASSERT_TRUE(y.intact() && y_h.intact() && y_c.intact());
    const Expected want = expected(t);
    double largest = 1;
    for (const std::vector<double>* list : {&want.y, &want.h, &want.c}) {
      for (const double v : *list) largest = std::fmax(largest, std::fabs(v));
    }
    // A step rounds sums of hidden + 2 terms of at most 3 and a few functions (4 ulp each); the state carries its error
    // on, at most four times as large (R's rows have norms below 1, the functions slopes of at most 1, and c adds).
    const double each = 0x1p-24 * (3.0 * static_cast<double>(n + 2) + 24) * largest;
    double bound = each;
    for (int64_t i = 1; i < t.steps; ++i) bound = 4 * bound + each;
    const auto check = [&](const Guarded& got, const std::vector<double>& wanted, const char* what) {
      for (size_t i = 0; i < wanted.size(); ++i)
        ASSERT_NEAR(got[i], wanted[i], bound) << what << " " << i << " of hidden " << n << ", round " << round;
    };
    check(y, want.y, "y");
    check(y_h, want.h, "h");
    if (cell == RecurrentCell::kLstm) check(y_c, want.c, "c");
  }
}

}  // namespace
}  // namespace cycloid::kernels
