#include "ops/reduce/reduction.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "ops/broadcast.h"
#include "ops/cost.h"
#include "ops/elements.h"
#include "ops/from_double.h"
#include "ops/infer.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

using Outputs = Result<std::vector<Datum>>;
using Axes = std::vector<std::int64_t>;

bool contains(const Axes& axes, std::size_t axis) {
  return std::ranges::binary_search(axes, static_cast<std::int64_t>(axis));
}

template <class Sizes>
Sizes reduced_shape(const Sizes& from, const Axes& axes, bool keep_dims) {
  Sizes to;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (!contains(axes, i)) {
      to.push_back(from[i]);
    } else if (keep_dims) {
      to.push_back(1);
    }
  }
  return to;
}

Status infer_reduce(InferContext& context) {
  CYCLOID_ASSIGN(const ReduceAttributes attributes, ReduceAttributes::parse(context.node()));
  const DType dtype = dtype_of(context, 0);
  const Shape* shape = shape_of(context, 0);
  CYCLOID_TRY(optional_input_type(context, 1, kInts));
  context.set_output(0, tensor_type(dtype, std::nullopt));
  const auto constant = constant_ints(context, 1);
  const bool known = !has_input(context, 1) || constant.has_value();
  if (shape == nullptr) return {};
  if (known) {
    CYCLOID_ASSIGN(const Axes axes, attributes.axes(constant, shape->size()));
    context.set_output(0, tensor_type(dtype, reduced_shape(*shape, axes, attributes.keep_dims)));
    return {};
  }
  if (!attributes.keep_dims) return {};
  Shape unknown;
  for (std::size_t i = 0; i < shape->size(); ++i) unknown.push_back(Dim::unknown());
  context.set_output(0, tensor_type(dtype, std::move(unknown)));
  return {};
}

// Combines the elements of a rank-1 shape, as exporters do to count elements.
template <Dim (*combine)(const Dim&, const Dim&)>
Status infer_shape_reduce(InferContext& context) {
  CYCLOID_TRY(infer_reduce(context));
  const auto data = context.shape_data(0);
  const auto axes = constant_ints(context, 1);
  if (!data || data->empty() || !shape_of(context, 0) || shape_of(context, 0)->size() != 1) return {};
  if (has_input(context, 1) && (!axes || axes->empty())) return {};
  CYCLOID_ASSIGN(const ReduceAttributes attributes, ReduceAttributes::parse(context.node()));
  if (!axes && attributes.noop_with_empty_axes) return {};
  Dim value = data->front();
  for (std::size_t i = 1; i < data->size(); ++i) value = combine(value, (*data)[i]);
  context.set_shape_data(0, {value});
  return {};
}

// The elements to reduce for one output element, and what they become. `dtype` is the tensor's.
template <class T>
using Reducer = T (*)(std::span<const T> elements, DType dtype);

// An operator's function in each wide type; null where it takes no such elements.
struct Reducers {
  Reducer<double> f64 = nullptr;
  Reducer<std::int64_t> i64 = nullptr;
  Reducer<std::uint64_t> u64 = nullptr;
};

template <class T>
void reduce_all(const Tensor& x, const Axes& axes, Tensor& y, Reducer<T> reduce) {
  if (y.element_count() == 0) return;
  const std::vector<std::int64_t> kept = offsets_along(x.dims(), axes, false);
  const std::vector<std::int64_t> inner = offsets_along(x.dims(), axes, true);
  std::vector<std::int64_t> offsets(inner.size());
  std::vector<T> elements(inner.size());
  for (std::size_t i = 0; i < kept.size(); ++i) {
    for (std::size_t k = 0; k < inner.size(); ++k) offsets[k] = kept[i] + inner[k];
    load_at<T>(x, offsets, elements);
    const T value = reduce(elements, x.dtype());
    store<T>(y, static_cast<std::int64_t>(i), std::span<const T>(&value, 1));
  }
}

Outputs evaluate_reduce(EvalContext& context, const Reducers& reducers) {
  CYCLOID_ASSIGN(const Tensor* x, context.tensor(0));
  CYCLOID_ASSIGN(const ReduceAttributes attributes, ReduceAttributes::parse(context.node()));
  std::optional<Axes> given;
  if (const Tensor* tensor = context.optional_tensor(1)) {
    if (!kInts.contains(tensor->dtype())) return invalid_argument("the axes must be integers");
    given = to_int64s(*tensor);
  }
  CYCLOID_ASSIGN(const Axes axes, attributes.axes(given, x->rank()));
  CYCLOID_ASSIGN(Tensor y, context.allocate(x->dtype(), reduced_shape(x->dims(), axes, attributes.keep_dims)));
  const Wide wide = wide_of(x->dtype());
  if (wide == Wide::kDouble && reducers.f64 != nullptr) {
    reduce_all<double>(*x, axes, y, reducers.f64);
  } else if (wide == Wide::kInt64 && reducers.i64 != nullptr) {
    reduce_all<std::int64_t>(*x, axes, y, reducers.i64);
  } else if (wide == Wide::kUInt64 && reducers.u64 != nullptr) {
    reduce_all<std::uint64_t>(*x, axes, y, reducers.u64);
  } else {
    return unsupported("it takes no {} tensors", to_string(x->dtype()));
  }
  return std::vector<Datum>{std::move(y)};
}

// --- The functions. Integer sums and products wrap; other integer results are computed in double and truncated.

template <class T>
using Modular = std::conditional_t<std::is_integral_v<T>, std::uint64_t, T>;

// Begins with the first element, as additions written one by one do: a sum of negative zeros is one.
template <class T>
T sum(std::span<const T> elements, DType) {
  Modular<T> total = elements.empty() ? 0 : static_cast<Modular<T>>(elements[0]);
  for (const T x : elements.subspan(elements.empty() ? 0 : 1)) total += static_cast<Modular<T>>(x);
  return static_cast<T>(total);
}
template <class T>
T product(std::span<const T> elements, DType) {
  Modular<T> total = 1;
  for (const T x : elements) total *= static_cast<Modular<T>>(x);
  return static_cast<T>(total);
}
template <class T>
T sum_square(std::span<const T> elements, DType) {
  Modular<T> total = 0;
  for (const T x : elements) total += static_cast<Modular<T>>(x) * static_cast<Modular<T>>(x);
  return static_cast<T>(total);
}
template <class T>
T norm1(std::span<const T> elements, DType) {
  Modular<T> total = 0;
  for (const T x : elements) total += x < 0 ? Modular<T>(0) - static_cast<Modular<T>>(x) : static_cast<Modular<T>>(x);
  return static_cast<T>(total);
}
template <class T>
T norm2(std::span<const T> elements, DType) {
  double total = 0;
  for (const T x : elements) total += static_cast<double>(x) * static_cast<double>(x);
  return from_double<T>(std::sqrt(total));
}
template <class T>
T mean(std::span<const T> elements, DType) {
  double total = 0;
  for (const T x : elements) total += static_cast<double>(x);
  if (elements.empty() && std::is_integral_v<T>) return T(0);
  return from_double<T>(total / static_cast<double>(elements.size()));
}

template <class T>
T log_sum(std::span<const T> elements, DType dtype) {
  return from_double<T>(std::log(static_cast<double>(sum<T>(elements, dtype))));
}
template <class T>
T log_sum_exp(std::span<const T> elements, DType) {
  double greatest = -std::numeric_limits<double>::infinity();
  for (const T x : elements) greatest = std::max(greatest, static_cast<double>(x));
  const bool bounded = !std::isinf(greatest);  // else x - greatest may be NaN where no x is
  double total = 0;
  for (const T x : elements) total += std::exp(static_cast<double>(x) - (bounded ? greatest : 0));
  return from_double<T>(greatest + std::log(total));
}

// The least (or greatest) value of an integer type, the result of a maximum (or minimum) of nothing.
std::int64_t limit(DType dtype, bool least) {
  if (dtype == DType::kBool) return least ? 0 : 1;
  const int bits = bits_of(dtype);
  if (!is_signed_integer(dtype)) return least ? 0 : static_cast<std::int64_t>((std::uint64_t{1} << bits) - 1);
  const auto most = static_cast<std::int64_t>((std::uint64_t{1} << (bits - 1)) - 1);
  return least ? -most - 1 : most;
}

template <class T, bool kGreatest>
T extreme(std::span<const T> elements, DType dtype) {
  if (elements.empty()) {
    if constexpr (std::is_same_v<T, double>)
      return kGreatest ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::infinity();
    if constexpr (std::is_same_v<T, std::uint64_t>) return kGreatest ? 0 : std::numeric_limits<T>::max();
    return static_cast<T>(limit(dtype, kGreatest));
  }
  T value = elements[0];
  for (const T x : elements) {
    if constexpr (std::is_same_v<T, double>) {
      if (std::isnan(x)) return x;
    }
    if (kGreatest ? x > value : x < value) value = x;
  }
  return value;
}

template <Reducer<double> F, Reducer<std::int64_t> I, Reducer<std::uint64_t> U>
Outputs evaluate(EvalContext& context) {
  return evaluate_reduce(context, {F, I, U});
}

constexpr DTypeSet kReducible = kFloats | DTypeSet{DType::kInt32, DType::kInt64, DType::kUInt32, DType::kUInt64};
constexpr DTypeSet kComparable = kReducible | kBools | DTypeSet{DType::kInt8, DType::kUInt8};

constexpr Op reduction(std::string_view name, std::int64_t since, Outputs (*evaluate_op)(EvalContext&), DTypeSet dtypes,
                       Result<Cost> (*cost)(const Graph&, const Node&) = cost_per_input<1>,
                       Status (*infer)(InferContext&) = infer_reduce) {
  return {
      .name = name,
      .since = since,
      .min_inputs = 1,
      .max_inputs = 2,
      .infer = infer,
      .evaluate = evaluate_op,
      .cost = cost,
      .dtypes = dtypes,
  };
}

using I64 = std::int64_t;
using U64 = std::uint64_t;
Dim add_dims(const Dim& a, const Dim& b) { return a + b; }
Dim multiply_dims(const Dim& a, const Dim& b) { return a * b; }

constexpr Op kOps[] = {
    reduction("ReduceL1", 18, evaluate<norm1<double>, norm1<I64>, norm1<U64>>, kReducible, cost_per_input<2>),
    reduction("ReduceL2", 18, evaluate<norm2<double>, norm2<I64>, norm2<U64>>, kReducible, cost_per_input<2>),
    reduction("ReduceLogSum", 28, evaluate<log_sum<double>, log_sum<I64>, log_sum<U64>>, kReducible),
    reduction("ReduceLogSumExp", 28, evaluate<log_sum_exp<double>, log_sum_exp<I64>, log_sum_exp<U64>>, kReducible,
              cost_per_input<3>),
    reduction("ReduceMax", 20, evaluate<extreme<double, true>, extreme<I64, true>, extreme<U64, true>>, kComparable,
              cost_per_input<0>, infer_shape_reduce<Dim::max>),
    reduction("ReduceMean", 18, evaluate<mean<double>, mean<I64>, mean<U64>>, kReducible),
    reduction("ReduceMin", 20, evaluate<extreme<double, false>, extreme<I64, false>, extreme<U64, false>>, kComparable,
              cost_per_input<0>, infer_shape_reduce<Dim::min>),
    reduction("ReduceProd", 18, evaluate<product<double>, product<I64>, product<U64>>, kReducible, cost_per_input<1>,
              infer_shape_reduce<multiply_dims>),
    reduction("ReduceSum", 13, evaluate<sum<double>, sum<I64>, sum<U64>>, kReducible, cost_per_input<1>,
              infer_shape_reduce<add_dims>),
    reduction("ReduceSumSquare", 18, evaluate<sum_square<double>, sum_square<I64>, sum_square<U64>>, kReducible,
              cost_per_input<2>),
};

}  // namespace

Result<ReduceAttributes> ReduceAttributes::parse(const Node& node) {
  ReduceAttributes attributes;
  CYCLOID_ASSIGN(const std::int64_t keep, get_int(node, "keepdims", 1));
  CYCLOID_ASSIGN(const std::int64_t noop, get_int(node, "noop_with_empty_axes", 0));
  attributes.keep_dims = keep != 0;
  attributes.noop_with_empty_axes = noop != 0;
  return attributes;
}

Result<std::vector<std::int64_t>> ReduceAttributes::axes(const std::optional<std::vector<std::int64_t>>& axes,
                                                         std::size_t rank) const {
  std::vector<std::int64_t> result;
  if (axes && !axes->empty()) {
    CYCLOID_ASSIGN(result, normalize_axes(*axes, rank));
    std::ranges::sort(result);
  } else if (!noop_with_empty_axes) {
    for (std::size_t i = 0; i < rank; ++i) result.push_back(static_cast<std::int64_t>(i));
  }
  return result;
}

std::vector<std::int64_t> offsets_along(const Dims& dims, const std::vector<std::int64_t>& axes, bool inside) {
  std::vector<std::int64_t> offsets{0};
  std::int64_t stride = 1;
  Dims strides(dims.size());
  for (std::size_t i = dims.size(); i-- > 0; stride *= dims[i]) strides[i] = stride;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (contains(axes, i) != inside) continue;
    std::vector<std::int64_t> next;
    next.reserve(offsets.size() * static_cast<std::size_t>(dims[i]));
    for (const std::int64_t offset : offsets) {
      for (std::int64_t k = 0; k < dims[i]; ++k) next.push_back(offset + k * strides[i]);
    }
    offsets = std::move(next);
  }
  return offsets;
}

void add_reduction_ops(OpList& list) {
  for (const Op& op : kOps) list.push_back(&op);
}

}  // namespace cycloid
