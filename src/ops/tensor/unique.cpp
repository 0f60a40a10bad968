// Unique: the distinct elements, or slices of an axis, where each occurs first, and how often.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/list.h"
#include "ops/tensor/movement.h"

namespace cycloid {
namespace {

// A total order in which NaNs are equal to one another and behind all numbers.
template <class T>
int compare(const T& a, const T& b) {
  if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>) {
    return compare(to_float(a), to_float(b));
  } else if constexpr (std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>) {
    const int real = compare(a.real(), b.real());
    return real != 0 ? real : compare(a.imag(), b.imag());
  } else {
    if (a < b) return -1;
    if (b < a) return 1;
    if constexpr (std::is_floating_point_v<T>) return static_cast<int>(std::isnan(a)) - static_cast<int>(std::isnan(b));
    return 0;
  }
}

struct Options {
  std::optional<std::int64_t> axis;
  bool sorted = true;

  static Result<Options> parse(const Node& node) {
    Options options;
    CYCLOID_ASSIGN(const std::int64_t sorted, get_int(node, "sorted", 1));
    options.sorted = sorted != 0;
    if (has_attribute(node, "axis")) {
      CYCLOID_ASSIGN(options.axis, get_int(node, "axis", 0));
    }
    return options;
  }
};

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const Options options, Options::parse(context.node()));
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0));
  const Dim count = Dim::unknown();
  Dim inverse = x.shape ? element_count(*x.shape) : Dim::unknown();
  if (!options.axis) {
    x.shape = Shape{count};
  } else if (x.shape) {
    CYCLOID_ASSIGN(const std::int64_t axis, normalize_axis(*options.axis, x.shape->size()));
    inverse = (*x.shape)[static_cast<std::size_t>(axis)];
    (*x.shape)[static_cast<std::size_t>(axis)] = count;
  }
  context.set_output(0, std::move(x));
  for (std::size_t i = 1; i < context.output_count(); ++i) {
    context.set_output(i, ValueType::tensor(DType::kInt64, {i == 2 ? inverse : count}));
  }
  return {};
}

// The groups of equal slices, in the output's order.
struct Groups {
  std::vector<std::int64_t> firsts;
  std::vector<std::int64_t> inverse;
  std::vector<std::int64_t> counts;
};

// `slices` runs of `run` elements each.
template <class T>
Groups group(const T* data, std::int64_t slices, std::int64_t run, bool sorted) {
  const auto order_of = [&](std::int64_t a, std::int64_t b) {
    for (std::int64_t i = 0; i < run; ++i) {
      if (const int order = compare(data[a * run + i], data[b * run + i]); order != 0) return order;
    }
    return 0;
  };
  std::vector<std::int64_t> order(static_cast<std::size_t>(slices));
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](std::int64_t a, std::int64_t b) { return order_of(a, b) < 0; });
  Groups groups;
  groups.inverse.resize(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || order_of(order[i - 1], order[i]) != 0) {
      groups.firsts.push_back(order[i]);
      groups.counts.push_back(0);
    }
    groups.inverse[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(groups.firsts.size()) - 1;
    ++groups.counts.back();
  }
  if (sorted) return groups;
  std::vector<std::int64_t> by_first(groups.firsts.size());
  std::iota(by_first.begin(), by_first.end(), 0);
  std::ranges::sort(by_first, {}, [&](std::int64_t g) { return groups.firsts[static_cast<std::size_t>(g)]; });
  Groups result;
  std::vector<std::int64_t> place(by_first.size());
  for (const std::int64_t g : by_first) {
    place[static_cast<std::size_t>(g)] = static_cast<std::int64_t>(result.firsts.size());
    result.firsts.push_back(groups.firsts[static_cast<std::size_t>(g)]);
    result.counts.push_back(groups.counts[static_cast<std::size_t>(g)]);
  }
  for (const std::int64_t g : groups.inverse) result.inverse.push_back(place[static_cast<std::size_t>(g)]);
  return result;
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const Options options, Options::parse(context.node()));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0));
  // The slices as the rows of a matrix.
  Tensor rows = x->reshaped({x->element_count(), 1});
  std::vector<std::int64_t> permutation;
  Dims moved;  // the sizes with the axis in front
  if (options.axis) {
    CYCLOID_ASSIGN(const std::int64_t axis, normalize_axis(*options.axis, x->rank()));
    permutation.push_back(axis);
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(x->rank()); ++i) {
      if (i != axis) permutation.push_back(i);
    }
    CYCLOID_ASSIGN(const Tensor front, transposed(*x, permutation));
    moved = front.dims();
    const std::int64_t run = product(moved, 1, moved.size());
    if (moved[0] > 0 && run == 0) return unsupported("Unique over slices without elements");
    rows = front.reshaped({moved[0], run});
  }
  Groups groups;
  const bool done = dispatch<float, double, Float16, BFloat16, std::int8_t, std::int16_t, std::int32_t, std::int64_t,
                             std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t, bool, std::string,
                             std::complex<float>, std::complex<double>>(rows.dtype(), [&]<class T>(const T&) {
    groups = group(rows.data<T>().data(), rows.dim(0), rows.dim(1), options.sorted);
  });
  if (!done) return unsupported("Unique of {} elements", to_string(x->dtype()));
  const auto count = static_cast<std::int64_t>(groups.firsts.size());
  CYCLOID_ASSIGN(Tensor y, Tensor::zeros(x->dtype(), {count, rows.dim(1)}));
  {
    const ElementCopier copier(rows, y);
    for (std::int64_t i = 0; i < count; ++i) {
      copier.copy(i * rows.dim(1), groups.firsts[static_cast<std::size_t>(i)] * rows.dim(1), rows.dim(1));
    }
  }
  if (options.axis) {
    moved[0] = count;
    std::vector<std::int64_t> inverse(permutation.size());
    for (std::size_t i = 0; i < permutation.size(); ++i)
      inverse[static_cast<std::size_t>(permutation[i])] = static_cast<std::int64_t>(i);
    CYCLOID_ASSIGN(y, transposed(y.reshaped(moved), inverse));
  } else {
    y = y.reshaped({count});
  }
  std::vector<Datum> data = outputs(std::move(y));
  data.emplace_back(int64s(groups.firsts));
  data.emplace_back(int64s(groups.inverse));
  data.emplace_back(int64s(groups.counts));
  data.resize(std::max<std::size_t>(context.output_count(), 1));
  return data;
}

}  // namespace

const Op kUnique = {.domain = "",
                    .name = "Unique",
                    .since = 11,
                    .min_inputs = 1,
                    .max_inputs = 1,
                    .max_outputs = 4,
                    .infer = infer,
                    .evaluate = evaluate};

}  // namespace cycloid
