// Bodies of bodies.h for the instruction set of the including translation unit: plain loops, which the compiler makes
// vectors of.
#pragma once

#include "kernels/lanes/bodies.h"
#include "kernels/simd.h"

namespace cycloid::kernels {
namespace {

// What T is summed in: integers wrap as unsigned ones.
template <class T>
struct SumOf;
template <>
struct SumOf<float> {
  using type = double;
};
template <>
struct SumOf<double> {
  using type = double;
};
template <>
struct SumOf<int32_t> {
  using type = uint32_t;
};
template <>
struct SumOf<int64_t> {
  using type = uint64_t;
};
template <class T>
constexpr bool kIsFloat = static_cast<T>(0.5) != 0;

// Lanes [0, count) that lie `apart`, along n steps. The result may take the place of x.
template <class T, bool kProduct, bool kExclusive>
CYCLOID_INLINE void sum_lanes(const T* x, T* y, int64_t n, int64_t step, int64_t count, int64_t apart) {
  using Sum = typename SumOf<T>::type;
  Sum sums[SumParams::kBlock];
  for (int64_t j = 0; j < count; ++j) sums[j] = static_cast<Sum>(kProduct ? 1 : 0);
  for (int64_t i = 0; i < n; ++i, x += step, y += step) {
#pragma GCC ivdep
    for (int64_t j = 0; j < count; ++j) {
      const auto value = static_cast<Sum>(x[j * apart]);
      const Sum next = kProduct ? sums[j] * value : sums[j] + value;
      y[j * apart] = static_cast<T>(kExclusive ? sums[j] : next);
      sums[j] = next;
    }
  }
}

template <class T, bool kProduct, bool kExclusive>
void sum_along(const SumParams& p, const T* x, T* y, int64_t begin, int64_t end) {
  constexpr int64_t kBlock = SumParams::kBlock, kRows = 8;
  const int64_t n = p.lanes.n, inner = p.lanes.inner, blocks = p.blocks();
  const int64_t first = p.reverse ? (n - 1) * inner : 0, step = p.reverse ? -inner : inner;
  for (int64_t unit = begin; unit < end;) {
    const int64_t outer = unit / blocks, block = unit % blocks;
    const int64_t at = outer * n * inner + first + block * kBlock;
    if (inner == 1 && unit + kRows <= end) {
      // Rows side by side, as an addition waits for the one before it.
      sum_lanes<T, kProduct, kExclusive>(x + at, y + at, n, step, kRows, n);
      unit += kRows;
      continue;
    }
    const int64_t rest = inner - block * kBlock;
    sum_lanes<T, kProduct, kExclusive>(x + at, y + at, n, step, rest < kBlock ? rest : kBlock, 1);
    ++unit;
  }
}

template <class T>
void sum(const SumParams& p, const void* x, void* y, int64_t begin, int64_t end) {
  const auto run = [&](auto fn) { fn(p, static_cast<const T*>(x), static_cast<T*>(y), begin, end); };
  if (p.product)
    p.exclusive ? run(sum_along<T, true, true>) : run(sum_along<T, true, false>);
  else
    p.exclusive ? run(sum_along<T, false, true>) : run(sum_along<T, false, false>);
}

template <class T, LaneReduction kReduction>
CYCLOID_INLINE T combine(T a, T b) {
  // Without branches, so that vectors are made of it.
  if constexpr (kReduction == LaneReduction::kMax) {
    if constexpr (kIsFloat<T>) return static_cast<int>(a > b) | static_cast<int>(a != a) ? a : b;
    return a > b ? a : b;
  }
  if constexpr (kReduction == LaneReduction::kMin) {
    if constexpr (kIsFloat<T>) return static_cast<int>(a < b) | static_cast<int>(a != a) ? a : b;
    return a < b ? a : b;
  }
  if constexpr (kIsFloat<T>) return kReduction == LaneReduction::kProd ? a * b : a + b;
  // Wide enough that products do not meet signed arithmetic.
  const auto u = static_cast<uint64_t>(a), v = static_cast<uint64_t>(b);
  return static_cast<T>(kReduction == LaneReduction::kProd ? u * v : u + v);
}

// What an element counts.
template <class T, LaneReduction kReduction>
CYCLOID_INLINE T term(T x) {
  if constexpr (kReduction == LaneReduction::kSumSquare || kReduction == LaneReduction::kL2)
    return combine<T, LaneReduction::kProd>(x, x);
  if constexpr (kReduction == LaneReduction::kL1) {
    if constexpr (kIsFloat<T>) return static_cast<T>(__builtin_fabs(x));
    return x < 0 ? static_cast<T>(0 - static_cast<uint64_t>(x)) : x;
  }
  return x;
}

// The result of all n terms.
template <class T, LaneReduction kReduction>
CYCLOID_INLINE T finished(T all, int64_t n) {
  if constexpr (kReduction == LaneReduction::kMean) return all / static_cast<T>(n);
  if constexpr (kReduction == LaneReduction::kL2) return static_cast<T>(__builtin_sqrt(static_cast<double>(all)));
  return all;
}

// Of a row: some side by side, so that none waits for the one before it.
template <class T, LaneReduction kReduction>
CYCLOID_INLINE T reduce_row(const T* x, int64_t n) {
  // Four of the longest vectors; one of bytes, whose greatest takes a cycle.
  constexpr int64_t kParts = sizeof(T) == 1 ? 64 : 4 * 64 / sizeof(T);
  T all = term<T, kReduction>(x[0]);
  int64_t k = 1;
  if (n >= 2 * kParts) {
    T parts[kParts];
    for (int64_t i = 0; i < kParts; ++i) parts[i] = term<T, kReduction>(x[i]);
    for (k = kParts; k + kParts <= n; k += kParts) {
      for (int64_t i = 0; i < kParts; ++i) parts[i] = combine<T, kReduction>(parts[i], term<T, kReduction>(x[k + i]));
    }
    for (int64_t half = kParts / 2; half > 0; half /= 2) {
      for (int64_t i = 0; i < half; ++i) parts[i] = combine<T, kReduction>(parts[i], parts[i + half]);
    }
    all = parts[0];
  }
  for (; k < n; ++k) all = combine<T, kReduction>(all, term<T, kReduction>(x[k]));
  return all;
}

template <class T, LaneReduction kReduction>
void reduce(const Lanes& l, const void* x, void* y, int64_t begin, int64_t end) {
  const int64_t n = l.n, inner = l.inner;
  for (int64_t outer = begin; outer < end; ++outer) {
    const T* __restrict from = static_cast<const T*>(x) + outer * n * inner;
    T* __restrict to = static_cast<T*>(y) + outer * inner;
    if (inner == 1) {
      *to = finished<T, kReduction>(reduce_row<T, kReduction>(from, n), n);
      continue;
    }
    for (int64_t j = 0; j < inner; ++j) to[j] = term<T, kReduction>(from[j]);
    for (int64_t k = 1; k < n; ++k) {
      for (int64_t j = 0; j < inner; ++j)
        to[j] = combine<T, kReduction>(to[j], term<T, kReduction>(from[k * inner + j]));
    }
    for (int64_t j = 0; j < inner; ++j) to[j] = finished<T, kReduction>(to[j], n);
  }
}

// clang-format off
#define CYCLOID_REDUCTIONS(T) \
  reduce<T, LaneReduction::kSum>, reduce<T, LaneReduction::kProd>, reduce<T, LaneReduction::kMax>, \
  reduce<T, LaneReduction::kMin>, reduce<T, LaneReduction::kSumSquare>, reduce<T, LaneReduction::kL1>
#define CYCLOID_EXTREMES(T) \
  nullptr, nullptr, reduce<T, LaneReduction::kMax>, reduce<T, LaneReduction::kMin>, nullptr, nullptr

constexpr LaneBodies kLaneBodies = {
    {sum<float>, sum<double>, sum<int32_t>, sum<int64_t>, nullptr, nullptr},
    {{},  // float32: in rowwise/
     {CYCLOID_REDUCTIONS(double), reduce<double, LaneReduction::kMean>, reduce<double, LaneReduction::kL2>},
     {CYCLOID_REDUCTIONS(int32_t), nullptr, nullptr},
     {CYCLOID_REDUCTIONS(int64_t), nullptr, nullptr},
     {CYCLOID_EXTREMES(int8_t), nullptr, nullptr},
     {CYCLOID_EXTREMES(uint8_t), nullptr, nullptr}}};

#undef CYCLOID_EXTREMES
#undef CYCLOID_REDUCTIONS
// clang-format on

}  // namespace
}  // namespace cycloid::kernels
