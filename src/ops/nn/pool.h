// Pooling: attributes and window sums that MaxPool, AveragePool and LpPool have in common.
#pragma once

#include "base/work_bounds.h"
#include "ops/dtype_set.h"
#include "ops/nn/window.h"
#include "ops/op.h"

namespace cycloid {

struct PoolAttributes {
  WindowAttributes window;
  bool count_include_pad = false;  // AveragePool
  bool column_major = false;       // MaxPool's storage_order: how Indices count within an image
  std::int64_t p = 2;              // LpPool, >= 1

  // kernel_shape must be there.
  static Result<PoolAttributes> parse(const Node& node);

  // X (N, C, spatial...) -> Y (N, C, spatial...).
  Result<Shape> output_shape(const Shape& x) const;
  Result<Window> resolve(const Dims& x) const;
};

// Status of an operator whose output 0 is input 0 pooled.
Status infer_pool(InferContext& context, DTypeSet dtypes);

// visit(output index, first input index of the image, offsets) for every output position of every image, where `offsets`
// are the flat positions within the image, in row-major order, of the window's elements that lie inside it. A window's
// elements inside the padded image, padding included, are counted in `padded`.
template <class Visit>
void for_each_window(const Dims& x, const Window& window, const Visit& visit) {
  const std::size_t rank = window.kernel.size();
  std::int64_t image = 1;
  for (std::size_t i = 2; i < x.size(); ++i) image *= x[i];
  std::int64_t positions = 1;
  for (const std::int64_t size : window.output) positions *= size;
  const std::int64_t images = x[0] * x[1];
  Dims at(rank, 0);
  std::vector<std::int64_t> offsets;
  std::vector<std::int64_t> next;
  for (std::int64_t position = 0; position < positions; ++position) {
    if (stopping()) return;
    offsets.assign(1, 0);
    std::int64_t padded = 1;
    for (std::size_t i = 0; i < rank; ++i) {
      next.clear();
      std::int64_t inside = 0;
      const std::int64_t start = at[i] * window.strides[i] - window.pads_begin[i];
      for (std::int64_t k = 0; k < window.kernel[i]; ++k) {
        const std::int64_t source = start + k * window.dilations[i];
        if (source >= x[2 + i] + window.pads_end[i]) break;
        ++inside;
      }
      for (const std::int64_t offset : offsets) {
        for (std::int64_t k = 0; k < inside; ++k) {
          const std::int64_t source = start + k * window.dilations[i];
          if (source >= 0 && source < x[2 + i]) next.push_back(offset * x[2 + i] + source);
        }
      }
      padded *= inside;
      std::swap(offsets, next);
    }
    for (std::int64_t n = 0; n < images; ++n) {
      visit(n * positions + position, n * image, static_cast<const std::vector<std::int64_t>&>(offsets), padded);
    }
    for (std::size_t i = rank; i-- > 0;) {
      if (++at[i] < window.output[i]) break;
      at[i] = 0;
    }
  }
}

}  // namespace cycloid
