#include "rewrite/sizes.h"

namespace cycloid {

std::optional<Dim> size_of(const RuleContext& context, ValueId id) {
  if (!id.valid()) return std::nullopt;
  const auto sizes = context.shape_data(id);
  if (!sizes || sizes->size() != 1) return std::nullopt;
  return (*sizes)[0];
}

bool at_most(const Dim& a, const Dim& b) {
  if (a == b) return true;
  return a.is_known() && b.is_known() && a.value() <= b.value();
}

}  // namespace cycloid
