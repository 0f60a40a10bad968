// Steps of the typed element-wise kernels, over any loops.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/elements/elements.h"
#include "plan/lowering/lowering.h"

namespace cycloid {

// One loop: its count, and how far up to three operands and the result move, in elements.
struct ElementLoop {
  std::int64_t size = 1;
  std::array<std::int64_t, 4> step = {};
};

// The kernels' name of an element type, or nothing.
std::optional<kernels::ElementKind> element_kind(DType dtype);

// The loops of operands of these dims that are broadcast to those of the result; all row-major.
std::vector<ElementLoop> broadcast_loops(std::span<const Dims* const> operands, const Dims& result);

// y = fn(operands) in these loops, outermost first. The innermost one moves the result by 1 and operands by 0 or 1. A
// reason where there are too many loops; nothing was added then.
Declined add_elements(Lowering& lowering, kernels::ElementFn fn, std::string_view name, std::vector<ElementLoop> loops,
                      std::span<const ValueId> operands, ValueId y, NodeId node);

// --- Lowerings.
Declined lower_elements(Lowering& lowering, NodeId id);   // of two operands of one type
Declined lower_elements1(Lowering& lowering, NodeId id);  // of one
Declined lower_pow(Lowering& lowering, NodeId id);
Declined lower_cast(Lowering& lowering, NodeId id);
Declined lower_where(Lowering& lowering, NodeId id);
Declined lower_expand(Lowering& lowering, NodeId id);
Declined lower_tile(Lowering& lowering, NodeId id);

}  // namespace cycloid
