// Bounds that a caller puts on the work done in its name: time, memory, and a wish to stop.
//
// The runtime makes them for a run (or for making a plan) and puts them in force on each thread that works for it
// (BoundsScope). Whoever works long asks check_stop() now and then: the executor between steps, the interpreter between
// nodes and iterations, operators whose work is more than proportional to their inputs and outputs. Tensors charge the
// memory that they take to the budget in force, until they are freed, whoever frees them.
// Without bounds in force all of this is one look at a thread-local pointer.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "cycloid/result.h"

namespace cycloid {

// A deadline, and a question to the caller. Safe to ask from several threads at once.
class StopSignal {
 public:
  struct Options {
    double timeout_ms = 0;  // 0: none
    // Asked every kAskEvery by the thread that made the signal, where that thread checks; true: stop. May be null.
    const std::function<bool()>* interrupted = nullptr;
  };
  static constexpr std::chrono::milliseconds kAskEvery{50};

  explicit StopSignal(const Options& options);

  // Why the work is to stop, or OK. Once it has failed it fails always. Costs a clock reading.
  Status check();
  // Whether the thread that made the signal must look in now and then, even where others do the work.
  bool asks_caller() const { return interrupted_ != nullptr; }
  bool has_deadline() const { return deadline_.has_value(); }

 private:
  enum class Reason : int { kNone, kTime, kCaller };
  using Clock = std::chrono::steady_clock;

  Error error_of(Reason reason) const;

  const double timeout_ms_;
  const std::function<bool()>* const interrupted_;
  const std::thread::id maker_;
  std::optional<Clock::time_point> deadline_;
  Clock::time_point next_question_;  // the maker's own
  std::atomic<Reason> reason_{Reason::kNone};
};

// How many bytes may be taken, and how many are. Counts on behalf of `parent` too. Safe from several threads at once.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::size_t limit, std::shared_ptr<MemoryBudget> parent = nullptr)
      : limit_(limit), parent_(std::move(parent)) {}

  // Whether the bytes fit, here and in the parents; they are taken then.
  bool take(std::size_t bytes);
  // Takes them even where they do not fit: small things whose failure nobody could handle. left() is 0 then.
  void force(std::size_t bytes);
  void give_back(std::size_t bytes);

  std::size_t left() const;  // here and in the parents
  // An error where more was taken than fits.
  Status check() const;

 private:
  const std::size_t limit_;
  const std::shared_ptr<MemoryBudget> parent_;
  std::atomic<std::size_t> taken_{0};
};

// What is in force on a thread. Null: no bound.
struct WorkBounds {
  StopSignal* stop = nullptr;
  std::shared_ptr<MemoryBudget> memory;
};

// Puts bounds in force on this thread until the end of the scope, in place of those before.
class BoundsScope {
 public:
  explicit BoundsScope(const WorkBounds& bounds);
  ~BoundsScope();
  BoundsScope(const BoundsScope&) = delete;
  BoundsScope& operator=(const BoundsScope&) = delete;

 private:
  const WorkBounds* const before_;
};

// What is in force on this thread, or nullptr.
const WorkBounds* work_bounds();

// OK where nothing is in force.
inline Status check_stop() {
  const WorkBounds* bounds = work_bounds();
  if (bounds == nullptr || bounds->stop == nullptr) return {};
  return bounds->stop->check();
}

// Whether the work is to stop. For loops that have no error to return: they leave off, and what they computed is dropped,
// as the interpreter asks again after each node.
inline bool stopping() { return !check_stop().ok(); }

}  // namespace cycloid
