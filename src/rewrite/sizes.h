// Integer values in terms of sizes.
#pragma once

#include <optional>

#include "rewrite/rule.h"

namespace cycloid {

// The one element of an integer value of rank 0 or 1, known or symbolic; nullopt where it depends on data.
std::optional<Dim> size_of(const RuleContext& context, ValueId id);

// Whether `a` is at most `b` for all values of the symbols: equal, or both known.
bool at_most(const Dim& a, const Dim& b);

}  // namespace cycloid
