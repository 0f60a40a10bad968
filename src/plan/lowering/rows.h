// How element-wise steps cut tensors into rows, and rows into units of work.
#pragma once

#include <algorithm>
#include <cstdint>

#include "plan/plan.h"

namespace cycloid {

struct RowRange {
  std::int64_t row = 0, rows = 0, column = 0, columns = 0;
};

// `rows` rows of `columns` elements; a unit is some rows, or where there is one row, some columns.
struct RowUnits {
  // Elements of a unit: large enough that a call costs little beside the work, small enough for L1.
  static constexpr std::int64_t kElements = 4096;

  std::int64_t rows = 1, columns = 1;
  std::int64_t strides[2] = {0, 0};  // of the input's and the output's rows, in elements
  std::int64_t each = 1;             // rows, or columns, of a unit
  std::int64_t units = 1;

  RowUnits() = default;
  RowUnits(std::int64_t row_count, std::int64_t column_count, std::int64_t in_stride, std::int64_t out_stride)
      : rows(row_count), columns(column_count), strides{in_stride, out_stride} {
    if (rows == 1) {
      each = kElements;
      units = (columns + each - 1) / each;
    } else {
      each = std::max<std::int64_t>(1, kElements / std::max<std::int64_t>(1, columns));
      units = (rows + each - 1) / each;
    }
  }

  RowRange range(std::int64_t begin, std::int64_t end) const {
    if (rows == 1) return {0, 1, begin * each, std::min(end * each, columns) - begin * each};
    return {begin * each, std::min(end * each, rows) - begin * each, 0, columns};
  }
};

// Rows of one channel vector each (channels-last), or rows of the last axis (row-major).
inline RowUnits channel_rows(const Place& from, const Place& to) {
  if (from.layout == Layout::kChannelsLast) return {from.pixels(), from.channels(), from.pixel_stride, to.pixel_stride};
  const std::int64_t columns = from.dims.empty() ? 1 : from.dims.back();
  return {columns == 0 ? 0 : from.count() / columns, columns, columns, columns};
}

// The same where only the elements count: one long row where the memory is dense.
inline RowUnits element_rows(const Place& from, const Place& to) {
  if (from.dense() && to.dense()) return {1, from.count(), 0, 0};
  return channel_rows(from, to);
}

}  // namespace cycloid
