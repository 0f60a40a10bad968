// Bodies of bodies.h for the instruction set of the including translation unit.
#pragma once

#include "kernels/recurrent/bodies.h"
#include "kernels/simd_math.h"

namespace cycloid::kernels {
namespace {

// Rows of a tile: its sums take 24 of 32 registers or 12 of 16, and the rest holds the panel's vectors and h.
constexpr int kMaxRows = kVectorRegisters == 32 ? 8 : 4;
constexpr int kMaxVectors = 4;
constexpr int tile_rows(int vectors) {
  const int fit = (kVectorRegisters == 32 ? 24 : 12) / vectors;
  return fit < kMaxRows ? fit : kMaxRows;
}

// z[r] = h[r] times one panel, kVectors vectors wide. One row alone has too few sums to hide the latency of their
// additions, so it keeps two of each.
template <int kRows, int kVectors>
void product(const float* h, int64_t h_row, const float* panel, int64_t count, float* z) {
  constexpr int kWidth = kVectors * kLanes;
  constexpr int kParts = kRows == 1 ? 2 : 1;
  Vec sum[kParts][kRows][kVectors];
  for (int p = 0; p < kParts; ++p) {
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < kVectors; ++v) sum[p][r][v] = zero();
    }
  }
  int64_t k = 0;
  for (; k + kParts <= count; k += kParts) {
#pragma GCC unroll 2
    for (int p = 0; p < kParts; ++p) {
      Vec b[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) b[v] = load(panel + p * kWidth + v * kLanes);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        const Vec factor = set1(h[r * h_row + k + p]);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) sum[p][r][v] = fma(factor, b[v], sum[p][r][v]);
      }
    }
    panel += kParts * kWidth;
  }
  if (k < count) {
    for (int r = 0; r < kRows; ++r) {
      const Vec factor = set1(h[r * h_row + k]);
      for (int v = 0; v < kVectors; ++v) sum[0][r][v] = fma(factor, load(panel + v * kLanes), sum[0][r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      Vec total = sum[0][r][v];
      if (kParts == 2) total = total + sum[kParts - 1][r][v];
      store(z + r * kMaxVectors * kLanes + v * kLanes, total);
    }
  }
}

using ProductFn = void (*)(const float*, int64_t, const float*, int64_t, float*);
// Tables end where a tile would not fit.
template <int kRows, int kVectors>
constexpr ProductFn product_or_none() {
  if constexpr (kRows <= tile_rows(kVectors)) return product<kRows, kVectors>;
  return nullptr;
}
template <int kVectors>
constexpr ProductFn kByRows[] = {product_or_none<1, kVectors>(), product_or_none<2, kVectors>(),
                                 product_or_none<3, kVectors>(), product_or_none<4, kVectors>(),
                                 product_or_none<5, kVectors>(), product_or_none<6, kVectors>(),
                                 product_or_none<7, kVectors>(), product_or_none<8, kVectors>()};
constexpr const ProductFn* kProducts[] = {kByRows<1>, kByRows<2>, kByRows<3>, kByRows<4>};

// The rarer functions, out of line.
__attribute__((noinline)) Vec other_gate(const GateFunction& f, Vec x) {
  const Vec alpha = set1(f.alpha), beta = set1(f.beta), one = set1(1.0f);
  switch (f.kind) {
    case GateKind::kRelu: return max(zero(), x);
    case GateKind::kAffine: return fma(alpha, x, beta);
    case GateKind::kLeakyRelu: return select(less(x, zero()), alpha * x, x);
    case GateKind::kThresholdedRelu: return select(less(x, alpha), zero(), x);
    case GateKind::kScaledTanh: return alpha * tanh(beta * x);
    case GateKind::kHardSigmoid: return min(one, max(zero(), fma(alpha, x, beta)));
    case GateKind::kElu: return select(less(x, zero()), alpha * expm1_negative(x), x);
    case GateKind::kSoftsign: return x / (one + abs(x));
    case GateKind::kSoftplus: return max(zero(), x) + log(one + exp(zero() - abs(x)));
    default: return x;
  }
}

// 1 / x for x in [1, 2^126]; 1 ulp. A division of 16 floats takes as long as 16 multiply-adds.
CYCLOID_INLINE Vec reciprocal(Vec x) {
#if defined(__AVX512F__)
  const Vec near = {_mm512_rcp14_ps(x.v)};
  return fma(near, fma(zero() - x, near, set1(1.0f)), near);
#else
  return set1(1.0f) / x;
#endif
}

// e^x for x in [-87, 87], where 2^n is one factor; others are taken for the nearest of these. 2 ulp; as exp() otherwise.
CYCLOID_INLINE Vec gate_exp(Vec x) {
  constexpr float kP[] = {0.49999994f, 0.166665211f, 0.041668389f, 0.00836871564f, 0.00138146023f};
  x = min(set1(87.0f), max(set1(-87.0f), x));
  const Vec n = round_even(x * set1(1.44269504f));
  Vec r = fma(n, set1(-0.693359375f), x);
  r = fma(n, set1(2.12194440e-4f), r);
  return (fma(r * r, polynomial(r, kP), r) + set1(1.0f)) * exp2_whole(n);
}

// As sigmoid() and tanh(), but for sigmoids below 1e-37.
CYCLOID_INLINE Vec gate_sigmoid(Vec x) { return reciprocal(set1(1.0f) + gate_exp(zero() - x)); }
CYCLOID_INLINE Vec gate_tanh(Vec x) {
  constexpr float kP[] = {-0.333332837f, 0.133314908f, -0.0537434965f, 0.020650588f, -0.00571704516f};
  const Vec u = x * x, size = abs(x);
  const Vec small = fma(x * u, polynomial(u, kP), x);
  const Vec big = fma(set1(-2.0f), reciprocal(set1(1.0f) + gate_exp(size + size)), set1(1.0f));
  return select(less(size, set1(0.625f)), small, copy_sign(big, x));
}

CYCLOID_INLINE Vec gate(const GateFunction& f, Vec x) {
  if (f.kind == GateKind::kSigmoid) return gate_sigmoid(x);
  if (f.kind == GateKind::kTanh) return gate_tanh(x);
  return other_gate(f, x);
}

// One group of rows over all steps of one direction.
template <RecurrentCell kCell>
class Walk {
 public:
  explicit Walk(const RecurrentArgs& args)
      : a_(args),
        area_(args.rows * args.padded),
        h_(args.state),
        next_(args.state + area_),
        c_(args.state + 2 * area_),
        reset_(args.state + 3 * area_) {}

  void run() {
    begin();
    for (int64_t i = 0; i < a_.steps; ++i) {
      if (!any_active(i)) break;
      step_ = i;
      const float* weights = a_.weights;
      for (int64_t p = 0; p < a_.first.panels; ++p) weights = run_panel<false>(p, weights);
      for (int64_t p = 0; p < a_.second.panels; ++p) weights = run_panel<true>(p, weights);
      float* old = h_;
      h_ = next_;
      next_ = old;
    }
    end();
  }

 private:
  int64_t length(int64_t row) const { return a_.lengths == nullptr ? a_.steps : a_.lengths[row]; }
  bool active(int64_t row) const { return a_.lengths == nullptr || step_ < a_.lengths[row]; }
  // The time of a row at this step; 0 for rows that are over, whose results are not kept.
  int64_t time(int64_t row) const {
    if (!active(row)) return 0;
    return a_.reverse ? length(row) - 1 - step_ : step_;
  }
  bool any_active(int64_t step) const {
    if (a_.lengths == nullptr) return true;
    for (int64_t r = 0; r < a_.rows; ++r) {
      if (step < a_.lengths[r]) return true;
    }
    return false;
  }

  static void fill(float* to, int64_t to_row, const float* from, int64_t from_row, int64_t rows, int64_t count) {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t j = 0; j < count; ++j) to[r * to_row + j] = from == nullptr ? 0.0f : from[r * from_row + j];
    }
  }

  void begin() {
    for (int64_t i = 0; i < kRecurrentStates * area_; ++i) a_.state[i] = 0;
    fill(h_, a_.padded, a_.h0, a_.h0_row, a_.rows, a_.hidden);
    if (kCell == RecurrentCell::kLstm) fill(c_, a_.padded, a_.c0, a_.c0_row, a_.rows, a_.hidden);
    if (a_.y == nullptr) return;
    for (int64_t r = 0; r < a_.rows; ++r) {
      for (int64_t t = length(r); t < a_.steps; ++t)
        fill(a_.y + t * a_.y_step + r * a_.y_row, 0, nullptr, 0, 1, a_.hidden);
    }
  }

  void end() {
    if (a_.y_h != nullptr) fill(a_.y_h, a_.y_h_row, h_, a_.padded, a_.rows, a_.hidden);
    if (a_.y_c != nullptr) fill(a_.y_c, a_.y_c_row, c_, a_.padded, a_.rows, a_.hidden);
  }

  // All rows' sums of one panel, and the units that they complete. Returns the next panel's weights.
  template <bool kSecond>
  const float* run_panel(int64_t panel, const float* weights) {
    const RecurrentPanels& panels = kSecond ? a_.second : a_.first;
    const int64_t vectors = panels.gates * panels.blocks, width = vectors * kLanes;
    const int64_t column = (kSecond ? a_.first.panels * a_.first.gates * a_.first.blocks * kLanes : 0) + panel * width;
    const float* left = kSecond ? reset_ : h_;
    alignas(64) float z[kMaxRows * kMaxVectors * kLanes];
    // Tiles of about the same height.
    const int64_t most = tile_rows(static_cast<int>(vectors)), tiles = (a_.rows + most - 1) / most;
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const int64_t r = tile * a_.rows / tiles, rows = (tile + 1) * a_.rows / tiles - r;
      kProducts[vectors - 1][rows - 1](left + r * a_.padded, a_.padded, weights, a_.hidden, z);
      for (int64_t i = 0; i < rows; ++i) {
        const int64_t row = r + i, t = time(row);
        const float* x = a_.x + t * a_.x_step + row * a_.x_row + column;
        for (int64_t b = 0; b < panels.blocks; ++b) {
          const int64_t unit = (panel * panels.blocks + b) * kLanes;
          if (unit >= a_.hidden) break;
          const float* sums = z + i * kMaxVectors * kLanes + b * panels.gates * kLanes;
          finish<kSecond>(row, t, unit, sums, x + b * panels.gates * kLanes);
        }
      }
    }
    return weights + a_.hidden * width;
  }

  CYCLOID_INLINE Vec clipped(Vec x) const {
    if (a_.clip == 0) return x;
    return min(set1(a_.clip), max(set1(-a_.clip), x));
  }

  // kLanes units of a row, from their sums and their part of x.
  template <bool kSecond>
  CYCLOID_INLINE void finish(int64_t row, int64_t t, int64_t unit, const float* z, const float* x) {
    const int64_t at = row * a_.padded + unit;
    const Vec h = load(h_ + at);
    const auto sum = [&](int g) { return load(z + g * kLanes) + load(x + g * kLanes); };
    if constexpr (kCell == RecurrentCell::kRnn) {
      put(row, t, unit, h, gate(a_.functions[0], clipped(sum(0))));
    } else if constexpr (kCell == RecurrentCell::kLstm) {
      const Vec c = load(c_ + at);
      const float* p = a_.peepholes == nullptr ? nullptr : a_.peepholes + unit;
      const auto peep = [&](int g, int which, Vec state) {
        const Vec s = sum(g);
        return clipped(p == nullptr ? s : fma(load(p + which * a_.padded), state, s));
      };
      const Vec input = gate(a_.functions[0], peep(0, 0, c));
      const Vec forget = a_.input_forget ? set1(1.0f) - input : gate(a_.functions[0], peep(2, 2, c));
      const Vec cell = fma(forget, c, input * gate(a_.functions[1], clipped(sum(3))));
      const Vec output = gate(a_.functions[0], peep(1, 1, cell));
      if (active(row)) store(c_ + at, cell);
      put(row, t, unit, h, output * gate(a_.functions[2], cell));
    } else if constexpr (kCell == RecurrentCell::kGruLinear) {
      const Vec update = gate(a_.functions[0], clipped(sum(0))), reset = gate(a_.functions[0], clipped(sum(1)));
      const Vec recurrent = load(z + 2 * kLanes) + load(a_.recurrent_bias + unit);
      mix(row, t, unit, h, update, gate(a_.functions[1], clipped(fma(reset, recurrent, load(x + 2 * kLanes)))));
    } else if constexpr (!kSecond) {
      store(c_ + at, gate(a_.functions[0], clipped(sum(0))));
      store(reset_ + at, gate(a_.functions[0], clipped(sum(1))) * h);
    } else {
      mix(row, t, unit, h, load(c_ + at), gate(a_.functions[1], clipped(sum(0))));
    }
  }

  CYCLOID_INLINE void mix(int64_t row, int64_t t, int64_t unit, Vec h, Vec update, Vec fresh) {
    put(row, t, unit, h, fma(update, h, (set1(1.0f) - update) * fresh));
  }

  CYCLOID_INLINE void put(int64_t row, int64_t t, int64_t unit, Vec h, Vec made) {
    if (!active(row)) {
      store(next_ + row * a_.padded + unit, h);
      return;
    }
    store(next_ + row * a_.padded + unit, made);
    if (a_.y == nullptr) return;
    float* y = a_.y + t * a_.y_step + row * a_.y_row + unit;
    if (unit + kLanes <= a_.hidden) {
      store(y, made);
    } else {
      store(y, made, first(a_.hidden - unit));
    }
  }

  const RecurrentArgs& a_;
  const int64_t area_;
  float *h_, *next_;
  float* c_;      // GRU: the update gate
  float* reset_;  // GRU: r . h
  int64_t step_ = 0;
};

template <RecurrentCell kCell>
void walk(const RecurrentArgs& args) {
  Walk<kCell>(args).run();
}

constexpr RecurrentFn kByCell[] = {walk<RecurrentCell::kRnn>, walk<RecurrentCell::kGru>,
                                   walk<RecurrentCell::kGruLinear>, walk<RecurrentCell::kLstm>};

}  // namespace
}  // namespace cycloid::kernels
