// matmul(softmax(s * matmul(q, transpose(k)) + mask), v)  =>  attention(q, k, v, mask; scale = s)
//
// However the factor s is spread over q, k and the scores, and k transposed. A row of scores that is -infinity throughout
// has the softmax NaN, and the operator's zeros: so a mask must have a bound, or be constant with something left in each
// row. Where the model itself turns these NaN into zeros, it does so to every NaN, and that floats are finite has to be
// said. What an older operator set lacks is taken apart again on export.
#include <algorithm>
#include <cmath>

#include "rewrite/match.h"
#include "rewrite/product.h"
#include "rewrite/rules/bounds.h"
#include "rewrite/rules/permutation.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"MatMul"};
constexpr std::size_t kRank = 4;  // batch, heads, length, size

bool has_rank(const RuleContext& context, ValueId id, std::size_t rank) {
  const Shape* shape = context.shape(id);
  return shape != nullptr && shape->size() == rank;
}

// `id` without its factors that are numbers, which go to `factor`.
ValueId without_factor(const RuleContext& context, ValueId id, double& factor) {
  const Product product = product_of(context, id);
  if (product.leaves.size() != 1 || !same_shape(context.shape(product.leaves[0]), context.shape(id))) return id;
  factor *= product.factor;
  return product.leaves[0];
}

struct Key {
  ValueId source;
  Permutation permutation;  // of `source`, that makes k
};

struct Match {
  ValueId q;
  Key key;
  ValueId mask;  // none: no mask
  bool causal = false;
  double scale = 1;
};

class Matcher {
 public:
  Matcher(const RuleContext& context, NodeId root) : context_(context), root_(root) {}

  std::optional<Match> run() {
    const Node& node = context_.graph.node(root_);
    if (!has_rank(context_, node.inputs[0], kRank) || !has_rank(context_, node.inputs[1], kRank)) return std::nullopt;
    if (context_.dtype(node.outputs[0]) != DType::kFloat32) return std::nullopt;
    ValueId shares = inner(node.inputs[0]);
    shares = without_nan(shares);
    const Node* softmax = shares.valid() ? context_.producer(shares, "Softmax") : nullptr;
    if (softmax == nullptr || axis_attribute(*softmax, "axis", -1, kRank) != 3) return std::nullopt;
    if (!scores(inner(softmax->inputs[0]))) return std::nullopt;
    const bool fits = match_.scale > 0 && std::isfinite(static_cast<float>(match_.scale)) && shapes_fit(node.inputs[1]);
    return fits ? std::optional(match_) : std::nullopt;
  }

 private:
  // A value that nothing but the match uses; none where something else does.
  ValueId inner(ValueId id) const {
    return only_user(context_, id).valid() || used_by_its_own_check(id) ? id : ValueId{};
  }

  // p, where all that uses it is where(is_nan(p), 0, p).
  bool used_by_its_own_check(ValueId id) const {
    const Value& value = context_.value(id);
    if (context_.graph.is_output(id) || value.uses.size() != 2) return false;
    return std::ranges::all_of(value.uses, [&](Use use) {
      if (use.input == Use::kCaptured) return false;
      const Node& node = context_.graph.node(use.node);
      return node.domain.empty() && (node.op_type == "IsNaN" || node.op_type == "Where");
    });
  }

  // p of where(is_nan(p), 0, p), which is p for finite scores and for rows that a mask hides.
  ValueId without_nan(ValueId id) {
    const Node* where = id.valid() ? context_.producer(id, "Where") : nullptr;
    if (where == nullptr) return id;
    const Node* is_nan = context_.producer(where->inputs[0], "IsNaN");
    if (is_nan == nullptr || is_nan->inputs[0] != where->inputs[2] || uniform_number(context_, where->inputs[1]) != 0.0)
      return {};
    if (!context_.assume_finite || !only_user(context_, where->inputs[0]).valid()) return {};
    return inner(where->inputs[2]);
  }

  // scale * matmul(q, transpose(k)) + mask
  bool scores(ValueId id) {
    if (!id.valid()) return false;
    if (products(id)) return true;
    const Node* add = context_.producer(id, "Add");
    if (add == nullptr) return false;
    for (const std::size_t i : {0U, 1U}) {
      const ValueId mask = add->inputs[1 - i];
      if (inner(add->inputs[i]).valid() && products(add->inputs[i]) && takes(mask, add->inputs[i])) return true;
    }
    return false;
  }

  bool products(ValueId id) {
    match_.scale = 1;
    const ValueId product = without_factor(context_, id, match_.scale);
    const Node* matmul = context_.producer(product, "MatMul");
    if (matmul == nullptr || !has_rank(context_, product, kRank)) return false;
    if (product != id && !inner(product).valid()) return false;
    if (!has_rank(context_, matmul->inputs[0], kRank) || !has_rank(context_, matmul->inputs[1], kRank)) return false;
    match_.q = without_factor(context_, matmul->inputs[0], match_.scale);
    const ValueId turned = without_factor(context_, matmul->inputs[1], match_.scale);
    const Node* transpose = context_.producer(turned, "Transpose");
    const auto r = transpose != nullptr ? permutation_of(context_, *transpose) : std::nullopt;
    if (!r || r->size() != kRank) return false;
    const Permutation p = {(*r)[0], (*r)[1], (*r)[3], (*r)[2]};
    match_.key = {without_factor(context_, transpose->inputs[0], match_.scale), p};
    scores_ = context_.shape(product);
    return true;
  }

  bool takes(ValueId mask, ValueId products) {
    const Shape* shape = context_.shape(mask);
    const Shape& scores = *context_.shape(products);
    // The operator fills a mask with fewer keys up, where addition broadcasts one key.
    if (shape == nullptr || shape->empty() || !(shape->back() == scores.back()) || !broadcast_keeps(scores, *shape))
      return false;
    // As a mask it would spread the NaN of a key that it hides.
    match_.causal = context_.assume_finite && is_causal_mask(context_, mask) && scores[2] == scores[3];
    match_.mask = match_.causal ? ValueId{} : mask;
    return match_.causal || context_.assume_finite || leaves_something(context_, mask);
  }

  // No batch, head or size is broadcast by the products.
  bool shapes_fit(ValueId v) const {
    const Shape& q = *context_.shape(match_.q);
    const Shape& source = *context_.shape(match_.key.source);
    const auto k = [&](std::size_t axis) { return source[static_cast<std::size_t>(match_.key.permutation[axis])]; };
    const Shape& values = *context_.shape(v);
    const auto equal = [](const Dim& a, const Dim& b) { return a == b && !(a == Dim::unknown()); };
    const auto& s = *scores_;
    return equal(q[0], k(0)) && equal(q[0], values[0]) && equal(q[1], k(1)) && equal(q[1], values[1]) &&
           equal(k(2), values[2]) && !may_be_zero(q[1]) && !may_be_zero(q[3]) && q[3] == k(3) && s[2] == q[2] &&
           s[3] == k(2);
  }

  const RuleContext& context_;
  NodeId root_;
  Match match_;
  const Shape* scores_ = nullptr;
};

// The mask with as many rows as there are queries: runtimes take no other (ONNX Runtime 1.32). As a mask hides keys the same
// way in many layers, the wider one is shared as well.
Patch::Ref mask_of(const RuleContext& context, Patch& patch, const Match& match) {
  if (!match.mask.valid()) return Patch::Ref::none();
  const Shape& shape = *context.shape(match.mask);
  const Shape& q = *context.shape(match.q);
  if (shape.size() >= 2 && shape[shape.size() - 2] == q[2]) return match.mask;
  const auto ints = [&](Ints values) { return patch.constant("shape", int64s(values)); };
  if (const auto rows = q[2].known()) return patch.node("Expand", {match.mask, ints({*rows, 1})});
  const auto rows = patch.node("Shape", {match.q}, {{"start", std::int64_t{2}}, {"end", std::int64_t{3}}});
  const auto target = patch.node("Concat", {rows, ints({1})}, {{"axis", std::int64_t{0}}});
  return patch.node("Expand", {match.mask, target});
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const auto match = Matcher(context, root).run();
  if (!match) return std::nullopt;
  const Node& node = context.graph.node(root);
  Patch patch;
  const bool turned = !is_identity(match->key.permutation);
  const Patch::Ref k = turned ? patch.node("Transpose", {match->key.source}, {{"perm", match->key.permutation}})
                              : Patch::Ref(match->key.source);
  std::vector<Patch::Ref> inputs = {match->q, k, node.inputs[1]};
  if (match->mask.valid()) inputs.push_back(mask_of(context, patch, *match));
  Attributes attributes = {{"scale", static_cast<float>(match->scale)}};
  if (match->causal) attributes.emplace("is_causal", std::int64_t{1});
  patch.replace(node.outputs[0], patch.node("Attention", std::move(inputs), std::move(attributes)));
  return patch;
}

// --- attention(by_heads(q), by_heads(k), by_heads(v)) => by_heads(attention(q, k, v))

// x of transpose(x, [0, 2, 1, 3]).
ValueId before_heads(const RuleContext& context, ValueId id) {
  const Node* transpose = context.producer(id, "Transpose");
  const auto p = transpose != nullptr ? permutation_of(context, *transpose) : std::nullopt;
  return p == Permutation{0, 2, 1, 3} ? transpose->inputs[0] : ValueId{};
}

// A rotary embedding that nothing else uses: it too takes heads or rows.
const Node* turned_rows(const RuleContext& context, ValueId id) {
  const Node* rotary = context.producer(id, "RotaryEmbedding");
  return rotary != nullptr && only_user(context, id).valid() ? rotary : nullptr;
}

// Whether the operator computes output 0 alone, from queries, keys, values and a mask.
bool is_plain(const RuleContext& context, const Node& node) {
  for (std::size_t i = 4; i < 7; ++i) {
    if (has_input(node, i)) return false;
  }
  for (std::size_t i = 1; i < node.outputs.size(); ++i) {
    if (output_wanted(context.graph, node, i)) return false;
  }
  return true;
}

std::optional<Patch> propose_rows(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  if (!is_plain(context, node)) return std::nullopt;
  const NodeId user = only_user(context, node.outputs[0]);
  if (!user.valid()) return std::nullopt;
  const ValueId joined = context.graph.node(user).outputs[0];
  if (before_heads(context, joined) != node.outputs[0]) return std::nullopt;
  Patch patch;
  std::vector<Patch::Ref> inputs;
  Attributes attributes = node.attributes;
  for (std::size_t i = 0; i < 3; ++i) {
    const Node* rotary = turned_rows(context, node.inputs[i]);
    const ValueId by_heads = before_heads(context, rotary != nullptr ? rotary->inputs[0] : node.inputs[i]);
    const Shape* shape = context.shape(by_heads);
    if (shape == nullptr || !(*shape)[2].is_known() || !(*shape)[3].is_known()) return std::nullopt;
    const std::int64_t heads = (*shape)[2].value();
    if (heads < 1 || (*shape)[3].value() < 1) return std::nullopt;
    if (i < 2) attributes.insert_or_assign(i == 0 ? "q_num_heads" : "kv_num_heads", heads);
    const Ints rows = {0, 0, heads * (*shape)[3].value()};
    Patch::Ref input = patch.node("Reshape", {by_heads, patch.constant("rows", int64s(rows))});
    if (rotary != nullptr) {
      std::vector<Patch::Ref> turned(rotary->inputs.begin(), rotary->inputs.end());
      turned[0] = input;
      Attributes by_rows = rotary->attributes;
      by_rows.insert_or_assign("num_heads", heads);
      input = patch.node("RotaryEmbedding", std::move(turned), std::move(by_rows));
    }
    inputs.push_back(input);
  }
  if (has_input(node, 3)) inputs.emplace_back(node.inputs[3]);
  const Shape& result = *context.shape(joined);
  if (!result[2].is_known() || !result[3].is_known()) return std::nullopt;
  const Ints heads = {0, 0, result[2].value(), result[3].value()};
  const auto rows = patch.node("Attention", std::move(inputs), std::move(attributes));
  patch.replace(joined, patch.node("Reshape", {rows, patch.constant("heads", int64s(heads))}));
  return patch;
}

constexpr std::string_view kAttention[] = {"Attention"};

}  // namespace

const Rule kRaiseAttention = {
    .name = "raise-attention",
    .law = "matmul(softmax(s * matmul(q, transpose(k)) + mask), v) => attention(q, k, v, mask, s)",
    .why =
        "The formula is the definition of a standard operator, which need not write the scores of all pairs to memory.",
    .kind = RuleKind::kCheaperNode,
    .exact = false,
    .cost_decides = true,
    .roots = kRoots,
    .propose = propose,
};

const Rule kAttentionByRows = {
    .name = "attention-by-rows",
    .law = "transpose(attention(transpose(q), transpose(k), transpose(v))) => attention(q, k, v) with heads in rows",
    .why =
        "The operator also takes rows that hold all heads side by side, as the layers before and after it have them.",
    .kind = RuleKind::kCheaperNode,
    .exact = false,
    .roots = kAttention,
    .propose = propose_rows,
};

}  // namespace cycloid
