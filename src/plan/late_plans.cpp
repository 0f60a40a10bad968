#include "plan/late_plans.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace cycloid {
namespace {

// Elements of the inputs from which a plan is made at once: the reference evaluation takes about as long for them as a plan of
// a few nodes to make, a few hundred microseconds.
constexpr std::int64_t kManyElements = 1 << 15;

}  // namespace

LatePlans::Entry* LatePlans::entry_of(std::span<const Dims> dims) {
  const auto found = std::ranges::find_if(entries_, [&](const Entry& e) { return std::ranges::equal(e.dims, dims); });
  return found == entries_.end() ? nullptr : &*found;
}

LatePlans::Entry* LatePlans::entry_of(const Plan& plan) {
  const auto found = std::ranges::find_if(entries_, [&](const Entry& e) { return e.plan.get() == &plan; });
  return found == entries_.end() ? nullptr : &*found;
}

// The plan that was not used for longest goes.
void LatePlans::forget_plan() {
  Entry* oldest = nullptr;
  std::size_t plans = 0;
  for (Entry& entry : entries_) {
    if (entry.plan == nullptr) continue;
    ++plans;
    if (oldest == nullptr || entry.used < oldest->used) oldest = &entry;
  }
  if (plans < kPlans) return;
  oldest->plan = nullptr;
  oldest->idle.clear();
}

void LatePlans::forget_seen() {
  if (entries_.size() < kSeen) return;
  const auto oldest =
      std::ranges::min_element(entries_, {}, [](const Entry& e) { return std::pair(e.plan != nullptr, e.used); });
  entries_.erase(oldest);
}

Result<std::shared_ptr<const Plan>> LatePlans::find(std::span<const Dims> dims) {
  const std::int64_t elements =
      std::accumulate(dims.begin(), dims.end(), std::int64_t{0},
                      [](std::int64_t n, const Dims& d) { return n + element_count(d).value_or(0); });
  bool wanted = at_once_ || elements >= kManyElements;
  {
    const std::lock_guard guard(lock_);
    if (Entry* entry = entry_of(dims)) {
      entry->used = ++clock_;
      if (entry->plan != nullptr) return entry->plan;
      wanted = true;
    } else {
      forget_seen();
      entries_.push_back({.dims = {dims.begin(), dims.end()}, .used = ++clock_});
    }
  }
  if (!wanted) return std::shared_ptr<const Plan>();
  const std::lock_guard one(planning_);
  {
    const std::lock_guard guard(lock_);  // another thread may have made it meanwhile
    if (const Entry* entry = entry_of(dims); entry != nullptr && entry->plan != nullptr) return entry->plan;
  }
  CYCLOID_ASSIGN(std::shared_ptr<const Plan> plan,
                 build_plan(model_, std::vector<std::optional<Dims>>(dims.begin(), dims.end()), options_));
  const std::lock_guard guard(lock_);
  forget_plan();
  Entry* entry = entry_of(dims);
  if (entry == nullptr) {
    entries_.push_back({.dims = {dims.begin(), dims.end()}, .used = ++clock_});
    entry = &entries_.back();
  }
  entry->plan = plan;
  return plan;
}

Result<Tensor> LatePlans::take_memory(const Plan& plan, std::size_t bytes) {
  {
    const std::lock_guard guard(lock_);
    Entry* entry = entry_of(plan);
    if (entry != nullptr && !entry->idle.empty()) {
      Tensor memory = std::move(entry->idle.back());
      entry->idle.pop_back();
      return memory;
    }
  }
  return Tensor::empty(DType::kUInt8, {static_cast<std::int64_t>(bytes)});
}

void LatePlans::give_back(const Plan& plan, Tensor memory) {
  const std::lock_guard guard(lock_);
  Entry* entry = entry_of(plan);
  if (entry != nullptr && (entry->idle.size() + 1) * memory.byte_count() <= kMostIdleBytes)
    entry->idle.push_back(std::move(memory));
}

}  // namespace cycloid
