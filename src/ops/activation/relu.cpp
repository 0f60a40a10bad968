#include "ops/activation/relu.h"

#include "ops/broadcast.h"
#include "ops/cost.h"
#include "ops/infer.h"

namespace cycloid {

constinit const Op kRelu{
    .name = "Relu",
    .since = 14,
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer_same,
    .evaluate =
        [](EvalContext& context) {
          ElementKernel kernel;
          kernel.f64 = unary_chunk<double>([](double x) { return x < 0 ? 0.0 : x; });
          kernel.i64 = unary_chunk<std::int64_t>([](std::int64_t x) { return x < 0 ? 0 : x; });
          return map_inputs(context, kernel);
        },
    .cost = cost_per_output<1>,
    .dtypes = kFloats | kSignedInts,
};

}  // namespace cycloid
