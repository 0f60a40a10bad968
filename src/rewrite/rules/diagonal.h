// Diagonals of matrices.
#pragma once

#include <optional>

#include "rewrite/rule.h"

namespace cycloid {

// The main diagonal of a value of rank 2, [min(rows, columns)], by one strided slice of its elements in a row.
// Nullopt: the rank is another.
std::optional<Patch::Ref> diagonal_of(const RuleContext& context, Patch& patch, ValueId matrix);

// The same for the last two axes of a value of rank 3 or more, which are of one size: [..., n]. Nullopt: sizes are not
// known well enough.
std::optional<Patch::Ref> batched_diagonal_of(const RuleContext& context, Patch& patch, ValueId matrices);

// Whether the value is 1 (or true) on the main diagonal and 0 elsewhere, of the same shape as `like`: a constant, or an
// EyeLike; also cast to another type.
bool is_identity_matrix(const RuleContext& context, ValueId id, ValueId like);

}  // namespace cycloid
