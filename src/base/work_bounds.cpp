#include "base/work_bounds.h"

#include <algorithm>
#include <cstdint>

#include "base/error.h"

namespace cycloid {
namespace {

thread_local const WorkBounds* in_force = nullptr;

}  // namespace

StopSignal::StopSignal(const Options& options)
    : timeout_ms_(options.timeout_ms), interrupted_(options.interrupted), maker_(std::this_thread::get_id()) {
  const Clock::time_point now = Clock::now();
  if (timeout_ms_ > 0) {
    // Beyond a century the clock's own range would be left.
    constexpr double kMostMs = 100.0 * 365 * 24 * 3600 * 1000;
    const std::chrono::duration<double, std::milli> span(std::min(timeout_ms_, kMostMs));
    deadline_ = now + std::chrono::duration_cast<Clock::duration>(span);
  }
  next_question_ = now + kAskEvery;
}

Error StopSignal::error_of(Reason reason) const {
  if (reason == Reason::kCaller) return make_error(ErrorCode::kFailed, "stopped, as the caller asked for it");
  return make_error(ErrorCode::kResourceExhausted,
                    "stopped after {} ms, the time that it may take (timeout); allow more, or make the input smaller",
                    timeout_ms_);
}

Status StopSignal::check() {
  if (const Reason reason = reason_.load(std::memory_order_relaxed); reason != Reason::kNone) return error_of(reason);
  const Clock::time_point now = Clock::now();
  Reason found = Reason::kNone;
  if (deadline_ && now >= *deadline_) {
    found = Reason::kTime;
  } else if (interrupted_ != nullptr && now >= next_question_ && std::this_thread::get_id() == maker_) {
    if ((*interrupted_)()) found = Reason::kCaller;
    next_question_ = Clock::now() + kAskEvery;
  }
  if (found == Reason::kNone) return {};
  Reason expected = Reason::kNone;
  reason_.compare_exchange_strong(expected, found);
  return error_of(reason_.load());
}

bool MemoryBudget::take(std::size_t bytes) {
  std::size_t taken = taken_.load(std::memory_order_relaxed);
  do {
    if (taken > limit_ || bytes > limit_ - taken) return false;
  } while (!taken_.compare_exchange_weak(taken, taken + bytes, std::memory_order_relaxed));
  if (parent_ == nullptr || parent_->take(bytes)) return true;
  taken_.fetch_sub(bytes, std::memory_order_relaxed);
  return false;
}

void MemoryBudget::force(std::size_t bytes) {
  taken_.fetch_add(bytes, std::memory_order_relaxed);
  if (parent_ != nullptr) parent_->force(bytes);
}

void MemoryBudget::give_back(std::size_t bytes) {
  taken_.fetch_sub(bytes, std::memory_order_relaxed);
  if (parent_ != nullptr) parent_->give_back(bytes);
}

std::size_t MemoryBudget::left() const {
  const std::size_t taken = taken_.load(std::memory_order_relaxed);
  const std::size_t here = limit_ - std::min(limit_, taken);
  return parent_ == nullptr ? here : std::min(here, parent_->left());
}

Status MemoryBudget::check() const {
  if (taken_.load(std::memory_order_relaxed) > limit_) {
    return make_error(ErrorCode::kResourceExhausted, "the limit of {} bytes for tensors (max_memory) is reached",
                      limit_);
  }
  return parent_ == nullptr ? Status() : parent_->check();
}

BoundsScope::BoundsScope(const WorkBounds& bounds) : before_(in_force) { in_force = &bounds; }
BoundsScope::~BoundsScope() { in_force = before_; }

const WorkBounds* work_bounds() { return in_force; }

}  // namespace cycloid
