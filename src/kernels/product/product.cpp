#include "kernels/product/product.h"

#include <algorithm>

#include "kernels/isa_table.h"

namespace cycloid::kernels {
namespace {

// Of a unit: enough for the loads of a panel to be few beside the arithmetic, few enough for several threads to share.
constexpr int64_t kRows = 64;
// Of the sum: a panel of 24 columns is 24 KiB then, half of L1.
constexpr int64_t kSteps = 128;

const ProductBodies& bodies(Isa isa) { return CYCLOID_ISA_TABLE(isa, product_bodies); }

template <class T>
void pack_panels(const ProductPlan& plan, const T* b, T* packed, int64_t begin, int64_t end) {
  const ProductParams& p = plan.params;
  for (int64_t panel = begin; panel < end; ++panel) {
    const int64_t first = panel * plan.panel, columns = std::min(plan.panel, p.n - first);
    T* to = packed + first * p.k;
    if (p.b_transposed) {
      for (int64_t j = 0; j < plan.panel; ++j) {
        const T* from = b + (first + j) * p.k;
        for (int64_t k = 0; k < p.k; ++k) to[k * plan.panel + j] = j < columns ? from[k] : T{0};
      }
      continue;
    }
    for (int64_t k = 0; k < p.k; ++k, to += plan.panel) {
      std::copy_n(b + k * p.n + first, columns, to);
      std::fill(to + columns, to + plan.panel, T{0});
    }
  }
}

const std::byte* at(const void* base, int64_t element, int64_t bytes) {
  return static_cast<const std::byte*>(base) + element * bytes;
}

}  // namespace

ProductPlan plan_product(const ProductParams& params, Isa isa) {
  const ProductBodies& with = bodies(isa);
  ProductPlan plan{.params = params, .name = {}};
  const int64_t lanes = with.vector_bytes / plan.element_bytes();
  const int64_t vectors = std::min<int64_t>(kMostPanelVectors, (params.n + lanes - 1) / lanes);
  plan.panel = vectors * lanes;
  plan.panels = (params.n + plan.panel - 1) / plan.panel;
  plan.row_blocks = (params.m + kRows - 1) / kRows;
  plan.tile = with.tile[static_cast<int>(params.type)][vectors - 1];
  plan.name = "product." + std::to_string(with.rows) + "x" + std::to_string(plan.panel);
  return plan;
}

void ProductPlan::pack(const void* b, void* packed, int64_t begin, int64_t end) const {
  if (element_bytes() == 4)
    pack_panels(*this, static_cast<const uint32_t*>(b), static_cast<uint32_t*>(packed), begin, end);
  else
    pack_panels(*this, static_cast<const uint64_t*>(b), static_cast<uint64_t*>(packed), begin, end);
}

void ProductPlan::run_unit(const void* a, const void* panel_data, const void* c, void* y, int64_t row,
                           int64_t column) const {
  const ProductParams& p = params;
  const int64_t bytes = element_bytes(), a_row = p.a_transposed ? 1 : p.k, a_step = p.a_transposed ? p.m : 1;
  ProductTile tile_args{.a_row = a_row,
                        .a_step = a_step,
                        .y = const_cast<std::byte*>(at(y, row * p.n + column, bytes)),
                        .y_row = p.n,
                        .rows = std::min(kRows, p.m - row),
                        .columns = std::min(panel, p.n - column),
                        .c = c == nullptr ? nullptr : at(c, row * p.c_row + column * p.c_step, bytes),
                        .c_row = p.c_row,
                        .c_step = p.c_step,
                        .alpha = p.alpha};
  for (int64_t k = 0; k < p.k; k += kSteps) {
    tile_args.a = at(a, row * a_row + k * a_step, bytes);
    tile_args.panel = at(panel_data, k * panel, bytes);
    tile_args.k = std::min(kSteps, p.k - k);
    tile_args.adds = k > 0;
    tile_args.last = k + tile_args.k == p.k;
    tile(tile_args);
  }
}

void ProductPlan::run(const void* a, const void* packed, const void* c, void* y, int64_t begin, int64_t end) const {
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t row = unit / panels * kRows, column = unit % panels * panel;
    run_unit(a, at(packed, column * params.k, element_bytes()), c, y, row, column);
  }
}

void ProductPlan::run_panel(const void* a, const void* panel_data, const void* c, void* y, int64_t index) const {
  for (int64_t row = 0; row < params.m; row += kRows) run_unit(a, panel_data, c, y, row, index * panel);
}

}  // namespace cycloid::kernels
