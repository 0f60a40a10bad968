// Steps of the typed element-wise kernels, over any loops.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/elements/elements.h"
#include "plan/lowering/lowering.h"
#include "plan/lowering/move_steps.h"

namespace cycloid {

// One loop: its count, and how far up to three operands and the result move, in elements.
struct ElementLoop {
  std::int64_t size = 1;
  std::array<std::int64_t, 4> step = {};
};

// Loops over operands and a result, outermost first, cut into units: blocks of rows, or of the columns of a single row.
class LoopWalk {
 public:
  static constexpr std::size_t kMostOuter = 6;  // loops around rows and columns

  // Of loops that join_loops() has joined.
  explicit LoopWalk(std::vector<ElementLoop> joined);

  std::int64_t units() const { return units_; }
  const ElementLoop& row_loop() const { return rows_; }  // its steps lead from row to row
  const ElementLoop& column_loop() const { return columns_; }

  // Calls f(at, rows, columns) for blocks of the units [begin, end): the offsets in elements at which operands and result
  // begin.
  template <class F>
  void for_each(std::int64_t begin, std::int64_t end, F f) const {
    // Consecutive blocks of one outer position are one call.
    while (begin < end) {
      const std::int64_t block = begin % blocks_, count = std::min(blocks_ - block, end - begin);
      const ElementLoop& cut = split_columns_ ? columns_ : rows_;
      const std::int64_t first = block * each_, size = std::min((block + count) * each_, cut.size) - first;
      std::array<std::int64_t, 4> at = outer_offsets(begin / blocks_);
      for (std::size_t k = 0; k < at.size(); ++k) at[k] += first * cut.step[k];
      f(at, split_columns_ ? 1 : size, split_columns_ ? size : columns_.size);
      begin += count;
    }
  }

 private:
  std::array<std::int64_t, 4> outer_offsets(std::int64_t outer) const;

  ElementLoop columns_, rows_;
  std::vector<ElementLoop> outer_;
  bool split_columns_ = false;
  std::int64_t each_ = 1, blocks_ = 1, units_ = 1;
};

// The kernels' name of an element type, or nothing.
std::optional<kernels::ElementKind> element_kind(DType dtype);

// The loops of operands of these dims that are broadcast to those of the result; all row-major.
std::vector<ElementLoop> broadcast_loops(std::span<const Dims* const> operands, const Dims& result);

// y = fn(operands) in these loops, outermost first; `last`, if there is one, is a constant operand behind the others. The innermost one moves the result by 1 and operands by 0 or 1. A
// reason where there are too many loops; nothing was added then.
Declined add_elements(Lowering& lowering, kernels::ElementFn fn, std::string_view name,
                      const std::vector<ElementLoop>& loops, std::span<const ValueId> operands, ValueId y,
                      std::vector<NodeId> nodes, const Tensor* last = nullptr);

// The loops of Tile: of each axis the repetition, over which the operand does not move, and the axis itself.
std::vector<ElementLoop> tile_loops(const Dims& from, const Dims& to);

// A copy of `from` in these loops, and its units; nothing where there are too many loops or no kernel for the elements.
std::optional<MadeStep> make_copy(const Place& from, const std::vector<ElementLoop>& loops, const Place& to, Isa isa);

// --- Lowerings.
Declined lower_elements(Lowering& lowering, NodeId id);    // of two operands of one type
Declined lower_elements1(Lowering& lowering, NodeId id);   // of one
Declined lower_typed_clip(Lowering& lowering, NodeId id);  // with both bounds
Declined lower_thresholded_relu(Lowering& lowering, NodeId id);
Declined lower_pow(Lowering& lowering, NodeId id);
Declined lower_cast(Lowering& lowering, NodeId id);
Declined lower_bit_cast(Lowering& lowering, NodeId id);
Declined lower_where(Lowering& lowering, NodeId id);
Declined lower_expand(Lowering& lowering, NodeId id);
Declined lower_tile(Lowering& lowering, NodeId id);

}  // namespace cycloid
