#include "rewrite/rules/diagonal.h"

#include <algorithm>

namespace cycloid {
namespace {

using Ints = std::vector<std::int64_t>;

Patch::Ref ints(Patch& patch, const Ints& values) { return patch.constant("ints", int64s(values)); }

Patch::Ref every(Patch& patch, const Patch::Ref& x, const Patch::Ref& end, std::int64_t axis, const Patch::Ref& step) {
  return patch.node("Slice", {x, ints(patch, {0}), end, ints(patch, {axis}), step});
}

bool is_identity_tensor(const Tensor& tensor) {
  if (tensor.rank() != 2) return false;
  bool identity = false;
  dispatch<float, double, bool, std::int32_t, std::int64_t>(tensor.dtype(), [&]<class T>(T) {
    const auto elements = tensor.data<T>();
    identity = true;
    for (std::int64_t i = 0; i < tensor.element_count() && identity; ++i) {
      const bool on_diagonal = i / tensor.dim(1) == i % tensor.dim(1);
      identity = elements[static_cast<std::size_t>(i)] == static_cast<T>(on_diagonal ? 1 : 0);
    }
  });
  return identity;
}

}  // namespace

std::optional<Patch::Ref> diagonal_of(const RuleContext& context, Patch& patch, ValueId matrix) {
  const Shape* shape = context.shape(matrix);
  if (shape == nullptr || shape->size() != 2) return std::nullopt;
  const Dim& rows = (*shape)[0];
  const Dim& columns = (*shape)[1];
  const auto flat = patch.node("Reshape", {matrix, ints(patch, {-1})});
  if (rows.is_known() && columns.is_known()) {
    const std::int64_t end = std::min(rows.value(), columns.value()) * columns.value();
    return every(patch, flat, ints(patch, {end}), 0, ints(patch, {columns.value() + 1}));
  }
  const auto width = patch.node("Shape", {matrix}, {{"start", std::int64_t{1}}, {"end", std::int64_t{2}}});
  const auto step = patch.node("Add", {width, ints(patch, {1})});
  if (rows == columns) return every(patch, flat, ints(patch, {INT64_MAX}), 0, step);
  // Below a square part of a tall matrix the steps would go on in the next columns.
  const auto height = patch.node("Shape", {matrix}, {{"start", std::int64_t{0}}, {"end", std::int64_t{1}}});
  const auto end = patch.node("Mul", {patch.node("Min", {height, width}), width});
  return every(patch, flat, end, 0, step);
}

std::optional<Patch::Ref> batched_diagonal_of(const RuleContext& context, Patch& patch, ValueId matrices) {
  const Shape* shape = context.shape(matrices);
  if (shape == nullptr || shape->size() < 3) return std::nullopt;
  const std::size_t rank = shape->size();
  const Dim& size = (*shape)[rank - 1];
  if (!((*shape)[rank - 2] == size) || !size.is_known() || size.value() == 0) return std::nullopt;
  Ints sizes(rank - 2, 0);  // copied
  sizes.push_back(size.value() * size.value());
  const auto flat = patch.node("Reshape", {matrices, ints(patch, sizes)});
  return every(patch, flat, ints(patch, {INT64_MAX}), static_cast<std::int64_t>(rank) - 2,
               ints(patch, {size.value() + 1}));
}

bool is_identity_matrix(const RuleContext& context, ValueId id, ValueId like) {
  const Shape* shape = context.shape(id);
  const Shape* wanted = context.shape(like);
  if (shape == nullptr || wanted == nullptr || !(*shape == *wanted)) return false;
  for (int step = 0; step < 4; ++step) {
    if (const Tensor* constant = context.graph.constant(id)) return is_identity_tensor(*constant);
    if (const Node* eye = context.producer(id, "EyeLike")) {
      const auto k = get_int(*eye, "k", 0);
      return k && *k == 0;
    }
    const Node* cast = context.producer(id, "Cast");
    if (cast == nullptr) return false;
    id = cast->inputs[0];
  }
  return false;
}

}  // namespace cycloid
