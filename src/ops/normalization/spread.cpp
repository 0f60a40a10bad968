// LpNormalization: x / the p-norm of its lane. MeanVarianceNormalization: (x - mean) / standard deviation over some axes.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/work_bounds.h"
#include "ops/cost.h"
#include "ops/elements.h"
#include "ops/infer.h"
#include "ops/lanes.h"
#include "ops/normalization/list.h"
#include "ops/reduce/reduction.h"

namespace cycloid {
namespace {

struct LpAttributes {
  std::int64_t axis = -1;
  std::int64_t p = 2;

  static Result<LpAttributes> parse(const Node& node) {
    LpAttributes attributes;
    CYCLOID_ASSIGN(attributes.axis, get_int(node, "axis", -1));
    CYCLOID_ASSIGN(attributes.p, get_int(node, "p", 2));
    if (attributes.p != 1 && attributes.p != 2)
      return invalid_model("attribute 'p' is {}, but must be 1 or 2", attributes.p);
    return attributes;
  }
};

Status infer_lp(InferContext& context) {
  CYCLOID_ASSIGN(const LpAttributes attributes, LpAttributes::parse(context.node()));
  if (const Shape* shape = shape_of(context, 0)) CYCLOID_TRY(normalize_axis(attributes.axis, shape->size()));
  return infer_same(context);
}

// A lane of zeros stays so.
Result<std::vector<Datum>> evaluate_lp(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, context.tensor(0));
  CYCLOID_ASSIGN(const LpAttributes attributes, LpAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const std::int64_t axis, normalize_axis(attributes.axis, x->rank()));
  CYCLOID_ASSIGN(Tensor y, context.allocate(x->dtype(), x->dims()));
  const Lanes lanes(x->dims(), axis);
  if (y.element_count() == 0) return std::vector<Datum>{std::move(y)};  // a lane may be long all the same
  std::vector<double> lane(static_cast<std::size_t>(lanes.length));
  for (std::int64_t i = 0; i < lanes.count(); ++i) {
    if (stopping()) break;
    load<double>(*x, lanes.start(i), lane, lanes.inner);
    double norm = 0;
    for (const double value : lane) norm += attributes.p == 1 ? std::fabs(value) : value * value;
    if (attributes.p == 2) norm = std::sqrt(norm);
    for (double& value : lane) value = norm == 0 ? 0 : value / norm;
    store<double>(y, lanes.start(i), std::span<const double>(lane), lanes.inner);
  }
  return std::vector<Datum>{std::move(y)};
}

Result<std::vector<std::int64_t>> mvn_axes(const Node& node, std::size_t rank) {
  CYCLOID_ASSIGN(std::vector<std::int64_t> axes, get_ints(node, "axes", {0, 2, 3}));
  CYCLOID_ASSIGN(axes, normalize_axes(std::move(axes), rank));
  std::ranges::sort(axes);
  return axes;
}

Status infer_mvn(InferContext& context) {
  CYCLOID_TRY(get_ints(context.node(), "axes"));
  if (const Shape* shape = shape_of(context, 0)) CYCLOID_TRY(mvn_axes(context.node(), shape->size()));
  return infer_same(context);
}

// The standard's function body adds 1e-9 to the standard deviation.
Result<std::vector<Datum>> evaluate_mvn(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, context.tensor(0));
  CYCLOID_ASSIGN(const auto axes, mvn_axes(context.node(), x->rank()));
  std::vector<double> values = load_all<double>(*x);
  const std::vector<std::int64_t> kept = offsets_along(x->dims(), axes, false);
  const std::vector<std::int64_t> inner = offsets_along(x->dims(), axes, true);
  const auto count = static_cast<double>(inner.size());
  for (const std::int64_t start : kept) {
    const auto at = [&](std::int64_t offset) -> double& { return values[static_cast<std::size_t>(start + offset)]; };
    double mean = 0;
    for (const std::int64_t offset : inner) mean += at(offset) / count;
    double variance = 0;
    for (const std::int64_t offset : inner) variance += (at(offset) - mean) * (at(offset) - mean) / count;
    for (const std::int64_t offset : inner) at(offset) = (at(offset) - mean) / (std::sqrt(variance) + 1e-9);
  }
  CYCLOID_ASSIGN(Tensor y, make_tensor<double>(context, x->dtype(), x->dims(), values));
  return std::vector<Datum>{std::move(y)};
}

constinit const Op kLpNormalization{.name = "LpNormalization",
                                    .since = 22,
                                    .min_inputs = 1,
                                    .max_inputs = 1,
                                    .infer = infer_lp,
                                    .evaluate = evaluate_lp,
                                    .cost = cost_per_output<3>,
                                    .dtypes = kFloats};

constinit const Op kMeanVarianceNormalization{.name = "MeanVarianceNormalization",
                                              .since = 13,
                                              .min_inputs = 1,
                                              .max_inputs = 1,
                                              .infer = infer_mvn,
                                              .evaluate = evaluate_mvn,
                                              .cost = cost_per_output<6>,
                                              .dtypes = kFloats};

}  // namespace

void add_spread_normalization_ops(OpList& list) {
  list.insert(list.end(), {&kLpNormalization, &kMeanVarianceNormalization});
}

}  // namespace cycloid
