// The body of convolve(): the product of the weights with the patches of the input ("im2col"), a panel at a time.
#pragma once

#include <array>

#include "base/work_bounds.h"
#include "ops/linalg/product.h"
#include "ops/nn/conv.h"

namespace cycloid {

// Three spatial axes, the leading ones of size 1 where there are fewer.
struct Window3 {
  std::array<std::int64_t, 3> input, output, kernel, stride, dilation, pad;

  Window3(const Dims& x_dims, const Window& window) {
    const std::size_t rank = window.kernel.size();
    for (std::size_t i = 0; i < 3; ++i) {
      const bool real = i + rank >= 3;
      const std::size_t at = real ? i + rank - 3 : 0;
      input[i] = real ? x_dims[2 + at] : 1;
      output[i] = real ? window.output[at] : 1;
      kernel[i] = real ? window.kernel[at] : 1;
      stride[i] = real ? window.strides[at] : 1;
      dilation[i] = real ? window.dilations[at] : 1;
      pad[i] = real ? window.pads_begin[at] : 0;
    }
  }
};

template <class Sum, class X, class W, class Store>
void convolve(const Dims& x_dims, const Dims& w_dims, std::int64_t group, const Window& window, const X& x, const W& w,
              const Store& store) {
  const Window3 s(x_dims, window);
  const std::int64_t kernel_count = s.kernel[0] * s.kernel[1] * s.kernel[2];
  const std::int64_t input_count = s.input[0] * s.input[1] * s.input[2];
  const std::int64_t positions = s.output[0] * s.output[1] * s.output[2];
  const std::int64_t depth = w_dims[1] * kernel_count;
  const std::int64_t filters = w_dims[0] / group;
  struct Start {
    std::int64_t z, y, x;
  };
  for (std::int64_t n = 0; n < x_dims[0]; ++n) {
    for (std::int64_t g = 0; g < group; ++g) {
      if (stopping()) return;
      const std::int64_t image = (n * x_dims[1] + g * w_dims[1]) * input_count;
      const auto read_row = [&](std::int64_t i, std::int64_t l0, std::int64_t count, Sum* to) {
        const std::int64_t from = (g * filters + i) * depth + l0;
        for (std::int64_t l = 0; l < count; ++l) to[l] = w(from + l);
      };
      const auto read_panel = [&](std::int64_t l0, std::int64_t count, std::int64_t j0, std::int64_t columns, Sum* to) {
        std::array<Start, kPanelColumns> starts;
        for (std::int64_t t = 0; t < columns; ++t) {
          const std::int64_t j = j0 + t;
          const std::int64_t row = j / s.output[2];
          starts[t] = {row / s.output[1] * s.stride[0] - s.pad[0], row % s.output[1] * s.stride[1] - s.pad[1],
                       j % s.output[2] * s.stride[2] - s.pad[2]};
        }
        for (std::int64_t l = 0; l < count; ++l) {
          const std::int64_t channel = (l0 + l) / kernel_count;
          const std::int64_t tap = (l0 + l) % kernel_count;
          const std::int64_t kz = tap / (s.kernel[1] * s.kernel[2]) * s.dilation[0];
          const std::int64_t ky = tap / s.kernel[2] % s.kernel[1] * s.dilation[1];
          const std::int64_t kx = tap % s.kernel[2] * s.dilation[2];
          const std::int64_t plane = image + channel * input_count;
          for (std::int64_t t = 0; t < columns; ++t) {
            const std::int64_t iz = starts[t].z + kz;
            const std::int64_t iy = starts[t].y + ky;
            const std::int64_t ix = starts[t].x + kx;
            const bool inside = iz >= 0 && iz < s.input[0] && iy >= 0 && iy < s.input[1] && ix >= 0 && ix < s.input[2];
            to[l * kPanelColumns + t] = inside ? x(plane + (iz * s.input[1] + iy) * s.input[2] + ix) : Sum(0);
          }
        }
      };
      blocked_product<Sum>(filters, positions, depth, read_row, read_panel,
                           [&](std::int64_t i, std::int64_t j, Sum sum) { store(n, g * filters + i, j, sum); });
    }
  }
}

}  // namespace cycloid
