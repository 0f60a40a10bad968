// Bodies of bodies.h for the instruction set of the including translation unit, on the compiler's vectors of any element type.
#pragma once

#include "kernels/product/bodies.h"
#include "kernels/simd.h"

namespace cycloid::kernels {
namespace {

constexpr int kVectorBytes = kLanes * 4;
// Rows x 3 vectors of sums, 3 of the panel and one of A: 28 of 32 registers, 16 of 16. On two FMA units of 4 cycles 8 sums would
// keep them busy; more rows save loads of the panel.
constexpr int kTileRows = kVectorRegisters == 32 ? 8 : 4;

template <class T>
struct VectorOf;
template <>
struct VectorOf<double> {
  typedef double type __attribute__((vector_size(kVectorBytes)));
};
template <>
struct VectorOf<float> {
  typedef float type __attribute__((vector_size(kVectorBytes)));
};
template <>
struct VectorOf<uint32_t> {
  typedef uint32_t type __attribute__((vector_size(kVectorBytes)));
};
template <>
struct VectorOf<uint64_t> {
  typedef uint64_t type __attribute__((vector_size(kVectorBytes)));
};

template <class T>
CYCLOID_INLINE typename VectorOf<T>::type load_vector(const T* p) {
  typename VectorOf<T>::type v;
  __builtin_memcpy(&v, p, sizeof(v));
  return v;
}
template <class T>
CYCLOID_INLINE void store_vector(T* p, typename VectorOf<T>::type v) {
  __builtin_memcpy(p, &v, sizeof(v));
}

// One row of sums to or from memory: whole vectors, or the first `columns` elements.
template <class T, int kVectors>
CYCLOID_INLINE void load_row(const T* p, int64_t columns, typename VectorOf<T>::type (&row)[kVectors]) {
  constexpr int kCount = kVectorBytes / static_cast<int>(sizeof(T)) * kVectors;
  T part[kCount] = {};
  if (columns < kCount) {
    for (int64_t j = 0; j < columns; ++j) part[j] = p[j];
    p = part;
  }
  for (int v = 0; v < kVectors; ++v) row[v] = load_vector(p + v * (kCount / kVectors));
}
template <class T, int kVectors>
CYCLOID_INLINE void store_row(T* p, int64_t columns, const typename VectorOf<T>::type (&row)[kVectors]) {
  constexpr int kCount = kVectorBytes / static_cast<int>(sizeof(T)) * kVectors;
  if (columns >= kCount) {
    for (int v = 0; v < kVectors; ++v) store_vector(p + v * (kCount / kVectors), row[v]);
    return;
  }
  T part[kCount];
  for (int v = 0; v < kVectors; ++v) store_vector(part + v * (kCount / kVectors), row[v]);
  for (int64_t j = 0; j < columns; ++j) p[j] = part[j];
}

template <class T, int kVectors, int kRows>
CYCLOID_INLINE void rows_of_tile(const ProductTile& t, int64_t first) {
  using V = typename VectorOf<T>::type;
  constexpr int kPanel = kVectorBytes / static_cast<int>(sizeof(T)) * kVectors;
  const T* a = static_cast<const T*>(t.a) + first * t.a_row;
  const T* b = static_cast<const T*>(t.panel);
  const int64_t a_row = t.a_row, a_step = t.a_step, k = t.k;
  V sum[kRows][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) sum[i][v] = V{};
  }
  for (int64_t at = 0; at < k; ++at, a += a_step, b += kPanel) {
    V panel[kVectors];
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) panel[v] = load_vector(b + v * (kPanel / kVectors));
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const T x = a[i * a_row];
#pragma GCC unroll 3
      for (int v = 0; v < kVectors; ++v) sum[i][v] += panel[v] * x;
    }
  }
  T* y = static_cast<T*>(t.y) + first * t.y_row;
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i, y += t.y_row) {
    if (t.adds) {
      V before[kVectors];
      load_row<T, kVectors>(y, t.columns, before);
      for (int v = 0; v < kVectors; ++v) sum[i][v] += before[v];
    }
    if (t.last) {
      if constexpr (static_cast<T>(0.5) != 0) {
        for (int v = 0; v < kVectors; ++v) sum[i][v] *= static_cast<T>(t.alpha);
      }
      if (t.c != nullptr) {
        const T* c = static_cast<const T*>(t.c) + (first + i) * t.c_row;
        if (t.c_step != 0) {
          V row[kVectors];
          load_row<T, kVectors>(c, t.columns, row);
          for (int v = 0; v < kVectors; ++v) sum[i][v] += row[v];
        } else {
          for (int v = 0; v < kVectors; ++v) sum[i][v] += *c;
        }
      }
    }
    store_row<T, kVectors>(y, t.columns, sum[i]);
  }
}

template <class T, int kVectors>
void product_tile(const ProductTile& t) {
  int64_t i = 0;
  for (; i + kTileRows <= t.rows; i += kTileRows) rows_of_tile<T, kVectors, kTileRows>(t, i);
  if constexpr (kTileRows > 4) {
    if (i + 4 <= t.rows) {
      rows_of_tile<T, kVectors, 4>(t, i);
      i += 4;
    }
  }
  if (i + 2 <= t.rows) {
    rows_of_tile<T, kVectors, 2>(t, i);
    i += 2;
  }
  if (i < t.rows) rows_of_tile<T, kVectors, 1>(t, i);
}

constexpr ProductFn kProductTiles[kProductTypes][kMostPanelVectors] = {
    {product_tile<double, 1>, product_tile<double, 2>, product_tile<double, 3>},
    {product_tile<uint32_t, 1>, product_tile<uint32_t, 2>, product_tile<uint32_t, 3>},
    {product_tile<uint64_t, 1>, product_tile<uint64_t, 2>, product_tile<uint64_t, 3>},
    {product_tile<float, 1>, product_tile<float, 2>, product_tile<float, 3>}};

}  // namespace
}  // namespace cycloid::kernels
