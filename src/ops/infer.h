// What the operators' type inference has in common.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include "ops/op.h"

namespace cycloid {

// "absent", "unknown" and "known" inputs: an input that is absent or of unknown type has no dtype and no shape.
// An error where input i is known to be no tensor.
Status check_tensor(const InferContext& context, std::size_t i);
// kUndefined where not known.
DType dtype_of(const InferContext& context, std::size_t i);
// nullptr where not even the rank is known.
const Shape* shape_of(const InferContext& context, std::size_t i);
bool has_input(const InferContext& context, std::size_t i);

// An error that names the input where its dtype is known and not one of `dtypes`.
Status check_dtype(const InferContext& context, std::size_t i, DTypeSet dtypes);
// The dtype the inputs have in common (kUndefined where none is known); an error where two differ.
Result<DType> common_dtype(const InferContext& context, std::initializer_list<std::size_t> inputs);
Result<DType> common_dtype(const InferContext& context);  // of all inputs
// An error where the rank of input i is known and not in [low, high].
Status check_rank(const InferContext& context, std::size_t i, std::size_t low, std::size_t high);

// A tensor type with a shape that may be unknown.
ValueType tensor_type(DType dtype, std::optional<Shape> shape);

// `axis` in [-rank, rank) as one in [0, rank).
Result<std::int64_t> normalize_axis(std::int64_t axis, std::size_t rank);
// Each axis normalised; an error where one repeats.
Result<std::vector<std::int64_t>> normalize_axes(std::vector<std::int64_t> axes, std::size_t rank);

// The elements of input i where it is a constant integer tensor.
std::optional<std::vector<std::int64_t>> constant_ints(const InferContext& context, std::size_t i);

// One size of a broadcast: an error where both are known, differ and none is 1. Two symbolic sizes that are not known to
// be equal give an unknown one.
Result<Dim> broadcast(const Dim& a, const Dim& b);
// ONNX's multidirectional (numpy) broadcasting.
Result<Shape> broadcast(const Shape& a, const Shape& b);
Result<Dims> broadcast(const Dims& a, const Dims& b);
// Of all inputs of the node; nullopt where a rank is unknown.
Result<std::optional<Shape>> broadcast_inputs(const InferContext& context);
// Whether `from` broadcasts to `to` without changing it (unidirectional broadcasting); true where not known.
bool broadcasts_to(const Shape& from, const Shape& to);

// --- Whole inference functions, for operators with nothing special.
// Output 0 is of input 0's type.
Status infer_same(InferContext& context);
// All inputs have one dtype and broadcast; output 0 has that dtype.
Status infer_broadcast(InferContext& context);
// All inputs have one dtype and broadcast; output 0 is bool.
Status infer_compare(InferContext& context);

// Gives output 0 the elements combine(a[i], b[i]) where both inputs' elements are known, scalars broadcast.
void combine_shape_data(InferContext& context, Dim (*combine)(const Dim&, const Dim&));

}  // namespace cycloid
