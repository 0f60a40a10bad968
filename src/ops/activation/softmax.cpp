#include "ops/activation/softmax.h"

#include <algorithm>
#include <cmath>

#include "ops/cost.h"
#include "ops/elements.h"
#include "ops/infer.h"
#include "ops/lanes.h"

namespace cycloid {
namespace {

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const std::int64_t axis, get_int(context.node(), "axis", -1));
  if (const Shape* shape = shape_of(context, 0); shape != nullptr && !shape->empty())
    CYCLOID_TRY(normalize_axis(axis, shape->size()));
  return infer_same(context);
}

// Subtracting the greatest element keeps exp() finite and changes no quotient.
void softmax(std::span<double> lane) {
  const double greatest = *std::ranges::max_element(lane);
  double sum = 0;
  for (double& x : lane) sum += x = std::exp(x - greatest);
  for (double& x : lane) x /= sum;
}

void log_softmax(std::span<double> lane) {
  const double greatest = *std::ranges::max_element(lane);
  double sum = 0;
  for (const double x : lane) sum += std::exp(x - greatest);
  for (double& x : lane) x -= greatest + std::log(sum);
}

// 1 at the first greatest element, else 0.
void hardmax(std::span<double> lane) {
  const auto greatest = std::ranges::max_element(lane) - lane.begin();
  std::ranges::fill(lane, 0.0);
  lane[static_cast<std::size_t>(greatest)] = 1;
}

template <void (*F)(std::span<double>)>
Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, context.tensor(0));
  CYCLOID_ASSIGN(std::int64_t axis, get_int(context.node(), "axis", -1));
  CYCLOID_ASSIGN(Tensor y, context.allocate(x->dtype(), x->dims()));
  const Dims dims = x->rank() == 0 ? Dims{1} : x->dims();
  CYCLOID_ASSIGN(axis, normalize_axis(axis, dims.size()));
  const Lanes lanes(dims, axis);
  std::vector<double> lane(static_cast<std::size_t>(lanes.length));
  for (std::int64_t i = 0; i < lanes.count() && lanes.length > 0; ++i) {
    load<double>(*x, lanes.start(i), lane, lanes.inner);
    F(lane);
    store<double>(y, lanes.start(i), lane, lanes.inner);
  }
  return std::vector<Datum>{std::move(y)};
}

constexpr Op along_axis(std::string_view name, Result<std::vector<Datum>> (*evaluate_op)(EvalContext&),
                        Result<Cost> (*cost)(const Graph&, const Node&)) {
  return {
      .name = name,
      .since = 13,
      .min_inputs = 1,
      .max_inputs = 1,
      .infer = infer,
      .evaluate = evaluate_op,
      .cost = cost,
      .dtypes = kFloats,
  };
}

}  // namespace

constinit const Op kSoftmax = along_axis("Softmax", evaluate<softmax>, cost_per_output<4>);
constinit const Op kLogSoftmax = along_axis("LogSoftmax", evaluate<log_softmax>, cost_per_output<4>);
constinit const Op kHardmax = along_axis("Hardmax", evaluate<hardmax>, nullptr);

}  // namespace cycloid
