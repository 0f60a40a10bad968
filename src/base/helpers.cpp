#include "base/helpers.h"

#include <thread>

namespace cycloid {
namespace {

thread_local Helpers* current = nullptr;

}  // namespace

void Helpers::work(Job& job, int helper) {
  for (;;) {
    const std::int64_t i = job.next.fetch_add(1, std::memory_order_relaxed);
    if (i >= job.parts) return;
    job.part(i, helper);
  }
}

void Helpers::share(std::int64_t parts, FunctionRef<void(std::int64_t part, int helper)> part) {
  if (parts <= 1 || taken_.exchange(true, std::memory_order_acquire)) {
    for (std::int64_t i = 0; i < parts; ++i) part(i, 0);
    return;
  }
  Job job{.part = part, .parts = parts};
  job_.store(&job, std::memory_order_seq_cst);
  progress_.advance();
  work(job, 0);
  // A helper counts itself in before it looks for the job; here it is the other way round, both sequentially consistent: whoever
  // is not seen inside finds no job. Its parts are then done too.
  job_.store(nullptr, std::memory_order_seq_cst);
  for (int spins = 0; inside_.load(std::memory_order_seq_cst) != 0; ++spins) {
    if (spins > 1000) std::this_thread::yield();
  }
  taken_.store(false, std::memory_order_release);
}

void Helpers::help() {
  if (job_.load(std::memory_order_relaxed) == nullptr) return;
  inside_.fetch_add(1, std::memory_order_seq_cst);
  Job* const job = job_.load(std::memory_order_seq_cst);
  if (job != nullptr && job->next.load(std::memory_order_relaxed) < job->parts) {
    const int helper = job->helpers.fetch_add(1, std::memory_order_relaxed) + 1;
    if (helper < threads_) work(*job, helper);
  }
  inside_.fetch_sub(1, std::memory_order_seq_cst);
}

Helpers* current_helpers() { return current; }

HelpersScope::HelpersScope(Helpers* helpers) : before_(current) { current = helpers; }
HelpersScope::~HelpersScope() { current = before_; }

}  // namespace cycloid
