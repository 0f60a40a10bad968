#include "plan/lowering/product_shape.h"

#include <algorithm>

namespace cycloid {
namespace {

// The table of offsets of a batch whose matrices of one operand repeat in any pattern (broadcasting).
const std::int64_t* offset_table(Lowering& lowering, const Dims& batch, const Dims& operand, std::int64_t matrix) {
  const auto count = static_cast<std::size_t>(element_count(batch).value());
  BufferId buffer;
  auto* table = reinterpret_cast<std::int64_t*>(lowering.constant_memory(count * sizeof(std::int64_t), buffer));
  const std::size_t lead = batch.size() - operand.size();
  for (std::size_t i = 0; i < count; ++i) {
    std::int64_t rest = static_cast<std::int64_t>(i), offset = 0, stride = matrix;
    for (std::size_t d = batch.size(); d-- > lead;) {
      const std::int64_t at = rest % batch[d];
      rest /= batch[d];
      if (operand[d - lead] != 1) offset += at * stride;
      stride *= operand[d - lead];
    }
    table[i] = offset;
  }
  return table;
}

}  // namespace

bool is_row(const Dims& dims, std::int64_t n) { return !dims.empty() && dims.back() == n && element_count(dims) == n; }

Declined find_product_shape(Lowering& lowering, ValueId a_id, ValueId b_id, ValueId y, ProductShape& shape) {
  Dims a = *lowering.dims(a_id), b = *lowering.dims(b_id);
  if (a.empty() || b.empty()) return "a scalar operand";
  // A vector on the left is a row, on the right a column.
  if (a.size() == 1) a.insert(a.begin(), 1);
  if (b.size() == 1) b.push_back(1);
  shape.m = a[a.size() - 2];
  shape.k = a.back();
  shape.n = b.back();
  if (shape.k == 0) return "the inner size is 0";
  a.resize(a.size() - 2);
  b.resize(b.size() - 2);
  const std::int64_t a_count = element_count(a).value(), b_count = element_count(b).value();
  if (b_count == 1) {
    shape.m *= a_count;  // one tall product
    return {};
  }
  Dims batch = *lowering.dims(y);
  batch.resize(std::max(a.size(), b.size()));
  shape.batch = element_count(batch).value();
  shape.a_step = a_count == 1 ? 0 : shape.m * shape.k;
  shape.b_step = shape.k * shape.n;
  if (a_count != 1 && a_count != shape.batch) shape.a_offsets = offset_table(lowering, batch, a, shape.m * shape.k);
  if (b_count != shape.batch) shape.b_offsets = offset_table(lowering, batch, b, shape.k * shape.n);
  return {};
}

}  // namespace cycloid
