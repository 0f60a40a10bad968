#include "kernels/igemm/igemm_shape.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace cycloid::kernels {
namespace {

// The last panel of a product may be narrower than the others, and takes the same rows.
TEST(IgemmKernels, NarrowerPanelsTakeTheRowsOfWiderOnes) {
  for (const Isa isa : kAllIsas) {
    const IgemmKernels& kernels = igemm_kernels(isa);
    for (int v = 0; v < kIgemmMaxVectors; ++v) {
      EXPECT_EQ(kernels.panels[v].vectors, v + 1);
      EXPECT_LE(kernels.panels[v].best_rows, kernels.panels[v].max_rows);
      for (int narrow = 0; narrow < v; ++narrow) {
        EXPECT_GE(kernels.panels[narrow].max_rows, kernels.panels[v].best_rows) << to_string(isa) << " " << v;
      }
    }
  }
}

TEST(IgemmShape, CoversTheProduct) {
  for (const Isa isa : kAllIsas) {
    const IgemmKernels& kernels = igemm_kernels(isa);
    for (int64_t rows = 1; rows < 100; rows += 3) {
      for (int64_t columns = 1; columns < 300; columns += 7) {
        const IgemmShape s = choose_igemm_shape(kernels, rows, columns, 0, 1 + rows % 4);
        int64_t width = 0, most = 0;
        for (int64_t p = 0; p < s.panels; ++p) width += panel_width(kernels, s.vectors, columns, p);
        for (int64_t t = 0; t < s.tiles; ++t) most = std::max(most, s.tile_begin(t + 1) - s.tile_begin(t));
        ASSERT_EQ(width, round_up(columns, kernels.lanes));
        ASSERT_EQ(s.tile_begin(0), 0);
        ASSERT_EQ(s.tile_begin(s.tiles), rows);
        ASSERT_EQ(most, s.tile_rows);
        ASSERT_LE(most, kernels.panels[s.vectors - 1].max_rows);
      }
    }
  }
}

}  // namespace
}  // namespace cycloid::kernels
