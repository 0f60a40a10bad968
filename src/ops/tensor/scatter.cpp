// ScatterElements and ScatterND: a copy of data with elements, or slices, replaced or combined with updates.
#include <algorithm>
#include <cmath>
#include <string>

#include "base/error.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/indices.h"
#include "ops/tensor/list.h"
#include "ops/tensor/movement.h"

namespace cycloid {
namespace {

enum class Reduction { kNone, kAdd, kMul, kMin, kMax };

Result<Reduction> reduction_of(const Node& node) {
  CYCLOID_ASSIGN(const std::string name, get_string(node, "reduction", "none"));
  if (name == "none") return Reduction::kNone;
  if (name == "add") return Reduction::kAdd;
  if (name == "mul") return Reduction::kMul;
  if (name == "min") return Reduction::kMin;
  if (name == "max") return Reduction::kMax;
  return invalid_model("reduction '{}' is none of none, add, mul, min and max", name);
}

template <class T>
T combine(Reduction reduction, T a, T b) {
  if constexpr (std::is_same_v<T, Float16>) {
    return to_float16(combine(reduction, to_float(a), to_float(b)));
  } else if constexpr (std::is_same_v<T, BFloat16>) {
    return to_bfloat16(combine(reduction, to_float(a), to_float(b)));
  } else if constexpr (std::is_floating_point_v<T>) {
    if (reduction == Reduction::kAdd) return a + b;
    if (reduction == Reduction::kMul) return a * b;
    if (std::isnan(a) || std::isnan(b)) return a + b;
    return reduction == Reduction::kMin ? std::min(a, b) : std::max(a, b);
  } else {
    // Unsigned sums and products wrap; so do signed ones here.
    if (reduction == Reduction::kAdd)
      return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
    if (reduction == Reduction::kMul)
      return static_cast<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
    return reduction == Reduction::kMin ? std::min(a, b) : std::max(a, b);
  }
}

// y[firsts[i] + j] combined with updates[i * run + j].
Status scatter(Tensor& y, const Tensor& updates, const std::vector<std::int64_t>& firsts, std::int64_t run,
               Reduction reduction) {
  if (updates.element_count() == 0) return {};
  if (reduction == Reduction::kNone) {
    const ElementCopier copier(updates, y);
    for (std::size_t i = 0; i < firsts.size(); ++i) copier.copy(firsts[i], static_cast<std::int64_t>(i) * run, run);
    return {};
  }
  const bool done =
      dispatch<float, double, Float16, BFloat16, std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t,
               std::uint16_t, std::uint32_t, std::uint64_t, bool>(y.dtype(), [&]<class T>(T) {
        T* to = y.mutable_data<T>().data();
        const T* from = updates.data<T>().data();
        for (const std::int64_t first : firsts) {
          for (std::int64_t j = 0; j < run; ++j, ++from) to[first + j] = combine(reduction, to[first + j], *from);
        }
      });
  if (!done) return unsupported("a reduction of {} elements", to_string(y.dtype()));
  return {};
}

Status infer(InferContext& context) {
  CYCLOID_TRY(reduction_of(context.node()));
  CYCLOID_ASSIGN(ValueType data, input_type(context, 0));
  CYCLOID_ASSIGN(const ValueType indices, input_type(context, 1, kIndexTypes));
  CYCLOID_ASSIGN(const ValueType updates, input_type(context, 2));
  CYCLOID_TRY(check_same_dtype(data, updates, "data and updates"));
  if (data.dtype == DType::kUndefined) data.dtype = updates.dtype;
  if (context.node().op_type == "ScatterElements" && data.shape) {
    CYCLOID_ASSIGN(const std::int64_t axis, get_int(context.node(), "axis", 0));
    CYCLOID_TRY(normalize_axis(axis, data.shape->size()));
    CYCLOID_TRY(check_rank(indices, data.shape->size(), "indices"));
    CYCLOID_TRY(check_rank(updates, data.shape->size(), "updates"));
  }
  context.set_output(0, std::move(data));
  return {};
}

Result<std::vector<Datum>> evaluate_elements(EvalContext& context) {
  CYCLOID_ASSIGN(const Reduction reduction, reduction_of(context.node()));
  CYCLOID_ASSIGN(const std::int64_t axis_given, get_int(context.node(), "axis", 0));
  CYCLOID_ASSIGN(const Tensor* data, tensor_input(context, 0));
  CYCLOID_ASSIGN(const Tensor* indices, tensor_input(context, 1, kIndexTypes));
  CYCLOID_ASSIGN(const Tensor* updates, tensor_input(context, 2));
  CYCLOID_TRY(check_same_dtype(*data, *updates, "data and updates"));
  CYCLOID_ASSIGN(const std::int64_t axis, normalize_axis(axis_given, data->rank()));
  if (updates->dims() != indices->dims()) {
    return invalid_argument("updates {} must have the shape of indices {}", to_string(updates->dims()),
                            to_string(indices->dims()));
  }
  CYCLOID_ASSIGN(const auto elements, elements_of(data->dims(), *indices, static_cast<std::size_t>(axis)));
  Tensor y = *data;
  CYCLOID_TRY(scatter(y, *updates, elements, 1, reduction));
  return outputs(std::move(y));
}

Result<std::vector<Datum>> evaluate_nd(EvalContext& context) {
  CYCLOID_ASSIGN(const Reduction reduction, reduction_of(context.node()));
  CYCLOID_ASSIGN(const Tensor* data, tensor_input(context, 0));
  CYCLOID_ASSIGN(const Tensor* indices, tensor_input(context, 1, kInt64Type));
  CYCLOID_ASSIGN(const Tensor* updates, tensor_input(context, 2));
  CYCLOID_TRY(check_same_dtype(*data, *updates, "data and updates"));
  CYCLOID_ASSIGN(const SliceList slices, slices_of(data->dims(), *indices, 0));
  Dims expected(indices->dims().begin(), indices->dims().end() - 1);
  expected.insert(expected.end(), data->dims().begin() + indices->dims().back(), data->dims().end());
  if (updates->dims() != expected) {
    return invalid_argument("updates must have shape {}, but have {}", to_string(expected), to_string(updates->dims()));
  }
  Tensor y = *data;
  CYCLOID_TRY(scatter(y, *updates, slices.firsts, slices.run, reduction));
  return outputs(std::move(y));
}

Result<Cost> cost(const Graph& graph, const Node& node) {
  CYCLOID_ASSIGN(const Reduction reduction, reduction_of(node));
  if (reduction != Reduction::kAdd && reduction != Reduction::kMul) return cost_with_flops(graph, node, 0);
  const Shape* updates = input_shape(graph, node, 2);
  return cost_with_flops(graph, node, updates != nullptr ? element_count(*updates) : Dim::unknown());
}

}  // namespace

const Op kScatterElements = {.domain = "",
                             .name = "ScatterElements",
                             .since = 11,
                             .min_inputs = 3,
                             .max_inputs = 3,
                             .infer = infer,
                             .evaluate = evaluate_elements,
                             .cost = cost};
const Op kScatterND = {.domain = "",
                       .name = "ScatterND",
                       .since = 11,
                       .min_inputs = 3,
                       .max_inputs = 3,
                       .infer = infer,
                       .evaluate = evaluate_nd,
                       .cost = cost};

}  // namespace cycloid
