// Steps that move elements from one place to another.
#pragma once

#include <string>

#include "kernels/move/move.h"
#include "plan/lowering/lowering.h"

namespace cycloid {

// A step that is not in the plan yet, and its units.
struct MadeStep {
  std::unique_ptr<const Step> step;
  std::int64_t units = 0;
};

// Moves all elements from `from` to `to`, which have the same logical dims and any layouts.
void add_move(Lowering& lowering, const Place& from, const Place& to, std::string op, std::vector<NodeId> nodes = {});

// Moves the elements that begin at `from` and lie `strides` apart (of from.dims; any sign) to the row-major `to`, which has
// these dims too, of a rank and element size that plan_permute() takes. `from.use()` is of the whole buffer.
void add_strided_move(Lowering& lowering, const Place& from, const std::vector<std::int64_t>& strides, const Place& to,
                      std::vector<NodeId> nodes);

// A permutation that is planned already, of the elements from `from.offset` on to those from `to.offset` on.
void add_permute(Lowering& lowering, const kernels::PermutePlan& plan, const Place& from, const Place& to,
                 std::string op, std::vector<NodeId> nodes);

MadeStep make_strided_move(const Place& from, const std::vector<std::int64_t>& strides, const Place& to, Isa isa,
                           int threads);

// Pads by where each element along each axis comes from, -1: the constant (axis_sources()). Elements of 1, 2, 4 or 8
// bytes, whose constant is in the first bytes of `value`; neither place is empty.
MadeStep make_pad(const Place& from, const Place& to, std::vector<std::vector<std::int64_t>> sources,
                  std::uint64_t value);

// The same as add_move() at plan time. `in` and `out` are the addresses of the first elements.
void move_now(const Place& from, const Place& to, const std::byte* in, std::byte* out, Isa isa);

// A permutation: dims of `to` are those of `from` in `order`; both row-major. Empty where it was added.
Declined add_permute(Lowering& lowering, const Place& from, const Place& to, const std::vector<std::int64_t>& order,
                     std::vector<NodeId> nodes);

}  // namespace cycloid
