// A convolution and the pooling of its result in one, row by row: the rows that a window of the pooling covers stay in L1 or L2,
// and the convolution's result is never stored. Protocol as in conv.h.
#pragma once

#include "kernels/conv/conv.h"
#include "kernels/pool/pool.h"

namespace cycloid::kernels {

struct ConvPoolPlan {
  ConvPlan conv;
  PoolPlan pool;
  size_t conv_scratch = 0;   // bytes; behind them lies the ring of rows
  size_t scratch_bytes = 0;  // per thread
  int64_t units = 0;         // rows of the pooling's output
  double range_share = 0;    // of a unit's cost: what each range of units computes again

  // `args.out` is the pooling's output.
  void run(const ConvArgs& args, int64_t begin, int64_t end) const;
};

using ConvPoolSelection = std::variant<ConvPoolPlan, std::string>;
// `conv` as configured for a dense result; `pool` as it follows, of the same channels and sizes. A reason where the convolution's
// kernel makes no single rows, or the rows would not stay near.
ConvPoolSelection configure_conv_pool(const ConvPlan& conv, const PoolParams& pool);

}  // namespace cycloid::kernels
