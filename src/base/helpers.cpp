#include "base/helpers.h"

#include <algorithm>
#include <thread>

#include "base/check.h"
#include "base/spin_lock.h"

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

namespace {

// What the threads in one share_rounds() know of each other's parts.
class Rounds {
 public:
  Rounds(std::uint32_t rounds, int parts, FunctionRef<void(std::int64_t, int)> part, int spin_microseconds)
      : rounds_(rounds), parts_(parts), part_(part), spin_microseconds_(spin_microseconds) {}

  // Takes part until all rounds are over.
  void work(int own) {
    bool away[kMostRoundParts] = {};  // whose thread did not come in time when it was last looked for
    for (std::uint32_t round = current_round(); round < rounds_; ++round) {
      take(own, round);
      for (int i = 0; i < parts_; ++i) {
        const int next = (own + i) % parts_;
        finish(next, round, away[next]);
      }
    }
  }

 private:
  // A part of the next round is begun by its own thread at once, if that runs: it has seen the same as this one.
  static constexpr int kGraceSpins = 32;  // some 1.5 us

  std::uint32_t state_of(int i) const { return of_[i].value.load(std::memory_order_acquire); }
  std::uint32_t current_round() const {
    std::uint32_t least = state_of(0);
    for (int i = 1; i < parts_; ++i) least = std::min(least, state_of(i));
    return least / 2;
  }

  bool take(int i, std::uint32_t round) {
    std::uint32_t expected = 2 * round;
    if (!of_[i].value.compare_exchange_strong(expected, expected + 1, std::memory_order_acq_rel)) return false;
    part_(round, i);
    of_[i].advance();
    return true;
  }

  // Returns when the part is done, by its own thread if that comes.
  void finish(int i, std::uint32_t round, bool& away) {
    bool taken = false;
    for (int spins = 0;; ++spins) {
      const std::uint32_t state = state_of(i);
      if (state >= 2 * round + 2) break;
      if (state != 2 * round) {
        of_[i].wait_while(state, spin_microseconds_);
      } else if (away || spins >= kGraceSpins) {
        taken = take(i, round);
      } else {
        pause_cpu();
      }
    }
    away = taken;
  }

  const std::uint32_t rounds_;
  const int parts_;
  const FunctionRef<void(std::int64_t, int)> part_;
  const int spin_microseconds_;
  // 2 r: round r of the part may begin; 2 r + 1: it is being computed. Each in a cache line that its thread has to itself until
  // others look whether it is done.
  ThreadTeam::Event of_[kMostRoundParts];
};

}  // namespace

void share_rounds(std::int64_t rounds, int parts, FunctionRef<void(std::int64_t round, int part)> part) {
  CYCLOID_CHECK(parts <= kMostRoundParts);
  constexpr std::int64_t kMostRounds = 1 << 30;  // Rounds counts to twice as many
  if (parts <= 1 || rounds > kMostRounds || current == nullptr) {
    for (std::int64_t round = 0; round < rounds; ++round) {
      for (int i = 0; i < parts; ++i) part(round, i);
    }
    return;
  }
  Rounds shared(static_cast<std::uint32_t>(rounds), parts, part, current->spin_microseconds());
  current->share(parts, [&](std::int64_t i, int) { shared.work(static_cast<int>(i)); });
}

HelpersScope::HelpersScope(Helpers* helpers) : before_(current) { current = helpers; }
HelpersScope::~HelpersScope() { current = before_; }

}  // namespace cycloid
