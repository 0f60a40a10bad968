// What is known of the magnitude of a value's elements, for rules that -infinity would make a difference to.
#pragma once

#include <optional>

#include "rewrite/rule.h"

namespace cycloid {

// No element is larger than this in magnitude, and none is NaN, whatever the inputs are; nullopt where that is not known.
std::optional<double> bound_of(const RuleContext& context, ValueId id);

// Added to finite scores, the mask leaves in each row (along the last axis) a score that is not -infinity: it is bounded, or
// constant with such a number in each row.
bool leaves_something(const RuleContext& context, ValueId mask);

// 0 where the column is not after the row, and elsewhere -infinity, or a number that no score is beside (-1e30 or less, as
// exporters write the lowest float), in its last two axes.
bool is_causal_mask(const RuleContext& context, ValueId mask);

}  // namespace cycloid
