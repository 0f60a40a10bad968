// Bodies of bodies.h for the instruction set of the including translation unit.
#pragma once

#include "kernels/resample/bodies.h"
#include "kernels/simd.h"
#include "kernels/vectors16.h"

namespace cycloid::kernels {
namespace {

// kTaps 0: any number.
template <int kTaps>
void blend_taps(const BlendArgs& t) {
  const int64_t taps = kTaps > 0 ? kTaps : t.taps;
  for_each_vector(t.channels, [&]<bool kFull>(int64_t c, Mask mask) {
    Vec sum = set1(t.weights[0]) * load_part<kFull>(t.pixels[0] + c, mask);
    for (int64_t i = 1; i < taps; ++i) sum = fma(set1(t.weights[i]), load_part<kFull>(t.pixels[i] + c, mask), sum);
    store_part<kFull>(t.out + c, sum, mask);
  });
}

// Linear resizing has 4 taps, or 2 and 1 where a sample falls on a row or column.
[[maybe_unused]] void blend(const BlendArgs& t) {
  switch (t.taps) {
    case 1: return blend_taps<1>(t);
    case 2: return blend_taps<2>(t);
    case 4: return blend_taps<4>(t);
    default: return blend_taps<0>(t);
  }
}

[[maybe_unused]] void largest(const BlendArgs& t) {
  for_each_vector(t.channels, [&]<bool kFull>(int64_t c, Mask mask) {
    Vec found = set1(t.weights[0]) * load_part<kFull>(t.pixels[0] + c, mask);
    for (int64_t i = 1; i < t.taps; ++i)
      found = max(set1(t.weights[i]) * load_part<kFull>(t.pixels[i] + c, mask), found);
    store_part<kFull>(t.out + c, found, mask);
  });
}

// The n elements of x, each kFactor times, in `rows` rows of y. Vectors of which the last begins early enough to be whole.
template <class T, int kFactor>
CYCLOID_INLINE void repeat_row(const T* __restrict x, T* __restrict y, int64_t n, int64_t rows) {
  using Vector = typename Vector16Of<T>::type;
  constexpr int64_t kElements = 16 / static_cast<int64_t>(sizeof(T));
  const int64_t wide = n * kFactor;
  if (n < kElements) {
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        for (int c = 0; c < kFactor; ++c) y[i * wide + kFactor * j + c] = x[j];
      }
    }
    return;
  }
  for (int64_t start = 0; start < n; start += kElements) {
    const int64_t j = min_of(start, n - kElements);
    Vector v, out[kFactor];
    __builtin_memcpy(&v, x + j, sizeof(v));
    const Vector first = low(v, v), second = high(v, v);
    if constexpr (kFactor == 2) {
      out[0] = first;
      out[1] = second;
    } else {
      out[0] = low(first, first);
      out[1] = high(first, first);
      out[2] = low(second, second);
      out[3] = high(second, second);
    }
    for (int64_t i = 0; i < rows; ++i) {
      T* to = y + i * wide + kFactor * j;
      for (int c = 0; c < kFactor; ++c) __builtin_memcpy(to + c * kElements, &out[c], sizeof(Vector));
    }
  }
}

template <class T>
void repeat(const RepeatArgs& t) {
  const int64_t factor = t.column_factor, wide = t.columns * factor, rows = t.row_factor;
  const T* x = static_cast<const T*>(t.x);
  T* y = static_cast<T*>(t.y);
  for (int64_t r = 0; r < t.rows; ++r, x += t.columns, y += wide * rows) {
    if (factor == 2) {
      repeat_row<T, 2>(x, y, t.columns, rows);
    } else if (factor == 4) {
      repeat_row<T, 4>(x, y, t.columns, rows);
    } else {
      for (int64_t j = 0; j < t.columns; ++j) {
        for (int64_t c = 0; c < factor; ++c) y[j * factor + c] = x[j];
      }
      for (int64_t i = 1; i < rows; ++i) __builtin_memcpy(y + i * wide, y, static_cast<size_t>(wide) * sizeof(T));
    }
  }
}

}  // namespace
}  // namespace cycloid::kernels
