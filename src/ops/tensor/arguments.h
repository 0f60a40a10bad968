// Checks of a node's inputs and axes, shared by the operators' inference and evaluation.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "ops/dtype_set.h"
#include "ops/infer.h"
#include "ops/op.h"

namespace cycloid {

inline constexpr DTypeSet kIndexTypes{DType::kInt64, DType::kInt32};
inline constexpr DTypeSet kInt64Type{DType::kInt64};

// Whether output `i` exists and is wanted.
bool wants_output(const InferContext& context, std::size_t i);
bool wants_output(const EvalContext& context, std::size_t i);

// Inference: the type of tensor input `i`; of unknown dtype and rank where nothing is known of it. An error where it is
// absent, no tensor, or of a dtype outside `allowed`.
Result<ValueType> input_type(const InferContext& context, std::size_t i, DTypeSet allowed = kAllDTypes);
// The same, nullopt where the input is absent.
Result<std::optional<ValueType>> optional_input_type(const InferContext& context, std::size_t i,
                                                     DTypeSet allowed = kAllDTypes);
// Evaluation: the same for the tensor itself.
Result<const Tensor*> tensor_input(const EvalContext& context, std::size_t i, DTypeSet allowed = kAllDTypes);
Result<const Tensor*> optional_tensor_input(const EvalContext& context, std::size_t i, DTypeSet allowed = kAllDTypes);

// Errors where the rank is known and another.
Status check_rank(const ValueType& type, std::size_t rank, std::string_view what);
Status check_rank(const Tensor& tensor, std::size_t rank, std::string_view what);
// An error where both sizes are known and differ.
Status check_equal(const Dim& a, const Dim& b, std::string_view what);
// What both dims say: the known one, else `a`.
Dim known_of(const Dim& a, const Dim& b);
// Errors where both dtypes are known and differ.
Status check_same_dtype(const ValueType& a, const ValueType& b, std::string_view what);
Status check_same_dtype(const Tensor& a, const Tensor& b, std::string_view what);

// An error where a tensor would pass the evaluation's memory limit.
Status check_fits(const EvalContext& context, DType dtype, const Dims& dims);

// Sizes that must be known and within int64 by now: those of evaluation.
Result<Dims> concrete(const Shape& shape);

// Row-major strides in elements.
Dims strides_of(const Dims& dims);

// An input's integers: as a list where the tensor has rank 0 or 1.
Result<std::vector<std::int64_t>> integers(const Tensor& tensor, std::string_view what);
// The elements of input `i` where they are known when inferring: a constant, or shape data whose elements are all known.
std::optional<std::vector<std::int64_t>> known_integers(const InferContext& context, std::size_t i);

// A cost of `flops`, and the bytes of all inputs and outputs.
Cost cost_with_flops(const Graph& graph, const Node& node, Dim flops);
// The shape of the node's input or output, or nullptr where it is absent or its rank is not known.
const Shape* input_shape(const Graph& graph, const Node& node, std::size_t i);
const Shape* output_shape(const Graph& graph, const Node& node, std::size_t i);
// `flops_per_element` for each element of output 0.
Cost cost_per_output(const Graph& graph, const Node& node, const Dim& flops_per_element);

// One output.
inline std::vector<Datum> outputs(Tensor tensor) {
  std::vector<Datum> data;
  data.emplace_back(std::move(tensor));
  return data;
}

}  // namespace cycloid
