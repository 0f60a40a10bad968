// Bodies of bodies.h for the instruction set of the including translation unit.
#pragma once

#include "kernels/join_lanes.h"
#include "kernels/rowwise/bodies.h"
#include "kernels/simd_math.h"

namespace cycloid::kernels {
namespace {

// The vectors of a row mapped and joined, with four running vectors to hide the latency of joining. The tail's unused
// lanes are left at the neutral element.
template <class Join, class Map>
CYCLOID_INLINE float reduce_row(const float* x, int64_t columns, Map map) {
  Vec s[4] = {Join::start(), Join::start(), Join::start(), Join::start()};
  int64_t j = 0;
  for (; j + 4 * kLanes <= columns; j += 4 * kLanes) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) s[i] = Join::join(s[i], map(load(x + j + i * kLanes), j + i * kLanes));
  }
  for (; j + kLanes <= columns; j += kLanes) s[0] = Join::join(s[0], map(load(x + j), j));
  if (j < columns) {
    const Mask m = first(columns - j);
    s[1] = select(m, Join::join(s[1], map(load(x + j, m), j)), s[1]);
  }
  return join_lanes<Join>(Join::join(Join::join(s[0], s[1]), Join::join(s[2], s[3])));
}

// y = f(x) over a row.
template <class F>
CYCLOID_INLINE void map_row(const float* x, float* y, int64_t columns, F f) {
  for_each_vector(columns, [&]<bool kFull>(int64_t j, Mask m) {
    store_part<kFull>(y + j, f.template operator()<kFull>(load_part<kFull>(x + j, m), j, m), m);
  });
}

// Rows as short as a detector's two classes leave most lanes idle: here a lane is a row. NaN and infinities go the way of
// softmax_rows().
constexpr int64_t kShortRow = 8;

void softmax_short_rows(const SoftmaxArgs& t, int64_t first_row, int64_t rows) {
  float values[kShortRow][kLanes] = {};
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < t.columns; ++j) values[j][r] = t.x[(first_row + r) * t.x_stride + j];
  }
  Vec x[kShortRow], top = load(values[0]), sum = zero();
  for (int64_t j = 1; j < t.columns; ++j) top = max(load(values[j]), top);
  for (int64_t j = 0; j < t.columns; ++j) {
    x[j] = load(values[j]) - top;
    const Vec e = exp(x[j]);
    if (!t.log) x[j] = e;
    sum = sum + e;
  }
  const Vec last = t.log ? log(sum) : set1(1.0f) / sum;
  for (int64_t j = 0; j < t.columns; ++j) store(values[j], t.log ? x[j] - last : x[j] * last);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < t.columns; ++j) t.y[(first_row + r) * t.y_stride + j] = values[j][r];
  }
}

// y = exp(x - top) over a row, and its sum: four running vectors, as in reduce_row(). Meanwhile the row `ahead` floats further
// is fetched: its maximum is sought first, and that is no work to hide a cache's latency behind.
CYCLOID_INLINE float exp_row(const float* x, float* y, int64_t columns, Vec top, int64_t x_ahead, int64_t y_ahead) {
  Vec s[4] = {zero(), zero(), zero(), zero()};
  const auto next = [&](int64_t j) {
    __builtin_prefetch(x + j + x_ahead);
    __builtin_prefetch(y + j + y_ahead, 1);
    const Vec e = exp(load(x + j) - top);
    store(y + j, e);
    return e;
  };
  int64_t j = 0;
  for (; j + 4 * kLanes <= columns; j += 4 * kLanes) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) s[i] = s[i] + next(j + i * kLanes);
  }
  for (; j + kLanes <= columns; j += kLanes) s[0] = s[0] + next(j);
  if (j < columns) {
    const Mask m = first(columns - j);
    const Vec e = exp(load(x + j, m) - top);
    store(y + j, e, m);
    s[1] = select(m, s[1] + e, s[1]);
  }
  return join_lanes<ReduceAdd>((s[0] + s[1]) + (s[2] + s[3]));
}

// The maximum where a NaN may be lost: it comes back from the sum.
struct LargestNumber {
  static CYCLOID_INLINE Vec start() { return set1(-__builtin_inff()); }
  static CYCLOID_INLINE Vec join(Vec a, Vec b) { return max(a, b); }
};

void softmax_rows(const SoftmaxArgs& t) {
  if (t.columns <= kShortRow && t.rows >= kLanes / 2) {
    for (int64_t r = 0; r < t.rows; r += kLanes) softmax_short_rows(t, r, min_of(kLanes, t.rows - r));
    return;
  }
  for (int64_t r = 0; r < t.rows; ++r) {
    const float* x = t.x + r * t.x_stride;
    float* y = t.y + r * t.y_stride;
    const Vec top = set1(reduce_row<LargestNumber>(x, t.columns, [](Vec v, int64_t) { return v; }));
    if (t.log) {
      const float sum = reduce_row<ReduceAdd>(x, t.columns, [&](Vec v, int64_t) { return exp(v - top); });
      const Vec shift = top + log(set1(sum));
      map_row(x, y, t.columns, [&]<bool>(Vec v, int64_t, Mask) { return v - shift; });
    } else {
      const float sum = exp_row(x, y, t.columns, top, t.x_stride, t.y_stride);
      const Vec scale = set1(1.0f / sum);
      map_row(y, y, t.columns, [&]<bool>(Vec v, int64_t, Mask) { return v * scale; });
    }
  }
}

// A lane is a column. NaN and infinities go the way of softmax_rows().
void softmax_columns(const SoftmaxArgs& t) {
  for_each_vector(t.columns, [&]<bool kFull>(int64_t j, Mask m) {
    const float* x = t.x + j;
    float* y = t.y + j;
    Vec top = load_part<kFull>(x, m), sum = zero();
    for (int64_t r = 1; r < t.rows; ++r) top = ReduceMax::join(top, load_part<kFull>(x + r * t.x_stride, m));
    for (int64_t r = 0; r < t.rows; ++r) {
      const Vec shifted = load_part<kFull>(x + r * t.x_stride, m) - top, e = exp(shifted);
      store_part<kFull>(y + r * t.y_stride, t.log ? shifted : e, m);
      sum = sum + e;
    }
    const Vec last = t.log ? log(sum) : set1(1.0f) / sum;
    for (int64_t r = 0; r < t.rows; ++r) {
      const Vec v = load_part<kFull>(y + r * t.y_stride, m);
      store_part<kFull>(y + r * t.y_stride, t.log ? v - last : v * last, m);
    }
  });
}

void normalize_rows(const NormalizeArgs& t) {
  const float count = 1.0f / static_cast<float>(t.columns);
  for (int64_t r = 0; r < t.rows; ++r) {
    const float* x = t.x + r * t.x_stride;
    float mean = 0;
    if (t.center) mean = reduce_row<ReduceAdd>(x, t.columns, [](Vec v, int64_t) { return v; }) * count;
    // Two passes: the squares of differences do not cancel as the difference of squares would.
    const Vec m = set1(mean);
    const float square = reduce_row<ReduceAdd>(x, t.columns, [&](Vec v, int64_t) { return (v - m) * (v - m); }) * count;
    const Vec scale = set1(1.0f / __builtin_sqrtf(square + t.epsilon));
    map_row(x, t.y + r * t.y_stride, t.columns, [&]<bool kFull>(Vec v, int64_t j, Mask mask) {
      v = (v - m) * scale;
      if (t.scale != nullptr) v = v * load_part<kFull>(t.scale + j, mask);
      if (t.shift != nullptr) v = v + load_part<kFull>(t.shift + j, mask);
      return v;
    });
  }
}

void lrn_rows(const LrnArgs& t) {
  // Squares with zeros around them: channel c at squares[before + c], so the window of c begins at squares[c].
  const int64_t before = (t.size - 1) / 2;
  float* squares = t.scratch;
  for (int64_t i = 0; i < before; ++i) squares[i] = 0;
  for (int64_t i = before + t.columns; i < t.columns + t.size; ++i) squares[i] = 0;
  const Vec factor = set1(t.alpha / static_cast<float>(t.size)), bias = set1(t.bias), beta = set1(-t.beta);
  const bool quarters = t.beta == 0.75f;
  for (int64_t r = 0; r < t.rows; ++r) {
    const float* x = t.x + r * t.x_stride;
    map_row(x, squares + before, t.columns, []<bool>(Vec v, int64_t, Mask) { return v * v; });
    map_row(x, t.y + r * t.y_stride, t.columns, [&]<bool kFull>(Vec v, int64_t j, Mask m) {
      Vec sum = zero();
      for (int64_t i = 0; i < t.size; ++i) sum = sum + load_part<kFull>(squares + j + i, m);
      const Vec base = fma(sum, factor, bias);
      if (quarters) return v / (sqrt(base) * sqrt(sqrt(base)));
      return v * exp(beta * log(base));
    });
  }
}

template <ReduceKind kKind>
struct Reduce;
#define CYCLOID_REDUCE(kind, name, join_, map_, finish_, reference)                           \
  template <>                                                                                 \
  struct Reduce<ReduceKind::kind> {                                                           \
    using Join = Reduce##join_;                                                               \
    static CYCLOID_INLINE Vec map(Vec x) { return map_; }                                     \
    static CYCLOID_INLINE float finish(float s, [[maybe_unused]] float n) { return finish_; } \
  };
#include "kernels/rowwise/manifest.inc"
#undef CYCLOID_REDUCE

template <ReduceKind kKind>
void reduce_rows(const ReduceArgs& t) {
  using Op = Reduce<kKind>;
  for (int64_t r = 0; r < t.rows; ++r) {
    const float s =
        reduce_row<typename Op::Join>(t.x + r * t.x_stride, t.columns, [](Vec v, int64_t) { return Op::map(v); });
    t.y[r] = Op::finish(s, static_cast<float>(t.columns));
  }
}

template <ReduceKind kKind, int kVectors, bool kFull>
CYCLOID_INLINE void reduce_panel(const ReduceArgs& t, int64_t j, Mask last) {
  using Op = Reduce<kKind>;
  Vec s[kVectors];
  for (int v = 0; v < kVectors; ++v) s[v] = Op::Join::start();
  for (int64_t r = 0; r < t.rows; ++r) {
    const float* x = t.x + r * t.x_stride + j;
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      s[v] = Op::Join::join(s[v],
                            Op::map(v + 1 < kVectors ? load(x + v * kLanes) : load_part<kFull>(x + v * kLanes, last)));
    }
  }
  for (int v = 0; v < kVectors; ++v) {
    float lanes[kLanes];
    store(lanes, s[v]);
    for (int i = 0; i < kLanes; ++i) lanes[i] = Op::finish(lanes[i], static_cast<float>(t.rows));
    if (v + 1 < kVectors) {
      store(t.y + j + v * kLanes, load(lanes));
    } else {
      store_part<kFull>(t.y + j + v * kLanes, load(lanes), last);
    }
  }
}

template <ReduceKind kKind>
void reduce_columns(const ReduceArgs& t) {
  int64_t j = 0;
  for (; j + 4 * kLanes <= t.columns; j += 4 * kLanes) reduce_panel<kKind, 4, true>(t, j, first(kLanes));
  for_each_vector(t.columns - j, [&]<bool kFull>(int64_t i, Mask m) { reduce_panel<kKind, 1, kFull>(t, j + i, m); });
}

constexpr ReduceFn kReduceRows[] = {
#define CYCLOID_REDUCE(kind, name, join, map, finish, reference) reduce_rows<ReduceKind::kind>,
#include "kernels/rowwise/manifest.inc"
#undef CYCLOID_REDUCE
};
constexpr ReduceFn kReduceColumns[] = {
#define CYCLOID_REDUCE(kind, name, join, map, finish, reference) reduce_columns<ReduceKind::kind>,
#include "kernels/rowwise/manifest.inc"
#undef CYCLOID_REDUCE
};

}  // namespace
}  // namespace cycloid::kernels
