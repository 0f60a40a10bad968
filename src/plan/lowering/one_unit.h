// Steps of one unit of work that may fail and take memory as they run.
#pragma once

#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>

#include "base/error.h"
#include "plan/plan.h"

namespace cycloid {

// Runs compute() -> Status where the unit is among [begin, end) and the run has not failed, under the run's bounds. An error
// fails the run, said to be in `where`; so does what finds no memory.
template <class Compute>
void run_one_unit(const StepContext& context, std::int64_t begin, std::int64_t end, const std::string& where,
                  const Compute& compute) {
  if (begin == end || context.run->failed.load(std::memory_order_acquire)) return;
  const BoundsScope scope(context.run->bounds);
  try {
    if (Status status = compute(); !status) context.run->fail(status.error().in(where));
  } catch (const std::bad_alloc&) {
    context.run->fail(make_error(ErrorCode::kResourceExhausted, "{}: no memory", where));
  } catch (const std::length_error&) {
    context.run->fail(make_error(ErrorCode::kResourceExhausted, "{}: no memory", where));
  }
}

}  // namespace cycloid
