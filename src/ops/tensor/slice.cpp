#include "ops/tensor/slice.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/list.h"
#include "ops/tensor/movement.h"

namespace cycloid {
namespace {

using Ints = std::vector<std::int64_t>;

// A concrete range of an axis: `count` elements from `begin` on, `step` apart.
struct Range {
  std::int64_t begin = 0;
  std::int64_t count = 0;
  std::int64_t step = 1;
};

Range range_of(std::int64_t size, std::int64_t start, std::int64_t end, std::int64_t step) {
  if (size == 0) return {0, 0, step};
  // As the specification clamps them, and not as numpy does: backwards, a start before the first element is the first
  // element, and an end of -1 stands for the place before it.
  const std::int64_t high = step > 0 ? size : size - 1;
  start = std::clamp<std::int64_t>(start < 0 ? start + size : start, 0, high);
  end = std::clamp<std::int64_t>(end < 0 ? end + size : end, step > 0 ? 0 : -1, high);
  const std::int64_t span = step > 0 ? end - start : start - end;
  // The magnitude of the least int64 is not an int64.
  const std::int64_t stride =
      step == std::numeric_limits<std::int64_t>::min() ? std::numeric_limits<std::int64_t>::max() : std::abs(step);
  return {start, span <= 0 ? 0 : (span - 1) / stride + 1, step};
}

constexpr std::int64_t kEndless = std::numeric_limits<std::int32_t>::max();  // what exporters write for "to the end"

// How many elements a range of an axis of symbolic size has. Start and end may be symbolic sizes, never negative then.
Dim symbolic_count(const Dim& size, const Dim& start, const Dim& end, std::int64_t step) {
  const auto starts_at_zero = [&] { return start.is(0); };
  if (step < 0) {
    const bool whole =
        start.is_known() && (start.is(-1) || start.value() >= kEndless) && end.is_known() && end.value() <= -kEndless;
    if (!whole || step <= -kEndless) return Dim::unknown();
    return Dim::ceil_div(size, -step);
  }
  const auto clamped = [&](const Dim& at) {
    if (at.is_known() && at.value() < 0) return Dim::max(size + at, 0);
    if (at.is_known() && at.value() >= kEndless) return size;
    return at.is(0) || at == size ? at : Dim::min(at, size);
  };
  Dim span;
  const bool open_end = (end.is_known() && end.value() >= kEndless) || end == size;
  if (open_end && start.is_known()) {
    span = start.value() >= 0 ? (starts_at_zero() ? size : Dim::max(size - start, 0)) : Dim::min(size, Dim(0) - start);
  } else if (starts_at_zero()) {
    span = clamped(end);
  } else {
    span = Dim::max(clamped(end) - clamped(start), 0);
  }
  return step == 1 ? span : Dim::ceil_div(span, step);
}

// The axes a Slice works on: those given, or the first `count`.
Result<Ints> sliced_axes(const Ints* given, std::size_t count, std::size_t rank) {
  Ints axes;
  if (given != nullptr) {
    axes = *given;
  } else {
    for (std::size_t i = 0; i < count; ++i) axes.push_back(static_cast<std::int64_t>(i));
  }
  if (axes.size() != count) return invalid_argument("Slice has {} starts but {} axes", count, axes.size());
  return normalize_axes(std::move(axes), rank);
}

Status check_steps(const Ints& steps) {
  if (std::ranges::find(steps, 0) != steps.end()) return invalid_argument("a step of Slice is 0");
  return {};
}

// The pieces of shape data that a Slice of rank 1 keeps.
void slice_shape_data(InferContext& context, const Dim& start, const Dim& end, std::int64_t step) {
  const auto data = context.shape_data(0);
  if (!data || !start.is_known() || !end.is_known()) return;
  const Range range = range_of(static_cast<std::int64_t>(data->size()), start.value(), end.value(), step);
  ShapeData kept;
  for (std::int64_t i = 0; i < range.count; ++i)
    kept.push_back((*data)[static_cast<std::size_t>(range.begin + i * range.step)]);
  context.set_shape_data(0, std::move(kept));
}

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const ValueType x, input_type(context, 0));
  for (std::size_t i = 1; i < context.input_count(); ++i) {
    CYCLOID_ASSIGN(const auto type, optional_input_type(context, i, kIndexTypes));
    if (type) CYCLOID_TRY(check_rank(*type, 1, "starts, ends, axes and steps"));
  }
  ValueType y = ValueType::tensor(x.dtype);
  if (!x.shape) {
    context.set_output(0, std::move(y));
    return {};
  }
  y.shape = *x.shape;
  const auto starts = context.shape_data(1);
  const auto ends = context.shape_data(2);
  const auto axes_given = known_integers(context, 3);
  const auto steps = known_integers(context, 4);
  const std::size_t rank = x.shape->size();
  const auto count = [&]() -> std::optional<std::size_t> {
    for (const std::size_t i : {1, 2, 3, 4}) {
      if (!has_input(context, i)) continue;
      const Shape* shape = shape_of(context, i);
      if (shape != nullptr && (*shape)[0].is_known()) return static_cast<std::size_t>((*shape)[0].value());
    }
    return std::nullopt;
  }();
  if (!count || (has_input(context, 3) && !axes_given)) {
    for (Dim& dim : *y.shape) dim = Dim::unknown();
    context.set_output(0, std::move(y));
    return {};
  }
  if (*count > rank) return invalid_argument("Slice has {} starts, but its input has rank {}", *count, rank);
  CYCLOID_ASSIGN(const Ints axes, sliced_axes(axes_given ? &*axes_given : nullptr, *count, rank));
  if (steps) CYCLOID_TRY(check_steps(*steps));
  for (const auto& list : {starts, ends}) {
    if (list && list->size() != *count)
      return invalid_argument("starts, ends, axes and steps of Slice differ in length");
  }
  if (steps && steps->size() != *count)
    return invalid_argument("starts, ends, axes and steps of Slice differ in length");
  for (std::size_t i = 0; i < *count; ++i) {
    Dim& dim = (*y.shape)[static_cast<std::size_t>(axes[i])];
    const bool known = starts && ends && (steps || !has_input(context, 4));
    if (!known) {
      dim = Dim::unknown();
      continue;
    }
    const std::int64_t step = steps ? (*steps)[i] : 1;
    if (rank == 1) slice_shape_data(context, (*starts)[i], (*ends)[i], step);
    if (dim.is_known() && (*starts)[i].is_known() && (*ends)[i].is_known()) {
      dim = range_of(dim.value(), (*starts)[i].value(), (*ends)[i].value(), step).count;
    } else {
      dim = symbolic_count(dim, (*starts)[i], (*ends)[i], step);
    }
  }
  context.set_output(0, std::move(y));
  return {};
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0));
  std::optional<Ints> lists[4];
  for (std::size_t i = 0; i < 4; ++i) {
    CYCLOID_ASSIGN(const Tensor* list, optional_tensor_input(context, i + 1, kIndexTypes));
    if (list == nullptr) continue;
    CYCLOID_ASSIGN(lists[i], integers(*list, "starts, ends, axes and steps"));
  }
  if (!lists[0] || !lists[1]) return invalid_model("Slice needs starts and ends");
  const auto given = [&](std::size_t i) { return lists[i] ? &*lists[i] : nullptr; };
  CYCLOID_ASSIGN(SliceView view, slice_view(x->dims(), *lists[0], *lists[1], given(2), given(3)));
  CYCLOID_ASSIGN(Tensor y, strided_copy(*x, std::move(view.dims), view.offset, view.strides));
  return outputs(std::move(y));
}

}  // namespace

Result<SliceView> slice_view(const Dims& dims, const Ints& starts, const Ints& ends, const Ints* axes,
                             const Ints* steps) {
  const std::size_t count = starts.size();
  if (ends.size() != count || (steps != nullptr && steps->size() != count))
    return invalid_argument("starts, ends, axes and steps of Slice differ in length");
  CYCLOID_ASSIGN(const Ints normal, sliced_axes(axes, count, dims.size()));
  if (steps != nullptr) CYCLOID_TRY(check_steps(*steps));
  SliceView view{.dims = dims, .offset = 0, .strides = strides_of(dims)};
  for (std::size_t i = 0; i < count; ++i) {
    const auto axis = static_cast<std::size_t>(normal[i]);
    const Range range = range_of(view.dims[axis], starts[i], ends[i], steps != nullptr ? (*steps)[i] : 1);
    view.dims[axis] = range.count;
    if (range.count == 0) continue;
    view.offset += range.begin * view.strides[axis];
    // A step beyond the axis is never taken.
    view.strides[axis] = range.count > 1 ? view.strides[axis] * range.step : 0;
  }
  return view;
}

const Op kSlice = {
    .domain = "", .name = "Slice", .since = 10, .min_inputs = 3, .max_inputs = 5, .infer = infer, .evaluate = evaluate};

}  // namespace cycloid
