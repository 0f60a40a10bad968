// Columns that a window cuts out of images (im2col, PyTorch's unfold), a panel of window positions at a time: what fold.h sums back.
#pragma once

#include <cstdint>

#include "kernels/fold/fold.h"

namespace cycloid::kernels {

// Of images of `channels` planes each; axes outermost first, as in fold.h.
struct UnfoldParams {
  int rank = 2;
  std::array<FoldAxis, kMaxFoldRank> axes;
  int64_t channels = 1;

  int64_t kernel() const;     // elements of the window in a plane
  int64_t positions() const;  // of the window
  int64_t image() const;      // elements of a plane
};

// to[c * kernel + element][j], rows of `panel`: what kernel element `element` of the window at position first + j reads of
// plane c, for j < count <= panel; 0 in the padding, and for the rest of the panel. Elements of 4 or 8 bytes.
void unfold_panel(const UnfoldParams& params, int64_t element_bytes, const void* x, int64_t first, int64_t count,
                  int64_t panel, void* to);

}  // namespace cycloid::kernels
