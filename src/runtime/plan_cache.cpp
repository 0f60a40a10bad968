#include "runtime/plan_cache.h"

#include <algorithm>
#include <new>
#include <stdexcept>

#include "base/error.h"

namespace cycloid {

std::shared_ptr<const Plan> PlanCache::find(std::span<const Dims> dims) {
  const std::lock_guard guard(lock_);
  for (Entry& entry : entries_) {
    if (!std::ranges::equal(entry.plan->input_dims, dims)) continue;
    entry.used = ++clock_;
    return entry.plan;
  }
  return nullptr;
}

Result<std::shared_ptr<const Plan>> PlanCache::make(const std::vector<std::optional<Dims>>& dims) {
  std::vector<Dims> key;
  for (const std::optional<Dims>& d : dims) key.push_back(d.value_or(Dims{}));
  const std::lock_guard one(planning_);
  if (auto plan = find(key)) return plan;
  Result<std::shared_ptr<const Plan>> built = [&]() -> Result<std::shared_ptr<const Plan>> {
    try {
      return build_plan(model_, dims, options_);
    } catch (const std::bad_alloc&) {
      return make_error(ErrorCode::kResourceExhausted, "no memory for a plan of the model");
    } catch (const std::length_error&) {
      return make_error(ErrorCode::kResourceExhausted, "no memory for a plan of the model");
    }
  }();
  CYCLOID_ASSIGN(std::shared_ptr<const Plan> plan, std::move(built));
  std::shared_ptr<const Plan> gone;  // freed outside of the lock
  const std::lock_guard guard(lock_);
  if (entries_.size() >= capacity_) {
    const auto oldest = std::ranges::min_element(entries_, {}, &Entry::used);
    gone = std::move(oldest->plan);
    entries_.erase(oldest);
  }
  entries_.push_back({plan, ++clock_});
  return plan;
}

}  // namespace cycloid
