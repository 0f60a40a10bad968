// The step of a Loop or Scan whose body is a plan.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "plan/lowering/body.h"

namespace cycloid {

// A value that goes from each iteration to the next, in two buffers in turns.
struct Carried {
  std::size_t input = 0, output = 0;  // of the body
  Place first;
  std::optional<Place> last;
  std::size_t bytes = 0;
};
// An input of which each iteration gets a slice along the first axis.
struct Sliced {
  std::size_t input = 0;
  Place place;
  std::size_t bytes = 0;
  bool reverse = false;
};
// An output that each iteration gives a slice of.
struct Stacked {
  std::size_t output = 0;
  Operand target;
  DType dtype = DType::kUndefined;
  Dims dims;  // of a slice
  std::size_t bytes = 0;
  bool reverse = false;
};

struct LoopSetup {
  Body body;
  bool counts = false;  // a Loop: inputs 0 and 1 are the iteration and the condition, output 0 the condition
  std::optional<Place> most, condition;
  std::int64_t trips = 0;  // of a Scan; of a Loop where an output's shape tells it, else -1
  std::vector<Carried> carried;
  std::vector<Sliced> sliced;
  std::vector<Stacked> stacked;
  std::string where;  // the node, in words
};

// `scratch_bytes` becomes what the step needs.
std::unique_ptr<const Step> make_loop_step(LoopSetup form, std::size_t& scratch_bytes);

}  // namespace cycloid
