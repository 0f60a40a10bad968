// The one matrix product of the reference evaluation: exact enough to be an oracle (floats accumulate in double), quick
// enough to run a whole VGG.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "base/work_bounds.h"
#include "tensor/tensor.h"

namespace cycloid {

// Columns of B taken at once: four vectors of eight doubles.
inline constexpr std::int64_t kPanelColumns = 32;
// Steps of the sum taken at once: with 32 columns a panel of doubles has 64 KiB and stays in L2.
inline constexpr std::int64_t kPanelDepth = 256;
inline constexpr std::int64_t kPanelRows = 4;

// sums[r][t] += sum over k < depth of rows[r * kPanelDepth + k] * panel[k * kPanelColumns + t], for r < kPanelRows and
// t < kPanelColumns. Unsigned sums wrap, which is also what signed ones mean.
void accumulate_panel(const double* rows, const double* panel, std::int64_t depth, double* sums);
void accumulate_panel(const std::uint64_t* rows, const std::uint64_t* panel, std::int64_t depth, std::uint64_t* sums);

// What products of T are summed in.
template <class T>
using Accumulator = std::conditional_t<std::is_floating_point_v<T>, double, std::uint64_t>;

// store(i, j, sum over l < k of a[i][l] * b[l][j]) for all i < m, j < n, in an order of its own. `read_row(i, l0, count,
// to)` writes a[i][l0 ...]; `read_panel(l0, depth, j0, columns, to)` writes b[l0 + l][j0 + j] to to[l * kPanelColumns + j].
template <class Sum, class ReadRow, class ReadPanel, class Store>
void blocked_product(std::int64_t m, std::int64_t n, std::int64_t k, const ReadRow& read_row,
                     const ReadPanel& read_panel, const Store& store) {
  constexpr std::int64_t kRowsAtOnce = 512;  // 128 KiB of sums
  std::vector<Sum> panel(kPanelDepth * kPanelColumns, Sum(0));
  std::vector<Sum> rows(kPanelRows * kPanelDepth, Sum(0));
  const std::int64_t most_rows = (std::min(m, kRowsAtOnce) + kPanelRows - 1) / kPanelRows * kPanelRows;
  std::vector<Sum> sums(static_cast<std::size_t>(std::max<std::int64_t>(most_rows, 0) * kPanelColumns));
  for (std::int64_t j = 0; j < n; j += kPanelColumns) {
    const std::int64_t columns = std::min(kPanelColumns, n - j);
    for (std::int64_t i = 0; i < m; i += kRowsAtOnce) {
      const std::int64_t height = std::min(kRowsAtOnce, m - i);
      // From -0, to which every float can be added without a change: a sum of -0 stays -0, in whatever order.
      std::ranges::fill(sums, std::is_floating_point_v<Sum> && k > 0 ? Sum(-0.0) : Sum(0));
      for (std::int64_t l = 0; l < k; l += kPanelDepth) {
        const std::int64_t depth = std::min(kPanelDepth, k - l);
        if (stopping()) return;
        read_panel(l, depth, j, columns, panel.data());
        for (std::int64_t r = 0; r < height; r += kPanelRows) {
          const std::int64_t count = std::min(kPanelRows, height - r);
          for (std::int64_t s = 0; s < count; ++s) read_row(i + r + s, l, depth, rows.data() + s * kPanelDepth);
          accumulate_panel(rows.data(), panel.data(), depth, sums.data() + r * kPanelColumns);
        }
      }
      for (std::int64_t r = 0; r < height; ++r) {
        for (std::int64_t t = 0; t < columns; ++t) {
          store(i + r, j + t, sums[static_cast<std::size_t>(r * kPanelColumns + t)]);
        }
      }
    }
  }
}

// A matrix in memory: element (i, j) at data[i * row_stride + j * column_stride].
template <class T>
struct MatrixView {
  const T* data = nullptr;
  std::int64_t row_stride = 0;
  std::int64_t column_stride = 0;
};

// store(i, j, (a b)[i][j]) for a of m rows and b of n columns.
template <class T, class Store>
void matrix_product(std::int64_t m, std::int64_t n, std::int64_t k, MatrixView<T> a, MatrixView<T> b,
                    const Store& store) {
  using Sum = Accumulator<T>;
  blocked_product<Sum>(
      m, n, k,
      [&](std::int64_t i, std::int64_t l0, std::int64_t count, Sum* to) {
        const T* from = a.data + i * a.row_stride + l0 * a.column_stride;
        for (std::int64_t l = 0; l < count; ++l) to[l] = static_cast<Sum>(from[l * a.column_stride]);
      },
      [&](std::int64_t l0, std::int64_t depth, std::int64_t j0, std::int64_t columns, Sum* to) {
        for (std::int64_t l = 0; l < depth; ++l) {
          const T* from = b.data + (l0 + l) * b.row_stride + j0 * b.column_stride;
          for (std::int64_t t = 0; t < columns; ++t)
            to[l * kPanelColumns + t] = static_cast<Sum>(from[t * b.column_stride]);
        }
      },
      store);
}

// 16-bit floats as float32; any other tensor as it is. Reference evaluation computes on these.
Result<Tensor> widened(const Tensor& tensor);
// A float32 tensor rounded to the 16-bit float `dtype`; as it is where `dtype` is its own.
Result<Tensor> narrowed(Tensor tensor, DType dtype);

// The elements of a numeric or bool tensor as doubles.
Result<std::vector<double>> doubles(const Tensor& tensor);

}  // namespace cycloid
