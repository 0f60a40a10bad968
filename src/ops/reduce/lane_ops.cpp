#include "ops/reduce/lane_ops.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "base/error.h"
#include "base/work_bounds.h"
#include "ops/cost.h"
#include "ops/elements.h"
#include "ops/infer.h"
#include "ops/lanes.h"

namespace cycloid {
namespace {

using Outputs = Result<std::vector<Datum>>;

// Runs `visit(T{})` in the wide type of the tensor's elements.
template <class Visit>
auto visit_wide(DType dtype, Visit&& visit) {
  switch (wide_of(dtype)) {
    case Wide::kDouble: return visit(double{});
    case Wide::kUInt64: return visit(std::uint64_t{});
    case Wide::kInt64: break;
  }
  return visit(std::int64_t{});
}

// A strict weak order in which NaN is above all numbers, so that sorting never meets an inconsistent comparison.
template <class T>
bool above(T a, T b) {
  if constexpr (std::is_same_v<T, double>) {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && !std::isnan(b);
  }
  return a > b;
}

// --- ArgMax, ArgMin.
struct ArgAttributes {
  std::int64_t axis = 0;
  bool keep_dims = true;
  bool last = false;

  static Result<ArgAttributes> parse(const Node& node) {
    ArgAttributes attributes;
    CYCLOID_ASSIGN(attributes.axis, get_int(node, "axis", 0));
    CYCLOID_ASSIGN(const std::int64_t keep, get_int(node, "keepdims", 1));
    CYCLOID_ASSIGN(const std::int64_t last, get_int(node, "select_last_index", 0));
    attributes.keep_dims = keep != 0;
    attributes.last = last != 0;
    return attributes;
  }

  template <class Sizes>
  Result<Sizes> reduced(Sizes shape) const {
    CYCLOID_ASSIGN(const std::int64_t at, normalize_axis(axis, shape.size()));
    if (keep_dims) {
      shape[static_cast<std::size_t>(at)] = 1;
    } else {
      shape.erase(shape.begin() + at);
    }
    return shape;
  }
};

Status infer_arg(InferContext& context) {
  CYCLOID_ASSIGN(const ArgAttributes attributes, ArgAttributes::parse(context.node()));
  context.set_output(0, ValueType::tensor(DType::kInt64));
  if (const Shape* shape = shape_of(context, 0)) {
    CYCLOID_ASSIGN(Shape reduced, attributes.reduced(*shape));
    context.set_output(0, ValueType::tensor(DType::kInt64, std::move(reduced)));
  }
  return {};
}

template <bool kGreatest>
Outputs evaluate_arg(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, context.tensor(0));
  CYCLOID_ASSIGN(const ArgAttributes attributes, ArgAttributes::parse(context.node()));
  CYCLOID_ASSIGN(Dims dims, attributes.reduced(x->dims()));
  CYCLOID_ASSIGN(const std::int64_t axis, normalize_axis(attributes.axis, x->rank()));
  CYCLOID_ASSIGN(Tensor y, context.allocate(DType::kInt64, std::move(dims)));
  const Lanes lanes(x->dims(), axis);
  if (lanes.length == 0 && lanes.count() != 0) return invalid_argument("axis {} has no elements to choose from", axis);
  const auto to = y.mutable_data<std::int64_t>();
  visit_wide(x->dtype(), [&]<class T>(T) {
    if (x->element_count() == 0) return;  // a lane may be long all the same
    std::vector<T> lane(static_cast<std::size_t>(lanes.length));
    for (std::int64_t i = 0; i < lanes.count(); ++i) {
      if (stopping()) break;
      load<T>(*x, lanes.start(i), lane, lanes.inner);
      std::size_t best = 0;
      for (std::size_t k = 1; k < lane.size(); ++k) {
        const bool better = kGreatest ? above(lane[k], lane[best]) : above(lane[best], lane[k]);
        const bool equal = attributes.last && lane[k] == lane[best];
        if (better || equal) best = k;
      }
      to[static_cast<std::size_t>(i)] = static_cast<std::int64_t>(best);
    }
  });
  return std::vector<Datum>{std::move(y)};
}

constexpr Op arg_op(std::string_view name, Outputs (*evaluate)(EvalContext&)) {
  return {.name = name,
          .since = 13,
          .min_inputs = 1,
          .max_inputs = 1,
          .infer = infer_arg,
          .evaluate = evaluate,
          .dtypes = kNumbers};
}

// --- CumSum, CumProd.
Status infer_cumulative(InferContext& context) {
  CYCLOID_TRY(get_int(context.node(), "exclusive", 0));
  CYCLOID_TRY(get_int(context.node(), "reverse", 0));
  CYCLOID_TRY(check_dtype(context, 1, {DType::kInt32, DType::kInt64}));
  if (const auto axis = constant_ints(context, 1); axis && axis->size() == 1 && shape_of(context, 0) != nullptr) {
    CYCLOID_TRY(normalize_axis(axis->front(), shape_of(context, 0)->size()));
  }
  return infer_same(context);
}

// Integers wrap.
template <class T, template <class> class Combine>
T combine(T a, T b) {
  if constexpr (std::is_same_v<T, double>) {
    return Combine<double>()(a, b);
  } else {
    return static_cast<T>(Combine<std::uint64_t>()(static_cast<std::uint64_t>(a), static_cast<std::uint64_t>(b)));
  }
}

template <template <class> class Combine, int kNeutral>
Outputs evaluate_cumulative(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, context.tensor(0));
  CYCLOID_ASSIGN(const Tensor* axis_tensor, context.tensor(1));
  CYCLOID_ASSIGN(std::int64_t axis, load_scalar<std::int64_t>(*axis_tensor, "the axis"));
  CYCLOID_ASSIGN(const std::int64_t exclusive, get_int(context.node(), "exclusive", 0));
  CYCLOID_ASSIGN(const std::int64_t reverse, get_int(context.node(), "reverse", 0));
  CYCLOID_ASSIGN(axis, normalize_axis(axis, x->rank()));
  CYCLOID_ASSIGN(Tensor y, context.allocate(x->dtype(), x->dims()));
  const Lanes lanes(x->dims(), axis);
  visit_wide(x->dtype(), [&]<class T>(T) {
    if (x->element_count() == 0) return;  // a lane may be long all the same
    std::vector<T> lane(static_cast<std::size_t>(lanes.length));
    for (std::int64_t i = 0; i < lanes.count(); ++i) {
      if (stopping()) break;
      load<T>(*x, lanes.start(i), lane, lanes.inner);
      if (reverse != 0) std::ranges::reverse(lane);
      T running = kNeutral;
      for (T& element : lane) {
        const T next = combine<T, Combine>(running, element);
        element = exclusive != 0 ? running : next;
        running = next;
      }
      if (reverse != 0) std::ranges::reverse(lane);
      store<T>(y, lanes.start(i), std::span<const T>(lane), lanes.inner);
    }
  });
  return std::vector<Datum>{std::move(y)};
}

constexpr DTypeSet kSummable = kFloats | DTypeSet{DType::kInt32, DType::kInt64, DType::kUInt32, DType::kUInt64};

// --- TopK.
Status infer_top_k(InferContext& context) {
  CYCLOID_ASSIGN(const std::int64_t axis, get_int(context.node(), "axis", -1));
  CYCLOID_TRY(check_dtype(context, 1, {DType::kInt64}));
  std::optional<Shape> shape;
  if (const Shape* x = shape_of(context, 0)) {
    CYCLOID_ASSIGN(const std::int64_t at, normalize_axis(axis, x->size()));
    const auto k = context.shape_data(1);
    shape = *x;
    Dim& size = (*shape)[static_cast<std::size_t>(at)];
    if (k && k->size() == 1) {
      if (k->front().is_known() && k->front().value() < 0) return invalid_model("k is {}", k->front().value());
      if (k->front().is_known() && size.is_known() && k->front().value() > size.value()) {
        return invalid_model("k is {}, but axis {} has {} elements", k->front().value(), at, size.value());
      }
      size = k->front();
    } else {
      size = Dim::unknown();
    }
  }
  context.set_output(0, tensor_type(dtype_of(context, 0), shape));
  context.set_output(1, tensor_type(DType::kInt64, shape));
  return {};
}

Outputs evaluate_top_k(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, context.tensor(0));
  CYCLOID_ASSIGN(const Tensor* k_tensor, context.tensor(1));
  CYCLOID_ASSIGN(const std::int64_t k, load_scalar<std::int64_t>(*k_tensor, "k"));
  CYCLOID_ASSIGN(std::int64_t axis, get_int(context.node(), "axis", -1));
  CYCLOID_ASSIGN(const std::int64_t largest, get_int(context.node(), "largest", 1));
  CYCLOID_ASSIGN(axis, normalize_axis(axis, x->rank()));
  Dims dims = x->dims();
  std::int64_t& size = dims[static_cast<std::size_t>(axis)];
  if (k < 0 || k > size) return invalid_argument("k is {}, but axis {} has {} elements", k, axis, size);
  size = k;
  CYCLOID_ASSIGN(Tensor values, context.allocate(x->dtype(), dims));
  CYCLOID_ASSIGN(Tensor indices, context.allocate(DType::kInt64, dims));
  const Lanes lanes(x->dims(), axis);
  visit_wide(x->dtype(), [&]<class T>(T) {
    if (x->element_count() == 0) return;  // a lane may be long all the same
    std::vector<T> lane(static_cast<std::size_t>(lanes.length));
    std::vector<std::int64_t> order(lane.size());
    for (std::int64_t i = 0; i < lanes.count(); ++i) {
      if (stopping()) break;
      load<T>(*x, lanes.start(i), lane, lanes.inner);
      std::iota(order.begin(), order.end(), 0);
      // Of equal elements the one with the lower index comes first. Sorted, even where the node does not ask for it.
      std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](std::int64_t a, std::int64_t b) {
        const T u = lane[static_cast<std::size_t>(a)];
        const T v = lane[static_cast<std::size_t>(b)];
        if (above(u, v) || above(v, u)) return largest != 0 ? above(u, v) : above(v, u);
        return a < b;
      });
      std::vector<T> best;
      for (std::int64_t j = 0; j < k; ++j)
        best.push_back(lane[static_cast<std::size_t>(order[static_cast<std::size_t>(j)])]);
      store<T>(values, lanes.start(i, k), std::span<const T>(best), lanes.inner);
      store<std::int64_t>(indices, lanes.start(i, k), std::span<const std::int64_t>(order.data(), best.size()),
                          lanes.inner);
    }
  });
  return std::vector<Datum>{std::move(values), std::move(indices)};
}

constexpr Op cumulative(std::string_view name, std::int64_t since, Outputs (*evaluate)(EvalContext&)) {
  return {
      .name = name,
      .since = since,
      .min_inputs = 2,
      .max_inputs = 2,
      .infer = infer_cumulative,
      .evaluate = evaluate,
      .cost = cost_per_output<1>,
      .dtypes = kSummable,
  };
}

}  // namespace

constinit const Op kArgMax = arg_op("ArgMax", evaluate_arg<true>);
constinit const Op kArgMin = arg_op("ArgMin", evaluate_arg<false>);
constinit const Op kCumSum = cumulative("CumSum", 14, evaluate_cumulative<std::plus, 0>);
constinit const Op kCumProd = cumulative("CumProd", 26, evaluate_cumulative<std::multiplies, 1>);
constinit const Op kTopK{
    .name = "TopK",
    .since = 24,
    .min_inputs = 2,
    .max_inputs = 2,
    .min_outputs = 2,
    .max_outputs = 2,
    .infer = infer_top_k,
    .evaluate = evaluate_top_k,
    .dtypes = kNumbers,
};

}  // namespace cycloid
