#include "rewrite/rules/permutation.h"

#include <algorithm>

namespace cycloid {

std::optional<Permutation> permutation_of(const RuleContext& context, const Node& transpose) {
  const auto permutation = get_ints(transpose, "perm");
  if (!permutation) return std::nullopt;
  if (!permutation->empty()) return *permutation;
  const Shape* shape = context.shape(transpose.inputs[0]);
  if (shape == nullptr) return std::nullopt;
  Permutation reversed;
  for (std::size_t i = shape->size(); i-- > 0;) reversed.push_back(static_cast<std::int64_t>(i));
  return reversed;
}

bool is_identity(const Permutation& permutation) {
  for (std::size_t i = 0; i < permutation.size(); ++i) {
    if (permutation[i] != static_cast<std::int64_t>(i)) return false;
  }
  return true;
}

Permutation compose(const Permutation& first, const Permutation& second) {
  Permutation composed;
  for (const std::int64_t axis : second) composed.push_back(first[static_cast<std::size_t>(axis)]);
  return composed;
}

Permutation inverse(const Permutation& permutation) {
  Permutation result(permutation.size());
  for (std::size_t i = 0; i < permutation.size(); ++i)
    result[static_cast<std::size_t>(permutation[i])] = static_cast<std::int64_t>(i);
  return result;
}

}  // namespace cycloid
