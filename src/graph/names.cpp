#include "graph/names.h"

#include <fmt/format.h>

namespace cycloid {

ScopeNames::ScopeNames(const Graph& graph, const ScopeNames* outer) : outer_(outer) {
  const std::vector<ValueId> values = graph.values();
  names_.resize(values.empty() ? 0 : values.back().index + 1);
  std::vector<ValueId> clashing;
  for (const ValueId id : values) {
    const Value& value = graph.value(id);
    if (value.kind == Value::Kind::kCapture && outer != nullptr) {
      names_[id.index] = outer->of(value.outer);
    } else if (outer != nullptr && outer->visible(value.name)) {
      clashing.push_back(id);
    } else {
      names_[id.index] = value.name;
      own_.insert(value.name);
    }
  }
  for (const ValueId id : clashing) {
    const std::string& name = graph.value(id).name;
    for (int i = 1; names_[id.index].empty(); ++i) {
      std::string fresh = fmt::format("{}_{}", name, i);
      if (visible(fresh)) continue;
      own_.insert(fresh);
      names_[id.index] = std::move(fresh);
    }
  }
}

bool ScopeNames::visible(const std::string& name) const {
  return own_.contains(name) || (outer_ != nullptr && outer_->visible(name));
}

const std::string& ScopeNames::of(ValueId id) const {
  static const std::string kAbsent;
  return id.valid() ? names_.at(id.index) : kAbsent;
}

}  // namespace cycloid
