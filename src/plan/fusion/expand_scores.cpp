// Attention whose scores are an output (qk_matmul_output_mode)
//   =>  Attention without them, beside MatMul, Mul, Tanh, Add and Softmax as far as the mode asks
//
// The products are computed twice so: the output itself keeps the kernel that never writes the scores.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "ops/nn/attention.h"
#include "plan/fusion/expanding.h"

namespace cycloid {
namespace {

constexpr auto kFloat = DType::kFloat32;
constexpr float kHidden = -std::numeric_limits<float>::infinity();

struct Scores {
  std::int64_t batch = 0, heads = 0, kv_heads = 0, queries = 0, keys = 0, past = 0, size = 0;
  float scale = 1;

  Dims dims() const { return {batch, heads, queries, keys}; }
};

// An input by heads: (batch, heads, length, size).
ValueId by_heads(Expanding& e, ValueId x, std::int64_t heads) {
  const Dims dims = *e.dims(x);
  if (dims.size() == 4) return x;
  const Dims split = {dims[0], dims[1], heads, dims[2] / heads};
  return e.permuted(e.reshaped(x, split), {0, 2, 1, 3});
}

// scale * Q K^T; query heads that share their keys are rows of one product.
ValueId products(Expanding& e, const Scores& s, ValueId q, ValueId k) {
  const Dims grouped = {s.batch, s.kv_heads, s.heads / s.kv_heads * s.queries, s.size};
  const ValueId rows = e.reshaped(by_heads(e, q, s.heads), grouped);
  const ValueId product =
      e.add("MatMul", {rows, e.transposed(by_heads(e, k, s.kv_heads))}, {grouped[0], grouped[1], grouped[2], s.keys});
  const ValueId scores = e.reshaped(product, s.dims());
  return e.add("Mul", {scores, e.number(static_cast<double>(s.scale), kFloat)}, s.dims());
}

// What causality and windows hide, as -infinity for each query and key; an invalid value where they hide nothing.
ValueId hidden_keys(Expanding& e, const Scores& s, const AttentionAttributes& a) {
  if (!a.is_causal && a.left_window < 0 && a.right_window < 0) return {};
  Tensor tensor = Tensor::zeros(kFloat, {s.queries, s.keys}).value();
  const std::span<float> to = tensor.mutable_data<float>();
  for (std::int64_t i = 0; i < s.queries; ++i) {
    for (std::int64_t j = 0; j < s.keys; ++j) {
      const std::int64_t after = j - (i + s.past);
      if ((a.is_causal && after > 0) || (a.left_window >= 0 && -after > a.left_window) ||
          (a.right_window >= 0 && after > a.right_window))
        to[static_cast<std::size_t>(i * s.keys + j)] = kHidden;
    }
  }
  return e.graph().add_constant("hidden", std::move(tensor));
}

// The sum of the mask, truth values of which are 0 and -infinity, and of what is hidden.
ValueId added(Expanding& e, ValueId mask, ValueId hidden) {
  if (!mask.valid()) return hidden;
  if (e.dtype(mask) == DType::kBool)
    mask = e.add_typed("Where", kFloat, {mask, e.number(0, kFloat), e.number(static_cast<double>(kHidden), kFloat)},
                       *e.dims(mask));
  if (!hidden.valid()) return mask;
  Dims both = *e.dims(mask);
  const Dims size = *e.dims(hidden);
  if (both.size() == 1) both.insert(both.begin(), 1);
  both[both.size() - 2] = size[0];
  both.back() = size[1];
  return e.add("Add", {mask, hidden}, both);
}

// Softmax, but 0 for queries that see no key.
ValueId shares(Expanding& e, const Scores& s, ValueId scores, ValueId bias) {
  const ValueId plain = e.add("Softmax", {scores}, s.dims(), {{"axis", std::int64_t{-1}}});
  if (!bias.valid()) return plain;
  Dims rows = *e.dims(bias);
  rows.back() = 1;
  const ValueId most = e.add("ReduceMax", {bias, e.sizes({-1})}, rows, {{"keepdims", std::int64_t{1}}});
  const ValueId blind =
      e.add_typed("Equal", DType::kBool, {most, e.number(static_cast<double>(kHidden), kFloat)}, rows);
  return e.add_typed("Where", kFloat, {blind, e.number(0, kFloat), plain}, s.dims());
}

bool takes_mask(const Expanding& e, ValueId mask, const Scores& s) {
  if (!mask.valid()) return true;
  const auto dims = e.dims(mask);
  if (!dims || dims->empty() || dims->size() > 4 || (e.dtype(mask) != kFloat && e.dtype(mask) != DType::kBool))
    return false;
  const Dims scores = s.dims();
  for (std::size_t i = 0; i < dims->size(); ++i) {
    const std::int64_t size = (*dims)[dims->size() - 1 - i], wanted = scores[3 - i];
    if (size != wanted && size != 1) return false;
  }
  return true;
}

}  // namespace

void expand_attention_scores(Expanding& e) {
  const Result<AttentionAttributes> parsed = AttentionAttributes::parse(e.node());
  const ValueId q = e.input(0), k = e.input(1), v = e.input(2), past_key = e.input(4);
  if (!parsed || !e.wants(3) || e.input(6).valid()) return;
  for (const ValueId id : {q, k, v}) {
    if (!e.dims(id) || e.dtype(id) != kFloat || *element_count(*e.dims(id)) == 0) return;
  }
  const Result<AttentionSizes> sizes =
      attention_sizes(*parsed, to_shape(*e.dims(q)), to_shape(*e.dims(k)), to_shape(*e.dims(v)));
  const auto past = e.dims(past_key);
  if (!sizes || (past_key.valid() && (!past || past->size() != 4 || e.dtype(past_key) != kFloat))) return;
  Scores s{.batch = sizes->batch.value(),
           .heads = sizes->q_heads.value(),
           .kv_heads = sizes->kv_heads.value(),
           .queries = sizes->q_length.value(),
           .keys = sizes->kv_length.value() + (past ? (*past)[2] : 0),
           .past = past ? (*past)[2] : 0,
           .size = sizes->head_size.value()};
  s.scale = static_cast<float>(parsed->scale.value_or(1 / std::sqrt(static_cast<double>(s.size))));
  constexpr std::int64_t kMost = std::int64_t{1} << 24;  // of a constant mask
  if (!takes_mask(e, e.input(3), s) || s.queries > kMost / std::max<std::int64_t>(s.keys, 1)) return;

  // The rest of the node, with all keys as an output where there are some of the past.
  Attributes attributes = e.node().attributes;
  attributes.erase("qk_matmul_output_mode");
  std::vector<Expanding::Made> made = {{kFloat, {}}};
  const Dims q_dims = *e.dims(q), v_dims = *e.dims(v);
  const std::int64_t v_size = sizes->v_head_size.value();
  made[0].shape =
      q_dims.size() == 4 ? Dims{s.batch, s.heads, s.queries, v_size} : Dims{s.batch, s.queries, s.heads * v_size};
  const bool keeps = past_key.valid() || e.wants(1) || e.wants(2);
  if (keeps) {
    made.push_back({kFloat, {s.batch, s.kv_heads, s.keys, s.size}});
    made.push_back({kFloat, {s.batch, s.kv_heads, s.keys, v_size}});
  }
  const std::vector<ValueId> outputs = e.add_many("Attention", e.node().inputs, made, std::move(attributes));

  ValueId scores = products(e, s, q, keeps ? outputs[1] : k);
  const std::int64_t mode = parsed->qk_output;
  if (parsed->softcap != 0 && mode >= 1) {
    const ValueId cap = e.number(parsed->softcap, kFloat);
    scores = e.add("Tanh", {e.add("Div", {scores, cap}, s.dims())}, s.dims());
    scores = e.add("Mul", {scores, cap}, s.dims());
  }
  const ValueId bias = mode >= 2 ? added(e, e.input(3), hidden_keys(e, s, *parsed)) : ValueId{};
  if (bias.valid()) scores = e.add("Add", {scores, bias}, s.dims());
  if (mode == 3) scores = shares(e, s, scores, bias);
  if (e.wants(0)) e.give(0, outputs[0]);
  if (e.wants(1)) e.give(1, outputs[1]);
  if (e.wants(2)) e.give(2, outputs[2]);
  e.give(3, scores);
  e.done();
}

}  // namespace cycloid
