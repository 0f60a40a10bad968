// Permutations of axes, as Transpose has them: output axis i is input axis permutation[i].
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "rewrite/rule.h"

namespace cycloid {

using Permutation = std::vector<std::int64_t>;

// The permutation of a Transpose node (reversed axes where it names none); nullopt where the rank is not known.
std::optional<Permutation> permutation_of(const RuleContext& context, const Node& transpose);
bool is_identity(const Permutation& permutation);
// transpose(transpose(x, first), second) is transpose(x, compose(first, second)).
Permutation compose(const Permutation& first, const Permutation& second);
Permutation inverse(const Permutation& permutation);

}  // namespace cycloid
