// MultiHeadAttention, Attention and QAttention of com.microsoft  =>  Attention of ai.onnx
//
// Projections, biases and masks become nodes before it: MatMul (MatMulIntegerToFloat for QAttention), Add, Split, and of a
// mask of keys a tensor that holds 0 or mask_filter_value.
#include <string>
#include <utility>
#include <vector>

#include "ops/contrib/attend.h"
#include "plan/fusion/expanding.h"

namespace cycloid {
namespace {

constexpr auto kFloat = DType::kFloat32;

// Queries, keys and values, by rows or by heads; all that the operators have in common.
struct Attending {
  ValueId q, k, v, mask, bias, past_key, past_value;
  std::int64_t batch = 0, queries = 0, keys = 0;  // keys: with those of the past
};

ValueId as_float(Expanding& e, ValueId x) {
  if (e.dtype(x) == kFloat) return x;
  return e.add_typed("Cast", kFloat, {x}, *e.dims(x), {{"to", static_cast<std::int64_t>(kFloat)}});
}

// Whether the mask (input of ONNX Runtime's attention operators) has one of the forms of read_mask().
bool masks(Expanding& e, const Attending& a) {
  if (!a.mask.valid()) return true;
  const auto dims = e.dims(a.mask);
  return dims && (*dims == Dims{a.batch} || *dims == Dims{2 * a.batch} || *dims == Dims{a.batch, a.keys} ||
                  *dims == Dims{a.batch, a.queries, a.keys});
}

bool biases(Expanding& e, const Attending& a) {
  if (!a.bias.valid()) return true;
  const auto dims = e.dims(a.bias);
  return dims && dims->size() == 4 && (*dims)[2] == a.queries && (*dims)[3] == a.keys;
}

// What is added to the scores for the mask: 0 or the filter, by (batch, 1, 1 or query, key).
ValueId filtered(Expanding& e, const Attending& a, double filter) {
  const Dims dims = *e.dims(a.mask);
  const auto ints = [&](const Dims& shape, auto value) {
    Tensor tensor = Tensor::zeros(DType::kInt32, shape).value();
    const std::span<std::int32_t> data = tensor.mutable_data<std::int32_t>();
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::int32_t>(value(i));
    return e.graph().add_constant("positions", std::move(tensor));
  };
  const Dims by_key = {a.batch, 1, 1, a.keys};
  ValueId kept;
  if (dims.size() == 1) {
    const ValueId positions = ints({1, 1, 1, a.keys}, [](std::size_t i) { return i; });
    const auto part = [&](std::int64_t first) {
      const ValueId some =
          dims[0] == a.batch
              ? a.mask
              : e.add("Slice", {a.mask, e.sizes({first}), e.sizes({first + a.batch}), e.sizes({0})}, {a.batch});
      return e.add("Reshape", {some, e.sizes({a.batch, 1, 1, 1})}, {a.batch, 1, 1, 1});
    };
    kept = e.add_typed("Less", DType::kBool, {positions, part(0)}, by_key);
    if (dims[0] != a.batch) {
      const ValueId begun = e.add_typed("GreaterOrEqual", DType::kBool, {positions, part(a.batch)}, by_key);
      kept = e.add("And", {kept, begun}, by_key);
    }
  } else {
    const Dims shape = dims.size() == 2 ? by_key : Dims{a.batch, 1, a.queries, a.keys};
    const ValueId flags = e.reshaped(a.mask, shape);
    kept = e.add_typed("Greater", DType::kBool, {flags, ints({}, [](std::size_t) { return 0; })}, shape);
  }
  return e.add_typed("Where", kFloat, {kept, e.number(0, kFloat), e.number(filter, kFloat)}, *e.dims(kept));
}

// The Attention node; gives what is wanted of y (with three axes), and of the present keys and values to `present`.
struct Attended {
  ValueId y, present_key, present_value;
};
Attended attend(Expanding& e, const AttendOptions& options, Attending a, bool wants_present) {
  ValueId added = a.bias;
  if (a.mask.valid()) {
    added = filtered(e, a, options.filter);
    if (a.bias.valid()) {
      const Dims bias = *e.dims(a.bias), mask = *e.dims(added);
      const Dims both = {std::max(bias[0], mask[0]), bias[1], a.queries, a.keys};
      added = e.add("Add", {as_float(e, a.bias), added}, both);
    }
  }
  const Dims q = *e.dims(a.q), v = *e.dims(a.v);
  const bool by_heads = q.size() == 4;
  const std::int64_t size = by_heads ? q[3] : q[2] / options.heads, v_size = by_heads ? v[3] : v[2] / options.heads;
  Attributes attributes = {{"is_causal", std::int64_t{options.causal ? 1 : 0}}};
  if (options.scale) attributes["scale"] = static_cast<float>(*options.scale);
  if (!by_heads) {
    attributes["q_num_heads"] = options.heads;
    attributes["kv_num_heads"] = options.heads;
  }
  std::vector<ValueId> inputs = {a.q, a.k, a.v, added, a.past_key, a.past_value};
  const DType type = e.dtype(a.q);
  std::vector<Expanding::Made> made = {{type, by_heads ? Dims{a.batch, options.heads, a.queries, v_size}
                                                       : Dims{a.batch, a.queries, options.heads * v_size}}};
  if (wants_present) {
    made.push_back({type, {a.batch, options.heads, a.keys, size}});
    made.push_back({type, {a.batch, options.heads, a.keys, v_size}});
  }
  const std::vector<ValueId> outputs = e.add_many("Attention", std::move(inputs), made, std::move(attributes));
  Attended result{.y = outputs[0], .present_key = {}, .present_value = {}};
  if (wants_present) {
    result.present_key = outputs[1];
    result.present_value = outputs[2];
  }
  if (by_heads) {
    const Dims flat = {a.batch, a.queries, options.heads * v_size};
    result.y = e.reshaped(e.permuted(result.y, {0, 2, 1, 3}), flat);
  }
  return result;
}

// The bias of the projections, in one: its part for each of the three.
void add_biases(Expanding& e, ValueId bias, Attending& a) {
  const std::int64_t q = e.dims(a.q)->back(), v = e.dims(a.v)->back();
  const DType type = e.dtype(bias);
  const std::vector<ValueId> parts = e.add_many("Split", {bias, e.sizes({q, q, v})},
                                                {{type, {q}}, {type, {q}}, {type, {v}}}, {{"axis", std::int64_t{0}}});
  ValueId* const of[] = {&a.q, &a.k, &a.v};
  for (std::size_t i = 0; i < 3; ++i) *of[i] = e.add("Add", {*of[i], parts[i]}, *e.dims(*of[i]));
}

}  // namespace

void expand_multi_head_attention(Expanding& e) {
  const Node& node = e.node();
  const Result<AttendOptions> options = AttendOptions::parse(node);
  Attending a{.q = e.input(0),
              .k = e.input(1),
              .v = e.input(2),
              .mask = e.input(4),
              .bias = e.input(5),
              .past_key = e.input(6),
              .past_value = e.input(7)};
  for (const ValueId id : {a.q, a.k, a.v}) {
    if (!id.valid() || !e.usable(id)) return;
  }
  const auto q = e.dims(a.q), k = e.dims(a.k), v = e.dims(a.v), past = e.dims(a.past_key);
  const ValueId bias = e.input(3);
  if (!options || e.input(8).valid() || e.input(9).valid() || e.wants(3) || q->size() != 3) return;
  if (k->size() != v->size() || (k->size() != 3 && k->size() != 4) || (*q)[2] % options->heads != 0) return;
  const bool by_heads = k->size() == 4;
  if (by_heads && bias.valid()) return;
  if (bias.valid() && (!e.dims(bias) || *e.dims(bias) != Dims{2 * (*q)[2] + (*v)[2]})) return;
  if (a.past_key.valid() != a.past_value.valid() || (a.past_key.valid() && (!past || past->size() != 4))) return;
  a.batch = (*q)[0];
  a.queries = (*q)[1];
  a.keys = (*k)[by_heads ? 2 : 1] + (past ? (*past)[2] : 0);
  if (!masks(e, a) || !biases(e, a)) return;
  if (bias.valid()) add_biases(e, bias, a);
  if (by_heads) {
    const Dims split = {a.batch, a.queries, options->heads, (*q)[2] / options->heads};
    a.q = e.permuted(e.add("Reshape", {a.q, e.sizes(split)}, split), {0, 2, 1, 3});
  }
  const Attended made = attend(e, *options, a, e.wants(1) || e.wants(2));
  e.give(0, made.y);
  if (e.wants(1)) e.give(1, made.present_key);
  if (e.wants(2)) e.give(2, made.present_value);
  e.done();
}

namespace {

// Attention and QAttention from the projected queries, keys and values in one, (batch, length, q + k + v).
void expand_projected(Expanding& e, const AttendOptions& options, ValueId projected, const Dims& widths, Attending a,
                      ValueId past) {
  const DType type = e.dtype(projected);
  const auto part = [&](std::size_t i) { return Expanding::Made{type, {a.batch, a.queries, widths[i]}}; };
  const std::vector<ValueId> parts =
      e.add_many("Split", {projected, e.sizes(widths)}, {part(0), part(1), part(2)}, {{"axis", std::int64_t{2}}});
  a.q = parts[0];
  a.k = parts[1];
  a.v = parts[2];
  if (past.valid()) {
    Dims half = *e.dims(past);
    half[0] = 1;
    const std::vector<ValueId> both =
        e.add_many("Split", {past, e.sizes({1, 1})}, {{type, half}, {type, half}}, {{"axis", std::int64_t{0}}});
    half.erase(half.begin());
    a.past_key = e.reshaped(both[0], half);
    a.past_value = e.reshaped(both[1], half);
  }
  const Attended made = attend(e, options, a, e.wants(1));
  e.give(0, made.y);
  if (e.wants(1)) {
    Dims one = *e.dims(made.present_key);
    one.insert(one.begin(), 1);
    Dims two = one;
    two[0] = 2;
    const ValueId keys = e.reshaped(made.present_key, one), values = e.reshaped(made.present_value, one);
    e.give(1, e.add("Concat", {keys, values}, two, {{"axis", std::int64_t{0}}}));
  }
  e.done();
}

// The columns of queries, keys and values, or nothing where they make no heads.
std::optional<Dims> widths_of(const Node& node, std::int64_t columns, std::int64_t heads, bool one_size) {
  const Result<std::vector<std::int64_t>> given = get_ints(node, "qkv_hidden_sizes");
  if (!given || (!given->empty() && given->size() != 3)) return {};
  Dims widths = given->empty() ? Dims{columns / 3, columns / 3, columns / 3} : *given;
  for (const std::int64_t width : widths) {
    if (width < 1 || width > columns || width % heads != 0) return {};
  }
  if (widths[0] + widths[1] + widths[2] != columns || widths[0] != widths[1]) return {};
  if (one_size && widths[0] != widths[2]) return {};
  return widths;
}

}  // namespace

void expand_attention(Expanding& e) {
  const Node& node = e.node();
  const Result<AttendOptions> options = AttendOptions::parse(node);
  const auto x = e.dims(e.input(0)), w = e.dims(e.input(1));
  const ValueId bias = e.input(2), past = e.input(4);
  if (!options || !e.usable(e.input(0)) || !w || x->size() != 3 || w->size() != 2 || e.input(6).valid()) return;
  const auto widths = widths_of(node, (*w)[1], options->heads, past.valid() || e.wants(1));
  if (!widths || (bias.valid() && e.dims(bias) != Dims{(*w)[1]})) return;
  Attending a{.mask = e.input(3), .bias = e.input(5), .batch = (*x)[0], .queries = (*x)[1], .keys = (*x)[1]};
  if (past.valid()) {
    if (!e.dims(past) || e.dims(past)->size() != 5) return;
    a.keys += (*e.dims(past))[3];
  }
  if (!masks(e, a) || !biases(e, a)) return;
  const Dims shape = {a.batch, a.queries, (*w)[1]};
  ValueId projected = e.add("MatMul", {e.input(0), e.input(1)}, shape);
  if (bias.valid()) projected = e.add("Add", {projected, bias}, shape);
  expand_projected(e, *options, projected, *widths, a, past);
}

void expand_qattention(Expanding& e) {
  const Node& node = e.node();
  const Result<AttendOptions> options = AttendOptions::parse(node);
  const auto x = e.dims(e.input(0)), w = e.dims(e.input(1));
  const ValueId bias = e.input(2), past = e.input(8), scale = e.input(3);
  if (!options || !x || !w || x->size() != 3 || w->size() != 2 || !scale.valid() || e.dtype(scale) != kFloat) return;
  if (bias.valid() && (e.dims(bias) != Dims{(*w)[1]} || e.dtype(bias) != kFloat)) return;
  const auto widths = widths_of(node, (*w)[1], options->heads, past.valid() || e.wants(1));
  if (!widths) return;
  Attending a{.mask = e.input(5), .batch = (*x)[0], .queries = (*x)[1], .keys = (*x)[1]};
  if (past.valid()) {
    if (!e.dims(past) || e.dims(past)->size() != 5) return;
    a.keys += (*e.dims(past))[3];
  }
  if (!masks(e, a)) return;
  const ValueId projected = e.add_typed("MatMulIntegerToFloat", kFloat,
                                        {e.input(0), e.input(1), scale, e.input(4), e.input(6), e.input(7), bias},
                                        {a.batch, a.queries, (*w)[1]}, {}, "com.microsoft");
  expand_projected(e, *options, projected, *widths, a, past);
}

}  // namespace cycloid
