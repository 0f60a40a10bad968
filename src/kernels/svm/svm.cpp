#include "kernels/svm/svm.h"

#include "kernels/isa_table.h"

namespace cycloid::kernels {

SvmPlan plan_svm(SvmPlan plan, Isa isa) {
  plan.bodies = &CYCLOID_ISA_TABLE(isa, svm_bodies);
  return plan;
}

void SvmPlan::pack(const float* source, double* packed) const {
  const int64_t panel = bodies->panel;
  for (int64_t v = 0; v < row_values(); ++v) {
    for (int64_t c = 0; c < columns; ++c) {
      packed[(v / panel * columns + c) * panel + v % panel] =
          v < vectors ? static_cast<double>(source[v * columns + c]) : 0;
    }
  }
}

void SvmPlan::values(const double* x, int64_t rows, const double* packed, double* y) const {
  bodies->values[static_cast<int>(function)]({.x = x,
                                              .rows = rows,
                                              .columns = columns,
                                              .packed = packed,
                                              .panels = panels(),
                                              .gamma = gamma,
                                              .coef0 = coef0,
                                              .degree = degree,
                                              .y = y});
}

}  // namespace cycloid::kernels
