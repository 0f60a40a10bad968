// Pooling of planes (row-major) of float32 and float64, of 1 to kMaxFoldRank axes: maxima, averages, and norms (LpPool). pool.h has
// those of float32 over two axes, which are faster.
//
// A unit of work is one output position of all axes but the last two, of a plane; every split gives the same bits.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/fold/fold.h"
#include "kernels/pool/bodies.h"
#include "kernels/pool/plane_bodies.h"

namespace cycloid::kernels {

enum class PlanePoolKind {
  kMax,                  // -inf where no tap is inside
  kAverage,              // of the taps inside the image; 0 where there is none
  kAverageCountPadding,  // divided by the taps inside the image and its padding
  kL1,
  kL2,
};

struct PlanePoolParams {
  PlanePoolKind kind = PlanePoolKind::kMax;
  PlanePoolType type = PlanePoolType::kFloat32;
  int rank = 2;
  std::array<FoldAxis, kMaxFoldRank> axes;         // outermost first, as in fold.h; its `pad` is that before the image
  std::array<int64_t, kMaxFoldRank> pad_end = {};  // that behind it, of kAverageCountPadding
};

struct PlanePoolPlan {
  PlanePoolParams params;
  TakeRowFn take = nullptr, join = nullptr;  // of elements of the image, and of what was taken
  std::vector<int64_t> counts;               // taps that count, by output position of the last axis
  std::vector<int64_t> taps;  // of all axes but the last: each one's place by axis, from the window's first position
  // Maxima and averages of float32: the two passes of pool.h, over tap rows of all axes.
  PoolRowFn join_rows = nullptr, join_taps = nullptr;
  int64_t image = 1, output = 1;  // elements of a plane
  int64_t units_each = 1;         // of a plane

  int64_t units(int64_t planes) const { return planes * units_each; }
  std::size_t scratch_bytes() const;
  void run(const void* x, void* y, void* scratch, int64_t begin, int64_t end) const;

 private:
  template <class T>
  void row(const T* plane, int64_t outer_position, T* scratch, T* y) const;
  void run_joined(const float* x, float* y, std::byte* scratch, int64_t begin, int64_t end) const;
  int64_t row_floats() const;  // of the scratch of run_joined()
  int64_t outer_taps() const;  // of all axes but the last two
};

PlanePoolPlan plan_plane_pool(const PlanePoolParams& params, Isa isa);

}  // namespace cycloid::kernels
