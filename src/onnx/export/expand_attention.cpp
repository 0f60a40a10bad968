#include "onnx/export/expand_attention.h"

#include <cmath>
#include <limits>

#include "base/error.h"

namespace cycloid::onnx {
namespace {

using Ints = std::vector<std::int64_t>;

ValueId transposed(NodeEditor& edit, ValueId x, Ints perm) {
  return edit.add("Transpose", {x}, {{"perm", std::move(perm)}});
}

// (batch, length, heads * size) as (batch, heads, length, size); what has four axes is so already.
Result<ValueId> by_heads(NodeEditor& edit, std::size_t input, std::int64_t heads) {
  if (edit.rank(input) == 4) return edit.input(input);
  const Shape& shape = *edit.types().of(edit.input(input)).shape;
  if (heads < 1 || !shape[2].is_known() || shape[2].value() % heads != 0) {
    return unsupported("the size of the heads of its input {} is not known", input);
  }
  const Ints split = {0, 0, heads, shape[2].value() / heads};
  return transposed(edit, edit.add("Reshape", {edit.input(input), edit.ints("heads", split)}), {0, 2, 1, 3});
}

// (batch, heads, length, size) as (batch, length, heads * size).
ValueId by_rows(NodeEditor& edit, ValueId x, std::int64_t width) {
  const Ints joined = {0, 0, width};
  return edit.add("Reshape", {transposed(edit, x, {0, 2, 1, 3}), edit.ints("rows", joined)});
}

Status check_attention(NodeEditor& edit) {
  for (std::size_t i = 1; i < edit.node().outputs.size(); ++i) {
    const ValueId output = edit.node().outputs[i];
    if (output.valid() && !edit.graph().is_dead(output)) return unsupported("its output {} is used", i);
  }
  for (std::size_t i = 0; i < 3; ++i) {
    if (edit.rank(i) != edit.rank(0) || (edit.rank(i) != 3 && edit.rank(i) != 4)) {
      return unsupported("only inputs of three or four axes can be expanded");
    }
  }
  CYCLOID_ASSIGN(const std::int64_t mode, get_int(edit.node(), "qk_matmul_output_mode", 0));
  if (mode != 0) return unsupported("its qk_matmul_output_mode cannot be expanded");
  for (const char* name : {"left_window_size", "right_window_size"}) {
    CYCLOID_ASSIGN(const std::int64_t value, get_int(edit.node(), name, -1));
    if (value != -1) return unsupported("its {} cannot be expanded", name);
  }
  CYCLOID_ASSIGN(const float softcap, get_float(edit.node(), "softcap", 0));
  if (softcap != 0 || edit.has("softmax_precision") || edit.has_input(4) || edit.has_input(5) || edit.has_input(6)) {
    return unsupported("a soft cap, another precision of the softmax and past keys cannot be expanded");
  }
  return {};
}

struct Sizes {
  std::int64_t heads = 0;  // 0: inputs have four axes
  Dim head_size, queries, keys, v_width;
};
Result<Sizes> sizes_of(NodeEditor& edit) {
  const Shape& q = *edit.types().of(edit.input(0)).shape;
  const Shape& k = *edit.types().of(edit.input(1)).shape;
  const Shape& v = *edit.types().of(edit.input(2)).shape;
  if (q.size() == 4) {
    if (!(q[1] == k[1])) return unsupported("only as many heads of keys as of queries can be expanded");
    return Sizes{.head_size = q[3], .queries = q[2], .keys = k[2], .v_width = v[3]};
  }
  CYCLOID_ASSIGN(const std::int64_t q_heads, get_int(edit.node(), "q_num_heads", 0));
  CYCLOID_ASSIGN(const std::int64_t kv_heads, get_int(edit.node(), "kv_num_heads", 0));
  if (q_heads != kv_heads || q_heads < 1) {
    return unsupported("only as many heads of keys as of queries can be expanded");
  }
  if (!v[2].is_known()) return unsupported("the size of its values is not known");
  return Sizes{q_heads, Dim::floor_div(q[2], q_heads), q[1], k[1], v[2]};
}

// [0, 1, ..., n - 1] for the size n of axis 2.
ValueId positions(NodeEditor& edit, ValueId x, const Dim& size) {
  if (size.is_known()) {
    Ints all;
    for (std::int64_t i = 0; i < size.value(); ++i) all.push_back(i);
    return edit.ints("positions", all);
  }
  const auto scalar = [&](std::int64_t value) { return edit.constant("number", Tensor::scalar<std::int64_t>(value)); };
  const ValueId length = edit.add("Gather", {edit.add("Shape", {x}), scalar(2)}, {{"axis", std::int64_t{0}}});
  return edit.add("Range", {scalar(0), length, scalar(1)});
}

// Whether the key of the column comes after the query of the row.
ValueId is_later(NodeEditor& edit, ValueId q, ValueId k, const Sizes& sizes) {
  const Ints one = {1};
  const ValueId rows = edit.add("Unsqueeze", {positions(edit, q, sizes.queries), edit.ints("axis", one)});
  return edit.add("Less", {rows, positions(edit, k, sizes.keys)});
}

ValueId minus_infinity(NodeEditor& edit) {
  return edit.scalar_like("minus_infinity", -std::numeric_limits<double>::infinity(), 0);
}

Result<ValueId> scores_of(NodeEditor& edit, ValueId q, ValueId k, const Sizes& sizes) {
  CYCLOID_ASSIGN(float scale, get_float(edit.node(), "scale", 0));
  if (!edit.has("scale")) {
    if (!sizes.head_size.is_known()) return unsupported("the size of its heads is not known");
    scale = 1 / std::sqrt(static_cast<float>(sizes.head_size.value()));
  }
  const ValueId products = edit.add("MatMul", {q, transposed(edit, k, {0, 1, 3, 2})});
  return scale == 1 ? products : edit.add("Mul", {products, edit.scalar_like("scale", scale, 0)});
}

}  // namespace

Status expand_attention(NodeEditor& edit) {
  CYCLOID_TRY(check_attention(edit));
  CYCLOID_ASSIGN(const Sizes sizes, sizes_of(edit));
  CYCLOID_ASSIGN(const std::int64_t causal, get_int(edit.node(), "is_causal", 0));
  edit.graph().drop_outputs(edit.id(), 1);
  CYCLOID_ASSIGN(const ValueId q, by_heads(edit, 0, sizes.heads));
  CYCLOID_ASSIGN(const ValueId k, by_heads(edit, 1, sizes.heads));
  CYCLOID_ASSIGN(const ValueId v, by_heads(edit, 2, sizes.heads));
  CYCLOID_ASSIGN(ValueId scores, scores_of(edit, q, k, sizes));
  const bool chooses = edit.has_input(3) && edit.dtype(3) == DType::kBool;
  if (edit.has_input(3)) {
    ValueId mask = edit.input(3);
    if (chooses) mask = edit.add("Where", {mask, edit.scalar_like("zero", 0, 0), minus_infinity(edit)});
    scores = edit.add("Add", {scores, mask});
  }
  if (causal != 0) scores = edit.add("Where", {is_later(edit, q, k, sizes), minus_infinity(edit), scores});
  ValueId shares = edit.add("Softmax", {scores}, {{"axis", std::int64_t{3}}});
  // A row whose keys are all masked gives zeros, not the NaNs of 0/0.
  if (chooses) shares = edit.add("Where", {edit.input(3), shares, edit.scalar_like("zero", 0, 0)});
  const ValueId y = edit.add("MatMul", {shares, v});
  edit.replace_by(sizes.heads == 0 ? y : by_rows(edit, y, sizes.v_width.value()));
  return {};
}

Status expand_rotary_embedding(NodeEditor& edit) {
  const auto rank = edit.rank(0);
  if (rank != 3 && rank != 4) return unsupported("its input has not three or four axes");
  CYCLOID_ASSIGN(const std::int64_t heads, get_int(edit.node(), "num_heads", 0));
  CYCLOID_ASSIGN(std::int64_t rotated, get_int(edit.node(), "rotary_embedding_dim", 0));
  CYCLOID_ASSIGN(const std::int64_t interleaved, get_int(edit.node(), "interleaved", 0));
  const Shape shape = *edit.types().of(edit.input(0)).shape;
  const Dim size = rank == 4 ? shape[3] : heads > 0 ? Dim::floor_div(shape[2], heads) : Dim::unknown();
  if (!size.is_known()) return unsupported("the size of its heads is not known");
  if (rotated == 0) rotated = size.value();
  const std::int64_t half = rotated / 2;
  CYCLOID_ASSIGN(const ValueId x, by_heads(edit, 0, heads));
  const auto at = [&](std::int64_t value) { return edit.ints("place", Ints{value}); };
  const auto part = [&](ValueId of, std::int64_t begin, std::int64_t end, std::int64_t step) {
    return edit.add("Slice", {of, at(begin), at(end), at(3), at(step)});
  };
  const auto cache = [&](std::size_t input) {
    ValueId values = edit.input(input);
    if (edit.has_input(3)) values = edit.add("Gather", {values, edit.input(3)}, {{"axis", std::int64_t{0}}});
    return edit.add("Unsqueeze", {values, at(1)});
  };
  const ValueId cosines = cache(1);
  const ValueId sines = cache(2);
  const ValueId x1 = interleaved != 0 ? part(x, 0, rotated, 2) : part(x, 0, half, 1);
  const ValueId x2 = interleaved != 0 ? part(x, 1, rotated, 2) : part(x, half, rotated, 1);
  ValueId real = edit.add("Sub", {edit.add("Mul", {x1, cosines}), edit.add("Mul", {x2, sines})});
  ValueId imaginary = edit.add("Add", {edit.add("Mul", {x1, sines}), edit.add("Mul", {x2, cosines})});
  ValueId turned;
  if (interleaved != 0) {
    real = edit.add("Unsqueeze", {real, at(4)});
    imaginary = edit.add("Unsqueeze", {imaginary, at(4)});
    const Ints joined = {0, 0, 0, rotated};
    const ValueId pairs = edit.add("Concat", {real, imaginary}, {{"axis", std::int64_t{4}}});
    turned = edit.add("Reshape", {pairs, edit.ints("joined", joined)});
  } else {
    turned = edit.add("Concat", {real, imaginary}, {{"axis", std::int64_t{3}}});
  }
  if (rotated < size.value()) {
    const ValueId rest = part(x, rotated, size.value(), 1);
    turned = edit.add("Concat", {turned, rest}, {{"axis", std::int64_t{3}}});
  }
  edit.replace_by(rank == 4 ? turned : by_rows(edit, turned, heads * size.value()));
  return {};
}

}  // namespace cycloid::onnx
