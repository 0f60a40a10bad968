// Products of matrices of float64, int32 and int64: Y = alpha * A * B + C, with integers that wrap. Those of float32 are in gemm/;
// here they are for columns of windows (fold/unfold.h), which are made a panel at a time.
//
// B is packed in panels of up to three vectors' columns first: at plan time where it is constant, else by a step of its own.
// Parts of the sum are added to Y in order, so that any split of the units gives the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/cpu.h"
#include "kernels/product/bodies.h"

namespace cycloid::kernels {

struct ProductParams {
  ProductType type = ProductType::kFloat64;
  int64_t m = 1, n = 1, k = 1;  // none of them 0
  bool a_transposed = false, b_transposed = false;
  double alpha = 1;               // of floats; integers take 1
  int64_t c_row = 0, c_step = 0;  // of C, which may repeat a row, a column or one element
};

struct ProductPlan {
  ProductParams params;
  std::string name;   // "product.8x24"
  int64_t panel = 1;  // columns
  int64_t panels = 1;
  int64_t row_blocks = 1;
  ProductFn tile = nullptr;

  int64_t element_bytes() const {
    return params.type == ProductType::kInt32 || params.type == ProductType::kFloat32 ? 4 : 8;
  }
  std::size_t packed_bytes() const { return static_cast<std::size_t>(panels * panel * params.k * element_bytes()); }
  // Packs panels [begin, end) of B.
  void pack(const void* b, void* packed, int64_t begin, int64_t end) const;
  int64_t units() const { return row_blocks * panels; }
  // `c` may be null.
  void run(const void* a, const void* packed, const void* c, void* y, int64_t begin, int64_t end) const;
  // All rows of the columns of panel `index`, whose packed elements are `panel_data` alone.
  void run_panel(const void* a, const void* panel_data, const void* c, void* y, int64_t index) const;

 private:
  void run_unit(const void* a, const void* panel_data, const void* c, void* y, int64_t row, int64_t column) const;
};

ProductPlan plan_product(const ProductParams& params, Isa isa);

}  // namespace cycloid::kernels
