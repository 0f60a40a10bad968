// Tensors of the iterations of a loop, put together.
#pragma once

#include <span>

#include "ops/op.h"

namespace cycloid {

// Tensors of one dtype and shape along a new axis `axis` (in [0, rank]). `type` is what is known of one of them: it
// gives the result's dtype and sizes, unknown ones as 0, where there is none.
Result<Tensor> stack(const EvalContext& context, std::span<const Datum> items, std::size_t axis, const ValueType& type);

// The type with a new axis of this size.
ValueType stacked_type(const ValueType& type, std::int64_t axis, const Dim& size);

// Counts what scan outputs hold that is not charged to the memory budget, the characters of strings, from iteration to
// iteration: an error when it is more than may still be taken.
class HeldStrings {
 public:
  Status add(const EvalContext& context, const Datum& item);

 private:
  std::size_t bytes_ = 0;
};

}  // namespace cycloid
