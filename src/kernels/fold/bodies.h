// The per-ISA bodies of fold.h.
#pragma once

#include <stdint.h>

namespace cycloid::kernels {

// y[r][j * y_step] += x[r][j] for r < rows and j < columns; strides in elements from row to row. Integers wrap.
struct AddRowsArgs {
  const void* x;
  int64_t x_stride;
  void* y;  // must not overlap x
  int64_t y_stride, y_step;
  int64_t rows, columns;
};
using AddRowsFn = void (*)(const AddRowsArgs&);

enum class FoldType { kFloat32, kFloat64, kInt8, kInt16, kInt32, kInt64 };

struct FoldBodies {
  AddRowsFn add_rows[6];  // by FoldType
};

extern const FoldBodies fold_bodies_scalar;
extern const FoldBodies fold_bodies_avx2;
extern const FoldBodies fold_bodies_avx512;

}  // namespace cycloid::kernels
