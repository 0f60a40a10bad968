// Arguments and per-ISA bodies of products whose matrices both lie along the sum.
#pragma once

#include <stdint.h>

#include "kernels/activation.h"

namespace cycloid::kernels {

// c[i][j] = alpha * sum over k of a[i][k] b[j][k], + bias[j] + residual[i][j], activated. For few rows of a: each row of b is
// read as it is, where a tile would want it packed.
struct DotArgs {
  const float* a;
  int64_t a_stride;
  const float* b;
  int64_t b_stride;
  int64_t m, n, k;
  float alpha;
  const float* bias;      // null for none
  const float* residual;  // null for none
  int64_t residual_stride;
  float* c;
  int64_t c_stride;
  const Activation* activation;  // as in IgemmTile
  const float* slope;
  bool residual_last;
};

using DotFn = void (*)(const DotArgs&);

void dot_scalar(const DotArgs& t);
void dot_avx2(const DotArgs& t);
void dot_avx512(const DotArgs& t);

}  // namespace cycloid::kernels
