#include "plan/lowering/attention.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "ops/nn/attention.h"
#include "plan/lowering/attend_steps.h"

namespace cycloid {
namespace {

ValueId input(const Node& node, std::size_t i) { return i < node.inputs.size() ? node.inputs[i] : ValueId{}; }
bool wants(const Node& node, std::size_t i) { return i < node.outputs.size() && node.outputs[i].valid(); }

// How a mask of 1 to 4 axes lies beside scores (batch, heads, queries, keys).
Declined find_mask(Lowering& lowering, ValueId mask, Attending& a) {
  if (!mask.valid()) return {};
  if (!lowering.is_float(mask) && lowering.dtype(mask) != DType::kBool)
    return "a mask of another type than float32 and bool";
  Dims dims = *lowering.dims(mask);
  if (dims.empty() || dims.size() > 4) return "a mask that does not fit the scores";
  dims.insert(dims.begin(), 4 - dims.size(), 1);
  const Dims scores = {a.batch, a.heads, a.queries, a.keys};
  for (std::size_t i = 0; i < 3; ++i) {
    if (dims[i] != 1 && dims[i] != scores[i]) return "a mask that does not fit the scores";
  }
  if (dims[3] > a.keys || (dims[3] == 1 && a.keys != 1)) return "a mask that is broadcast along the keys";
  a.mask_keys = dims[3];
  a.mask_at.row = dims[2] == 1 ? 0 : dims[3];
  a.mask_at.head = dims[1] == 1 ? 0 : dims[2] * dims[3];
  a.mask_at.batch = dims[0] == 1 ? 0 : dims[1] * dims[2] * dims[3];
  a.mask = lowering.read(mask, Layout::kRowMajor);
  return {};
}

// The steps of elements of an input with 3 or 4 axes.
HeadSteps steps_of(const Dims& dims, std::int64_t heads) {
  return dims.size() == 4 ? HeadSteps::by_heads(dims[1], dims[2], dims[3])
                          : HeadSteps::by_rows(dims[1], dims[2], dims[2] / heads);
}

// Keys or values where they are read from: with their past in one tensor, which may be an output.
struct Kept {
  Place place;
  HeadSteps at;
};
Kept keep(Lowering& lowering, NodeId id, ValueId now, ValueId past, ValueId present, std::int64_t heads,
          std::int64_t size) {
  const Dims dims = *lowering.dims(now);
  const Place from = lowering.read(now, Layout::kRowMajor);
  if (!past.valid() && !present.valid()) return {from, steps_of(dims, heads)};
  Caching c{.now = from, .now_at = steps_of(dims, heads), .batch = dims[0], .heads = heads, .size = size};
  c.length = dims[dims.size() - 2];
  if (past.valid()) {
    c.past = lowering.read(past, Layout::kRowMajor);
    c.past_length = c.past->dims[2];
  }
  c.room = c.past_length + c.length;
  c.to = present.valid() ? lowering.define(present, Layout::kRowMajor)
                         : lowering.temporary(DType::kFloat32, {c.batch, heads, c.room, size});
  const Kept kept{c.to, HeadSteps::by_heads(heads, c.room, size)};
  add_caching(lowering, id, std::move(c));
  return kept;
}

Declined check_attention(const Lowering& lowering, const Node& node) {
  for (const std::size_t i : {0U, 1U, 2U, 4U, 5U}) {
    if (input(node, i).valid() && !lowering.is_float(input(node, i))) return "only float32 is native";
  }
  for (const ValueId id : node.inputs) {
    if (id.valid() && !lowering.has_elements(id)) return "an input has no elements";
  }
  if (wants(node, 3)) return "the scores are wanted as an output";
  if (!wants(node, 0)) return "the output is not wanted";
  return {};
}

}  // namespace

Declined lower_attention(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const Result<AttentionAttributes> attributes = AttentionAttributes::parse(node);
  if (!attributes) return attributes.error().message();
  if (Declined reason = check_attention(lowering, node); !reason.empty()) return reason;
  const ValueId past_key = input(node, 4), past_value = input(node, 5), valid = input(node, 6);
  const Dims q = *lowering.dims(node.inputs[0]), k = *lowering.dims(node.inputs[1]), v = *lowering.dims(node.inputs[2]);
  const Result<AttentionSizes> sizes = attention_sizes(*attributes, to_shape(q), to_shape(k), to_shape(v));
  if (!sizes) return sizes.error().message();
  Attending a{.batch = q[0], .heads = sizes->q_heads.value(), .kv_heads = sizes->kv_heads.value()};
  a.queries = sizes->q_length.value();
  a.size = sizes->head_size.value();
  a.v_size = sizes->v_head_size.value();
  a.keys = sizes->kv_length.value();
  if (past_key.valid()) {
    const Dims past = *lowering.dims(past_key), values = *lowering.dims(past_value);
    if (past.size() != 4 || past != Dims{a.batch, a.kv_heads, past[2], a.size} ||
        values != Dims{a.batch, a.kv_heads, past[2], a.v_size})
      return "a past that does not fit the heads";
    a.before = past[2];
    a.keys += past[2];
  }
  if (valid.valid()) {
    if (*lowering.dims(valid) != Dims{a.batch}) return "lengths that do not fit the batch";
    a.lengths = Lengths{.kind = Lengths::Kind::kValid, .keys = a.keys, .queries = a.queries};
  }
  if (Declined reason = find_mask(lowering, input(node, 3), a); !reason.empty()) return reason;
  if (a.lengths) a.lengths->place = lowering.read(valid, Layout::kRowMajor);
  a.causal = attributes->is_causal;
  a.left_window = attributes->left_window;
  a.right_window = attributes->right_window;
  a.scale = static_cast<float>(attributes->scale.value_or(1 / std::sqrt(static_cast<double>(a.size))));
  a.softcap = static_cast<float>(attributes->softcap);
  a.q = lowering.read(node.inputs[0], Layout::kRowMajor);
  a.q_at = steps_of(q, a.heads);
  const auto present = [&](std::size_t i) { return wants(node, i) ? node.outputs[i] : ValueId{}; };
  const Kept keys = keep(lowering, id, node.inputs[1], past_key, present(1), a.kv_heads, a.size);
  const Kept values = keep(lowering, id, node.inputs[2], past_value, present(2), a.kv_heads, a.v_size);
  a.k = keys.place;
  a.k_at = keys.at;
  a.v = values.place;
  a.v_at = values.at;
  a.y = lowering.define(node.outputs[0], Layout::kRowMajor);
  a.y_at = q.size() == 4 ? HeadSteps::by_heads(a.heads, a.queries, a.v_size)
                         : HeadSteps::by_rows(a.queries, a.heads * a.v_size, a.v_size);
  add_attending(lowering, id, std::move(a));
  return {};
}

namespace {

struct Group {
  std::int64_t heads = 0, kv_heads = 0, window = -1;
  bool rotary = false, interleaved = false, packed = false;
  float scale = 0, softcap = 0;

  static Result<Group> parse(const Node& node) {
    Group g;
    CYCLOID_ASSIGN(g.heads, get_int(node, "num_heads", 0));
    CYCLOID_ASSIGN(g.kv_heads, get_int(node, "kv_num_heads", 0));
    CYCLOID_ASSIGN(g.window, get_int(node, "local_window_size", -1));
    CYCLOID_ASSIGN(const std::int64_t rotary, get_int(node, "do_rotary", 0));
    CYCLOID_ASSIGN(const std::int64_t interleaved, get_int(node, "rotary_interleaved", 0));
    CYCLOID_ASSIGN(g.scale, get_float(node, "scale", 0));
    CYCLOID_ASSIGN(g.softcap, get_float(node, "softcap", 0));
    g.rotary = rotary != 0;
    g.interleaved = interleaved != 0;
    g.packed = !input(node, 1).valid();
    return g;
  }
};

// What the operator's own checks refuse, and what they let pass but the steps do not compute.
Declined check_group(const Lowering& lowering, const Node& node, const Group& g) {
  if (g.heads < 1 || g.kv_heads < 1 || g.heads % g.kv_heads != 0 || g.window == 0)
    return "heads that share no keys evenly";
  for (const char* name : {"smooth_softmax", "qk_output", "sliding_window_cache", "kv_cache_bit_width"}) {
    const Result<std::int64_t> given = get_int(node, name, 0);
    if (!given || *given > 0) return "an attribute that is not native";
  }
  const Result<std::int64_t> causal = get_int(node, "causal", 1);
  if (!causal || *causal != 1) return "attention that is not causal";
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const ValueId id = node.inputs[i];
    if (!id.valid()) continue;
    if (i == 9 || i > 10) return "positions or other inputs that are not native";
    if (i != 5 && i != 6 && !lowering.is_float(id)) return "only float32 is native";
    if (!lowering.has_elements(id)) return "an input has no elements";
  }
  if (wants(node, 3)) return "the scores are wanted as an output";
  if (input(node, 1).valid() != input(node, 2).valid() || input(node, 3).valid() != input(node, 4).valid())
    return "one of key and value without the other";
  if (g.rotary && (!input(node, 7).valid() || !input(node, 8).valid())) return "rotation without tables";
  return {};
}

}  // namespace

Declined lower_group_query_attention(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const Result<Group> parsed = Group::parse(node);
  if (!parsed) return parsed.error().message();
  const Group& g = *parsed;
  if (Declined reason = check_group(lowering, node, g); !reason.empty()) return reason;
  const Tensor* total_tensor = lowering.constant(input(node, 6));
  if (total_tensor == nullptr || total_tensor->dtype() != DType::kInt32 || total_tensor->element_count() != 1)
    return "a total length that is computed in the run";
  const std::int64_t total = total_tensor->data<std::int32_t>()[0];
  const Dims q = *lowering.dims(node.inputs[0]);
  const std::int64_t all = g.heads + (g.packed ? 2 * g.kv_heads : 0);
  if (q.size() != 3 || q[2] % all != 0 || q[2] < all) return "a query that cannot be split into heads";
  Attending a{.batch = q[0], .heads = g.heads, .kv_heads = g.kv_heads, .queries = q[1]};
  a.size = a.v_size = q[2] / all;
  const Dims expected = {a.batch, a.queries, a.kv_heads * a.size};
  if (!g.packed && (*lowering.dims(node.inputs[1]) != expected || *lowering.dims(node.inputs[2]) != expected))
    return "keys and values that do not fit the query";
  const ValueId past_key = input(node, 3), past_value = input(node, 4);
  std::int64_t past = 0;
  if (past_key.valid()) {
    const Dims dims = *lowering.dims(past_key);
    if (dims.size() != 4 || dims != Dims{a.batch, a.kv_heads, dims[2], a.size} || *lowering.dims(past_value) != dims)
      return "a past that does not fit the heads";
    past = dims[2];
  }
  const std::int64_t room = std::max(past, total);
  const Dims cache = {a.batch, a.kv_heads, room, a.size};
  if (total < a.queries) return "fewer keys than queries";
  for (const std::size_t i : {1U, 2U}) {
    if (wants(node, i) && *lowering.dims(node.outputs[i]) != cache) return "a cache of another size";
  }
  const Dims ends = *lowering.dims(node.inputs[5]);
  if (element_count(ends) != a.batch || lowering.dtype(node.inputs[5]) != DType::kInt32)
    return "lengths that do not fit the batch";
  std::int64_t half = 0, table_rows = 0;
  if (g.rotary) {
    const Dims table = *lowering.dims(node.inputs[7]);
    if (table.size() != 2 || *lowering.dims(node.inputs[8]) != table || 2 * table[1] > a.size)
      return "tables that do not fit the heads";
    half = table[1];
    table_rows = table[0];
  }
  a.keys = total;
  if (Declined reason = find_mask(lowering, input(node, 10), a); !reason.empty()) return reason;

  const Lengths lengths{.kind = Lengths::Kind::kLast,
                        .place = lowering.read(node.inputs[5], Layout::kRowMajor),
                        .keys = total,
                        .past = past,
                        .queries = a.queries,
                        .prompt = total == a.queries};
  const Place query = lowering.read(node.inputs[0], Layout::kRowMajor);
  // A part of the query's rows that begins with this head; or an input of its own.
  const auto part = [&](std::size_t i, std::int64_t first_head) {
    if (i == 0 || g.packed) {
      HeadSteps at = HeadSteps::by_rows(a.queries, q[2], a.size);
      at.first = first_head * a.size;
      return Kept{query, at};
    }
    return Kept{lowering.read(node.inputs[i], Layout::kRowMajor), HeadSteps::by_rows(a.queries, expected[2], a.size)};
  };
  const auto cached = [&](const Kept& now, std::int64_t heads, const Place& to, bool turns) {
    Caching c{.now = now.place, .to = to, .now_at = now.at, .batch = a.batch, .heads = heads, .length = a.queries};
    c.room = to.dims[2];
    c.size = a.size;
    c.lengths = lengths;
    if (turns) {
      c.cosines = lowering.read(node.inputs[7], Layout::kRowMajor);
      c.sines = lowering.read(node.inputs[8], Layout::kRowMajor);
      c.half = half;
      c.table_rows = table_rows;
      c.interleaved = g.interleaved;
    }
    return c;
  };
  const auto kept = [&](std::size_t i, std::int64_t first_head, ValueId before, bool turns) {
    const Place to = wants(node, i) ? lowering.define(node.outputs[i], Layout::kRowMajor)
                                    : lowering.temporary(DType::kFloat32, cache);
    Caching c = cached(part(i, first_head), a.kv_heads, to, turns);
    if (before.valid()) c.past = lowering.read(before, Layout::kRowMajor);
    c.past_length = past;
    add_caching(lowering, id, std::move(c));
    return to;
  };
  a.k = kept(1, a.heads, past_key, g.rotary);
  a.v = kept(2, a.heads + a.kv_heads, past_value, false);
  a.k_at = a.v_at = HeadSteps::by_heads(a.kv_heads, room, a.size);
  const Kept queries = part(0, 0);
  a.q = queries.place;
  a.q_at = queries.at;
  if (g.rotary) {
    a.q = lowering.temporary(DType::kFloat32, {a.batch, a.heads, a.queries, a.size});
    a.q_at = HeadSteps::by_heads(a.heads, a.queries, a.size);
    add_caching(lowering, id, cached(queries, a.heads, a.q, true));
  }
  a.lengths = lengths;
  a.causal = true;
  a.left_window = g.window < 0 ? -1 : g.window - 1;
  a.scale = g.scale != 0 ? g.scale : static_cast<float>(1 / std::sqrt(static_cast<double>(a.size)));
  a.softcap = g.softcap;
  a.y = lowering.define(node.outputs[0], Layout::kRowMajor);
  a.y_at = HeadSteps::by_rows(a.queries, a.heads * a.size, a.size);
  add_attending(lowering, id, std::move(a));
  return {};
}

}  // namespace cycloid
