// Steps whose work may fail, and takes memory as it is done.
#pragma once

#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>

#include "base/error.h"
#include "plan/plan.h"

namespace cycloid {

// Runs compute() -> Status for units [begin, end), unless there are none or the run has failed, under the run's bounds. An error
// fails the run, said to be in `where`; so does what finds no memory.
template <class Compute>
void run_fallible(const StepContext& context, std::int64_t begin, std::int64_t end, const std::string& where,
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
