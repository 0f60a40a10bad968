// Plans of a part of a model for the shapes that were met in runs.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "plan/plan.h"

namespace cycloid {

// A plan takes longer to make than a small part to evaluate, and shapes that depend on data may change with every run. So a
// plan is made when shapes are met for the second time, or at once where the part is worth it, or would be rounded otherwise
// before and after. Safe from several threads.
class LatePlans {
 public:
  static constexpr std::size_t kPlans = 16;  // as many are kept: those used last
  static constexpr std::size_t kSeen = 256;  // shapes that are remembered

  // `model` is the part, its shapes open. `at_once`: a plan is made when shapes are met for the first time.
  LatePlans(std::shared_ptr<const ModelIr> model, PlanOptions options, bool at_once)
      : model_(std::move(model)), options_(std::move(options)), at_once_(at_once) {}

  // The plan for these shapes, or null: not worth one yet.
  Result<std::shared_ptr<const Plan>> find(std::span<const Dims> dims);

  // Memory for a run of the plan: of a run before, where there was one that is over.
  Result<Tensor> take_memory(const Plan& plan, std::size_t bytes);
  void give_back(const Plan& plan, Tensor memory);

 private:
  static constexpr std::size_t kMostIdleBytes = std::size_t{32} << 20;  // of one plan

  struct Entry {
    std::vector<Dims> dims;
    std::shared_ptr<const Plan> plan;  // null: only seen
    std::vector<Tensor> idle;
    std::uint64_t used = 0;
  };

  Entry* entry_of(std::span<const Dims> dims);
  Entry* entry_of(const Plan& plan);
  void forget_plan();
  void forget_seen();

  const std::shared_ptr<const ModelIr> model_;
  const PlanOptions options_;
  const bool at_once_;
  std::mutex planning_;  // one plan at a time
  std::mutex lock_;      // of what follows
  std::vector<Entry> entries_;
  std::uint64_t clock_ = 0;
};

}  // namespace cycloid
