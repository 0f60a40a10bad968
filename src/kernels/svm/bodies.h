// Arguments and per-ISA bodies of svm.h.
#pragma once

#include <stdint.h>

namespace cycloid::kernels {

enum class SvmFunction { kLinear, kPoly, kRbf, kSigmoid };
inline constexpr int kSvmFunctions = 4;

struct SvmArgs {
  const double* x = nullptr;  // [rows][columns]
  int64_t rows = 0, columns = 0;
  const double* packed = nullptr;  // [panels][columns][panel]
  int64_t panels = 0;
  double gamma = 0, coef0 = 0, degree = 0;
  double* y = nullptr;  // [rows][panels * panel]
};

using SvmFn = void (*)(const SvmArgs&);
using SvmSumFn = double (*)(const double* a, const double* b, int64_t count);

struct SvmBodies {
  int64_t panel;  // vectors side by side
  SvmFn values[kSvmFunctions];
  SvmSumFn sum;
};

extern const SvmBodies svm_bodies_scalar;
extern const SvmBodies svm_bodies_avx2;
extern const SvmBodies svm_bodies_avx512;

}  // namespace cycloid::kernels
