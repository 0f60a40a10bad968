// The per-ISA bodies of plane_pool.h.
#pragma once

#include <stdint.h>

namespace cycloid::kernels {

enum class PlanePoolType { kFloat32, kFloat64 };
enum class PlaneTerm { kMax, kSum, kSumOfSizes, kSumOfSquares };
inline constexpr int kPlaneTerms = 4;

// y[j] takes in the term of x[j * step], j < n. Of kMax NaN wins over numbers.
using TakeRowFn = void (*)(const void* x, int64_t step, void* y, int64_t n);

struct PlanePoolBodies {
  TakeRowFn take[2][kPlaneTerms];  // by PlanePoolType, PlaneTerm
};

extern const PlanePoolBodies plane_pool_bodies_scalar;
extern const PlanePoolBodies plane_pool_bodies_avx2;
extern const PlanePoolBodies plane_pool_bodies_avx512;

}  // namespace cycloid::kernels
