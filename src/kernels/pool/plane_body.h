// Bodies of plane_bodies.h for the instruction set of the including translation unit.
#pragma once

#include "kernels/pool/plane_bodies.h"

namespace cycloid::kernels {
namespace {

template <class T, PlaneTerm term>
inline T with_term(T y, T x) {
  if constexpr (term == PlaneTerm::kMax) return x > y || x != x ? x : y;
  if constexpr (term == PlaneTerm::kSum) return y + x;
  if constexpr (term == PlaneTerm::kSumOfSizes) return y + (x < 0 ? -x : x);
  return y + x * x;
}

// Plain loops: the compiler makes vectors of those with a step that it knows.
template <class T, PlaneTerm term>
void take_row(const void* x, int64_t step, void* y, int64_t n) {
  const T* __restrict from = static_cast<const T*>(x);
  T* __restrict to = static_cast<T*>(y);
  if (step == 1) {
    for (int64_t j = 0; j < n; ++j) to[j] = with_term<T, term>(to[j], from[j]);
  } else if (step == 2) {
    for (int64_t j = 0; j < n; ++j) to[j] = with_term<T, term>(to[j], from[2 * j]);
  } else {
    for (int64_t j = 0; j < n; ++j) to[j] = with_term<T, term>(to[j], from[j * step]);
  }
}

#define CYCLOID_PLANE_POOL_ROWS(T)                                                                  \
  {take_row<T, PlaneTerm::kMax>, take_row<T, PlaneTerm::kSum>, take_row<T, PlaneTerm::kSumOfSizes>, \
   take_row<T, PlaneTerm::kSumOfSquares>}
#define CYCLOID_PLANE_POOL_BODIES                                     \
  {                                                                   \
    {                                                                 \
      CYCLOID_PLANE_POOL_ROWS(float), CYCLOID_PLANE_POOL_ROWS(double) \
    }                                                                 \
  }

}  // namespace
}  // namespace cycloid::kernels
