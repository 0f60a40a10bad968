// Arguments and per-ISA tables of the products of float64, of float32 that gemm/ does not take, and of integers.
#pragma once

#include <stdint.h>

namespace cycloid::kernels {

// Integers wrap, so those without a sign are those with one.
enum class ProductType { kFloat64, kInt32, kInt64, kFloat32 };
inline constexpr int kProductTypes = 4;

// y[i][j] = alpha * sum_k a[i][k] * panel[k][j] + c[i][j] for `rows` rows and the first `columns` columns of one panel. Distances
// are in elements; alpha and c are only of the last part of a sum (`last`).
struct ProductTile {
  const void* a = nullptr;
  int64_t a_row = 0, a_step = 1;  // from row to row, and along the sum
  const void* panel = nullptr;    // [k][panel_vectors vectors]
  int64_t k = 0;
  void* y = nullptr;
  int64_t y_row = 0;
  int64_t rows = 0, columns = 0;
  bool adds = false;  // y holds the part of the sum before this one
  bool last = true;
  const void* c = nullptr;
  int64_t c_row = 0, c_step = 0;
  double alpha = 1;  // of floats
};

using ProductFn = void (*)(const ProductTile&);
inline constexpr int kMostPanelVectors = 3;

struct ProductBodies {
  const ProductFn (*tile)[kMostPanelVectors];  // [ProductType][panel_vectors - 1]
  int64_t vector_bytes;
  int64_t rows;  // of a register tile
};

extern const ProductBodies product_bodies_scalar;
extern const ProductBodies product_bodies_avx2;
extern const ProductBodies product_bodies_avx512;

}  // namespace cycloid::kernels
