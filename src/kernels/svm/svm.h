// The kernel functions of support vector machines (libsvm's), of rows of features and all support vectors, in float64:
//   linear x . v    poly (gamma x . v + coef0)^degree    RBF exp(-gamma |x - v|^2)    sigmoid tanh(gamma x . v + coef0)
//
// Distances are summed as differences: |x|^2 + |v|^2 - 2 x . v would lose the digits of features that are far from 0, and a
// product of matrices has little over it where the vectors fill panels. A row's values do not depend on how rows are split.
#pragma once

#include <cstddef>

#include "base/cpu.h"
#include "kernels/svm/bodies.h"

namespace cycloid::kernels {

struct SvmPlan {
  SvmFunction function = SvmFunction::kLinear;
  int64_t columns = 0, vectors = 0;
  double gamma = 0, coef0 = 0, degree = 0;
  const SvmBodies* bodies = nullptr;  // set by plan_svm()

  int64_t panels() const { return (vectors + bodies->panel - 1) / bodies->panel; }
  int64_t row_values() const { return panels() * bodies->panel; }  // `vectors` of them count
  std::size_t packed_bytes() const { return static_cast<std::size_t>(row_values() * columns) * sizeof(double); }
  void pack(const float* source, double* packed) const;  // [vectors][columns]
  // y[r][v] of `rows` rows; a row of y has row_values().
  void values(const double* x, int64_t rows, const double* packed, double* y) const;
  // The sum of a[i] * b[i].
  double sum(const double* a, const double* b, int64_t count) const { return bodies->sum(a, b, count); }
};

SvmPlan plan_svm(SvmPlan plan, Isa isa);

}  // namespace cycloid::kernels
