// Integer values in terms of sizes: what Shape -> Gather -> Concat chains and arithmetic on them amount to.
#pragma once

#include <optional>

#include "ops/op.h"
#include "rewrite/rule.h"

namespace cycloid {

// The elements of an integer value of rank 0 or 1, known or symbolic, followed through the nodes that compute it. Nullopt
// where they depend on data.
std::optional<ShapeData> sizes_of(const RuleContext& context, ValueId id);

// The one element of such a value.
std::optional<Dim> size_of(const RuleContext& context, ValueId id);

// Whether `a` is at most `b` for all values of the symbols: equal, or both known.
bool at_most(const Dim& a, const Dim& b);

}  // namespace cycloid
