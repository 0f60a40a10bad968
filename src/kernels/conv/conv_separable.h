// A depthwise convolution and the pointwise one of its result in one, a few rows at a time: what lies between stays in L1 or L2,
// where as a whole it would be written to and read from L3. Protocol as in conv.h.
#pragma once

#include "kernels/conv/conv.h"

namespace cycloid::kernels {

struct ConvSeparablePlan {
  ConvPlan depthwise;
  ConvPlan pointwise[3];   // of an image's first, other and last units
  int64_t first_rows = 0;  // of the result, of an image's first unit
  int64_t rows = 0;        // of the others but the last, which has what is left
  int64_t parts = 0;       // units of an image
  int64_t units = 0;
  size_t packed_bytes = 0;   // the depthwise weights, then the pointwise ones
  size_t scratch_bytes = 0;  // per thread: the rows in between, then the scratch of both
  double cost_ns = 0;

  // Whether this is faster than one after the other: where input, result and what lies between do not stay in the L2 of the threads together, and the
  // weights, which each unit reads, weigh little beside them.
  bool pays(int64_t threads) const;

  // Rows [first_row, end_row) of a unit of an image.
  int64_t first_row(int64_t part) const;
  int64_t end_row(int64_t part) const;

  // Weights and biases (or null) as for ConvPlan::pack.
  void pack(const float* depthwise_weights, const float* depthwise_bias, const float* pointwise_weights,
            const float* pointwise_bias, void* packed) const;
  // `args.in` is the depthwise input; `args.residual` and `args.out` are the pointwise ones.
  void run(const ConvArgs& args, int64_t begin, int64_t end) const;
};

using ConvSeparableSelection = std::variant<ConvSeparablePlan, std::string>;
// `depthwise` as for a dense result without residual, `pointwise` as it follows. A reason where they are something else.
ConvSeparableSelection configure_conv_separable(const ConvParams& depthwise, const ConvParams& pointwise, Isa isa);

}  // namespace cycloid::kernels
