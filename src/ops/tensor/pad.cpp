#include "ops/tensor/pad.h"

#include <algorithm>

#include "base/error.h"
#include "base/work_room.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/movement.h"

namespace cycloid {

Result<PadAttributes> PadAttributes::parse(const Node& node) {
  CYCLOID_ASSIGN(const std::string mode, get_string(node, "mode", "constant"));
  if (mode == "constant") return PadAttributes{PadMode::kConstant};
  if (mode == "reflect") return PadAttributes{PadMode::kReflect};
  if (mode == "edge") return PadAttributes{PadMode::kEdge};
  if (mode == "wrap") return PadAttributes{PadMode::kWrap};
  return invalid_model("mode '{}' of Pad is none of constant, reflect, edge and wrap", mode);
}

namespace {

// The pads of all axes, whatever they are made of.
template <class T>
Result<std::vector<T>> spread(const std::vector<T>& pads, const std::vector<std::int64_t>* axes, std::size_t rank) {
  const std::size_t count = axes != nullptr ? axes->size() : rank;
  if (pads.size() != 2 * count) return invalid_argument("pads has {} sizes, but {} are needed", pads.size(), 2 * count);
  if (axes == nullptr) return pads;
  CYCLOID_ASSIGN(const auto normal, normalize_axes(*axes, rank));
  std::vector<T> all(2 * rank, T(0));
  for (std::size_t i = 0; i < count; ++i) {
    const auto axis = static_cast<std::size_t>(normal[i]);
    all[axis] = pads[i];
    all[rank + axis] = pads[count + i];
  }
  return all;
}

}  // namespace

Result<Dims> pads_of_all_axes(const std::vector<std::int64_t>& pads, const std::vector<std::int64_t>* axes,
                              std::size_t rank) {
  return spread(pads, axes, rank);
}

namespace {

Status infer(InferContext& context) {
  CYCLOID_TRY(PadAttributes::parse(context.node()));
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0));
  CYCLOID_ASSIGN(const ValueType pads, input_type(context, 1, kInt64Type));
  CYCLOID_TRY(check_rank(pads, 1, "pads"));
  CYCLOID_ASSIGN(const auto value, optional_input_type(context, 2));
  if (value) CYCLOID_TRY(check_same_dtype(x, *value, "data and constant_value"));
  CYCLOID_TRY(optional_input_type(context, 3, kIndexTypes));
  if (x.shape) {
    const auto sizes = context.shape_data(1);
    const auto axes = known_integers(context, 3);
    if (sizes && (axes || !has_input(context, 3))) {
      CYCLOID_ASSIGN(const auto all, spread(*sizes, axes ? &*axes : nullptr, x.shape->size()));
      for (std::size_t i = 0; i < x.shape->size(); ++i) {
        Dim& dim = (*x.shape)[i];
        dim = dim + all[i] + all[i + x.shape->size()];
        if (dim.is_known() && dim.value() < 0)
          return invalid_argument("the pads remove more of axis {} than there is", i);
      }
    } else {
      for (Dim& dim : *x.shape) dim = Dim::unknown();
    }
  }
  context.set_output(0, std::move(x));
  return {};
}

}  // namespace

Result<Dims> padded_dims(const Dims& dims, const Dims& pads) {
  Shape shape;
  for (std::size_t i = 0; i < dims.size(); ++i) shape.push_back(Dim(dims[i]) + pads[i] + pads[dims.size() + i]);
  return concrete(shape);
}

Result<std::vector<std::int64_t>> axis_sources(std::int64_t size, std::int64_t begin, std::int64_t end, PadMode mode) {
  // Negative pads crop first; the rest pads what is left.
  const std::int64_t first = std::max<std::int64_t>(-begin, 0);
  const std::int64_t count = size - first - std::max<std::int64_t>(-end, 0);
  const std::int64_t before = std::max<std::int64_t>(begin, 0);
  const std::int64_t after = std::max<std::int64_t>(end, 0);
  if (count < 0) return invalid_argument("pads {} and {} remove more than a size of {}", begin, end, size);
  if (count == 0 && before + after > 0 && mode != PadMode::kConstant) {
    return invalid_argument("an axis without elements can only be padded with a constant");
  }
  const auto all = static_cast<std::size_t>(before + count + after);
  CYCLOID_TRY(check_room(all, sizeof(std::int64_t)));
  std::vector<std::int64_t> sources;
  sources.reserve(all);
  for (std::int64_t i = -before; i < count + after; ++i) {
    std::int64_t at = i;
    if (i < 0 || i >= count) {
      if (mode == PadMode::kConstant) {
        sources.push_back(-1);
        continue;
      }
      if (mode == PadMode::kEdge) at = std::clamp<std::int64_t>(i, 0, count - 1);
      if (mode == PadMode::kWrap) at = (i % count + count) % count;
      if (mode == PadMode::kReflect) {
        const std::int64_t period = std::max<std::int64_t>(2 * (count - 1), 1);
        at = (i % period + period) % period;
        if (at >= count) at = period - at;
      }
    }
    sources.push_back(first + at);
  }
  return sources;
}

namespace {

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const PadAttributes attributes, PadAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0));
  CYCLOID_ASSIGN(const Tensor* pad_tensor, tensor_input(context, 1, kInt64Type));
  CYCLOID_ASSIGN(const Tensor* value, optional_tensor_input(context, 2));
  CYCLOID_ASSIGN(const Tensor* axis_tensor, optional_tensor_input(context, 3, kIndexTypes));
  CYCLOID_ASSIGN(const auto pads_given, integers(*pad_tensor, "pads"));
  std::vector<std::int64_t> axes;
  if (axis_tensor != nullptr) {
    CYCLOID_ASSIGN(axes, integers(*axis_tensor, "axes"));
  }
  const std::size_t rank = x->rank();
  CYCLOID_ASSIGN(const Dims pads, pads_of_all_axes(pads_given, axis_tensor != nullptr ? &axes : nullptr, rank));
  CYCLOID_ASSIGN(const Dims dims, padded_dims(x->dims(), pads));
  CYCLOID_TRY(check_fits(context, x->dtype(), dims));
  CYCLOID_ASSIGN(Tensor y, Tensor::zeros(x->dtype(), dims));
  if (value != nullptr && attributes.mode == PadMode::kConstant) {
    CYCLOID_TRY(check_same_dtype(*x, *value, "data and constant_value"));
    if (value->element_count() != 1)
      return invalid_argument("constant_value must be one element, but is {}", to_string(value->dims()));
    CYCLOID_ASSIGN(y, broadcast_to(value->reshaped({}), dims));
  }
  if (rank == 0) return outputs(*x);
  if (y.element_count() == 0) return outputs(std::move(y));
  std::vector<std::vector<std::int64_t>> sources;
  for (std::size_t i = 0; i < rank; ++i) {
    CYCLOID_ASSIGN(auto list, axis_sources(x->dim(i), pads[i], pads[rank + i], attributes.mode));
    sources.push_back(std::move(list));
  }
  const Dims strides = strides_of(x->dims());
  const std::vector<std::int64_t>& inner = sources.back();
  const Dims outer(dims.begin(), dims.end() - 1);
  const ElementCopier copier(*x, y);
  std::int64_t to = 0;
  for_each_index(outer, [&](const Dims& index) {
    std::int64_t from = 0;
    bool constant = false;
    for (std::size_t i = 0; i < index.size(); ++i) {
      const std::int64_t source = sources[i][static_cast<std::size_t>(index[i])];
      constant = constant || source < 0;
      from += source * strides[i];
    }
    if (!constant) {
      for (std::size_t i = 0; i < inner.size(); ++i) {
        if (inner[i] >= 0) copier.copy(to + static_cast<std::int64_t>(i), from + inner[i]);
      }
    }
    to += dims.back();
  });
  return outputs(std::move(y));
}

}  // namespace

const Op kPad = {
    .domain = "", .name = "Pad", .since = 18, .min_inputs = 2, .max_inputs = 4, .infer = infer, .evaluate = evaluate};

}  // namespace cycloid
