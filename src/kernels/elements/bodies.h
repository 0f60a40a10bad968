// Arguments and per-ISA tables of the typed element-wise kernels.
#pragma once

#include <stdint.h>

namespace cycloid::kernels {

// Element types, as far as these kernels tell them apart. A bool is a byte that is 0 or not.
enum class ElementKind { kFloat32, kFloat64, kInt32, kInt64, kInt8, kUInt8, kBool, kInt16, kUInt16, kUInt32, kUInt64 };
inline constexpr int kElementKinds = 11;

enum class Elements2 {
#define CYCLOID_ELEMENTS2(kind, name, types, result, body) kind,
#define CYCLOID_ELEMENTS1(kind, name, types, result, body)
#include "kernels/elements/manifest.inc"
#undef CYCLOID_ELEMENTS2
#undef CYCLOID_ELEMENTS1
  kCount
};

enum class Elements1 {
#define CYCLOID_ELEMENTS2(kind, name, types, result, body)
#define CYCLOID_ELEMENTS1(kind, name, types, result, body) kind,
#include "kernels/elements/manifest.inc"
#undef CYCLOID_ELEMENTS2
#undef CYCLOID_ELEMENTS1
  kCount
};

// Rows of columns, strided in elements of each operand's own type: in[k] has element (r, j) at r * stride[k] + j * step[k],
// where a step is 1, or 0 to repeat one element along the row. y must not overlap an operand.
struct ElementArgs {
  const void* in[3] = {};
  int64_t stride[3] = {};
  int64_t step[3] = {};
  void* y = nullptr;
  int64_t y_stride = 0;
  int64_t rows = 0, columns = 0;
};

using ElementFn = void (*)(const ElementArgs&);

struct ElementBodies {
  const ElementFn (*two)[kElementKinds];   // [Elements2][type of the operands]; null: none
  const ElementFn (*one)[kElementKinds];   // [Elements1][type of the operand]
  const ElementFn (*cast)[kElementKinds];  // [from][to]
  const ElementFn* select;                 // in[0] (bool) ? in[1] : in[2], by log2 of the element's bytes
  const ElementFn* copy;                   // by log2 of the element's bytes
  ElementFn affine;                        // in[0] * in[1] + in[2] of float64
  const ElementFn* clip;                   // in[0] between the one element of in[1] and that of in[2], by type
};

extern const ElementBodies element_bodies_scalar;
extern const ElementBodies element_bodies_avx2;
extern const ElementBodies element_bodies_avx512;

}  // namespace cycloid::kernels
