// Parameters and per-ISA tables of the kernels along an axis that are made of vectors: running sums and reductions.
#pragma once

#include <stdint.h>

namespace cycloid::kernels {

enum class LaneType { kFloat32, kFloat64, kInt32, kInt64, kInt8, kUInt8 };
inline constexpr int kLaneTypes = 6;

// Tensors of [outer][n][inner]: a lane is n elements, inner apart.
struct Lanes {
  LaneType type = LaneType::kFloat32;
  int64_t n = 1, inner = 1;
};

// Running sums, or products; those of float32 are taken in double. Exclusive: without the element itself. Integers wrap, and
// are the same with a sign and without one.
struct SumParams {
  Lanes lanes;
  bool exclusive = false, reverse = false;
  bool product = false;

  static constexpr int64_t kBlock =
      256;  // lanes side by side of a unit: their sums are 2 KB, their elements 1 KB a step
  int64_t blocks() const { return (lanes.inner + kBlock - 1) / kBlock; }
  int64_t units(int64_t outer) const { return outer * blocks(); }
};
using SumFn = void (*)(const SumParams&, const void* x, void* y, int64_t begin, int64_t end);

enum class LaneReduction { kSum, kProd, kMax, kMin, kSumSquare, kL1, kMean, kL2 };
inline constexpr int kLaneReductions = 8;
using LaneReduceFn = void (*)(const Lanes&, const void* x, void* y, int64_t begin, int64_t end);

struct LaneBodies {
  SumFn sum[kLaneTypes];                             // null: none for the type
  LaneReduceFn reduce[kLaneTypes][kLaneReductions];  // null: none for the type
};

extern const LaneBodies lane_bodies_scalar;
extern const LaneBodies lane_bodies_avx2;
extern const LaneBodies lane_bodies_avx512;

}  // namespace cycloid::kernels
