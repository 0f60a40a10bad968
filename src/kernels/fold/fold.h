// Columns that a window cut out of images, summed back to where they came from: Col2Im (PyTorch's fold).
//
// x is [planes][kernel elements][window positions], y is [planes][image], both row-major over 1 to kMaxFoldRank axes.
// Positions in the padding are left out. A unit of work is some rows of a plane's image, so that they stay in L1 while all
// kernel elements are added; every split gives the same bits.
#pragma once

#include <array>
#include <cstdint>

#include "base/cpu.h"
#include "kernels/fold/bodies.h"

namespace cycloid::kernels {

inline constexpr int kMaxFoldRank = 6;

struct FoldAxis {
  int64_t image = 1, kernel = 1, positions = 1;  // sizes; `positions` of the window
  int64_t stride = 1, dilation = 1, pad = 0;     // pad: before the image
};

struct FoldPlan {
  int rank = 2;  // at least 2: one axis has another one of size 1 before it
  std::array<FoldAxis, kMaxFoldRank> axes;
  int64_t element_bytes = 4;
  int64_t kernel = 1, positions = 1, image = 1;  // products over the axes
  int64_t rows_each = 1, parts = 1;              // of a plane: rows of its first axis in a unit, and units
  AddRowsFn add_rows = nullptr;

  int64_t units(int64_t planes) const { return planes * parts; }
  void run(const void* x, void* y, int64_t begin, int64_t end) const;
};

// Of `rank` axes, outermost first.
FoldPlan plan_fold(const FoldAxis* axes, int rank, FoldType type, Isa isa);

}  // namespace cycloid::kernels
