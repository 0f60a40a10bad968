// The plans of a session, by input shapes.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/spin_lock.h"
#include "plan/plan.h"

namespace cycloid {

// Thread-safe. find() takes a lock that is held for a few hundred nanoseconds at most; make() plans outside of it, one
// plan at a time.
class PlanCache {
 public:
  PlanCache(std::shared_ptr<const ModelIr> model, PlanOptions options, std::size_t capacity)
      : model_(std::move(model)), options_(std::move(options)), capacity_(capacity) {}

  // The plan for these dims (empty for inputs that are no tensors), or null.
  std::shared_ptr<const Plan> find(std::span<const Dims> dims);
  // The plan, made if need be; the least recently used one goes when there are too many.
  Result<std::shared_ptr<const Plan>> make(const std::vector<std::optional<Dims>>& dims);

 private:
  struct Entry {
    std::shared_ptr<const Plan> plan;
    std::uint64_t used = 0;
  };

  const std::shared_ptr<const ModelIr> model_;
  const PlanOptions options_;
  const std::size_t capacity_;
  SpinLock lock_;  // of what follows
  std::vector<Entry> entries_;
  std::uint64_t clock_ = 0;
  std::mutex planning_;
};

}  // namespace cycloid
