// The step of convolutions, and of what is computed as one.
#pragma once

#include <optional>
#include <utility>

#include "kernels/conv/conv.h"
#include "plan/lowering/lowering.h"

namespace cycloid {

// A convolution, or one with the pooling or the pointwise convolution of its result (AnyPlan).
template <class AnyPlan>
class ConvStep final : public Step {
 public:
  ConvStep(AnyPlan plan, Place in, Place out, std::optional<Place> residual, const void* packed)
      : plan_(std::move(plan)),
        in_(std::move(in)),
        out_(std::move(out)),
        residual_(std::move(residual)),
        packed_(packed) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const kernels::ConvArgs args{.in = context.at<const float>(in_),
                                 .residual = residual_ ? context.at<const float>(*residual_) : nullptr,
                                 .packed = packed_,
                                 .out = context.at<float>(out_),
                                 .scratch = context.scratch};
    plan_.run(args, begin, end);
  }

 private:
  AnyPlan plan_;
  Place in_, out_;
  std::optional<Place> residual_;
  const void* packed_;
};

}  // namespace cycloid
