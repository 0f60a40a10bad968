// Copies of rows, which concatenation and splitting are made of.
#pragma once

#include "plan/lowering/lowering.h"

namespace cycloid {

// `rows` rows of `bytes` bytes; offsets and strides in bytes from the places' first elements.
struct RowsMove {
  Place from, to;
  std::int64_t from_offset = 0, from_stride = 0;
  std::int64_t to_offset = 0, to_stride = 0;
  std::int64_t rows = 0, bytes = 0;
};

void add_rows_move(Lowering& lowering, RowsMove move, std::vector<NodeId> nodes, std::string op);

}  // namespace cycloid
