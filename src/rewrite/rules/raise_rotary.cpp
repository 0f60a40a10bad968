// x * cos + concat(-x2, x1) * sin                    => rotary_embedding(x, cos', sin')
// concat(x1 * cos - x2 * sin, x2 * cos + x1 * sin)   => rotary_embedding(x, cos, sin)
//
// x1 and x2 are the halves of x along its last axis, or its elements at even and at odd places (interleaved). Where cos and
// sin are as long as x, each of their elements stands there twice, and cos' has it once.
#include <algorithm>

#include "rewrite/match.h"
#include "rewrite/rules/permutation.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Add", "Concat"};
constexpr std::size_t kRank = 4;  // batch, heads, length, size
constexpr int kDeepest = 8;

// Elements begin, begin + step, ... of `source` along its last axis.
struct Part {
  ValueId source;
  std::int64_t begin = 0;
  std::int64_t count = 0;
  std::int64_t step = 1;
};

std::optional<std::int64_t> last_size(const RuleContext& context, ValueId id) {
  const Shape* shape = context.shape(id);
  return shape != nullptr && !shape->empty() ? shape->back().known() : std::nullopt;
}

std::optional<Part> part_of(const RuleContext& context, ValueId id) {
  const Node* node = context.graph.producer(id);
  const auto count = last_size(context, id);
  const Shape* shape = node != nullptr && !node->inputs.empty() ? context.shape(node->inputs[0]) : nullptr;
  if (node == nullptr || !node->domain.empty() || !count || shape == nullptr || shape->empty()) return std::nullopt;
  const auto last = static_cast<std::int64_t>(shape->size()) - 1;
  if (node->op_type == "Split") {
    if (axis_attribute(*node, "axis", 0, shape->size()) != last) return std::nullopt;
    std::int64_t begin = 0;
    for (const ValueId output : node->outputs) {
      if (output == id) return Part{node->inputs[0], begin, *count, 1};
      const auto size = output.valid() ? last_size(context, output) : std::nullopt;
      if (!size) return std::nullopt;
      begin += *size;
    }
    return std::nullopt;
  }
  if (node->op_type != "Slice" || !has_input(*node, 3) || !shape->back().is_known()) return std::nullopt;
  const auto starts = context.constant_ints(node->inputs[1]);
  const auto axes = context.constant_ints(node->inputs[3]);
  const auto steps = has_input(*node, 4) ? context.constant_ints(node->inputs[4]) : std::optional(Ints{1});
  if (!starts || !axes || !steps || starts->size() != 1 || axes->size() != 1 || steps->size() != 1) return std::nullopt;
  if (((*axes)[0] != last && (*axes)[0] != -1) || (*steps)[0] < 1) return std::nullopt;
  const std::int64_t size = shape->back().value();
  const std::int64_t begin = (*starts)[0] < 0 ? (*starts)[0] + size : (*starts)[0];
  if (begin < 0) return std::nullopt;
  return Part{node->inputs[0], begin, *count, (*steps)[0]};
}

// The first and the second of the two parts that a rotation pairs.
struct Pairing {
  ValueId x;
  bool interleaved = false;
};
std::optional<Pairing> pairing(const RuleContext& context, ValueId first, ValueId second) {
  const auto a = part_of(context, first);
  const auto b = part_of(context, second);
  if (!a || !b || a->source != b->source || a->count != b->count || a->begin != 0 || a->step != b->step)
    return std::nullopt;
  if (last_size(context, a->source) != 2 * a->count || a->count < 1) return std::nullopt;
  if (a->step == 1 && b->begin == a->count) return Pairing{a->source, false};
  if (a->step == 2 && b->begin == 1) return Pairing{a->source, true};
  return std::nullopt;
}

// x, of its parts rotated by a right angle: concat(-x2, x1), or the same pair by pair.
std::optional<Pairing> right_angle(const RuleContext& context, ValueId id) {
  const Node* reshape = context.producer(id, "Reshape");
  if (reshape == nullptr) reshape = context.producer(id, "Flatten");
  const Node* concat = context.producer(reshape != nullptr ? reshape->inputs[0] : id, "Concat");
  const Shape* shape = concat != nullptr ? context.shape(concat->outputs[0]) : nullptr;
  if (shape == nullptr || concat->inputs.size() != 2) return std::nullopt;
  if (axis_attribute(*concat, "axis", 0, shape->size()) != static_cast<std::int64_t>(shape->size()) - 1)
    return std::nullopt;
  ValueId parts[2] = {concat->inputs[0], concat->inputs[1]};
  if (reshape != nullptr) {
    for (ValueId& part : parts) {
      const Node* unsqueeze = context.producer(part, "Unsqueeze");
      const auto axes = unsqueeze != nullptr ? axes_input(context, *unsqueeze, 1, shape->size()) : std::nullopt;
      if (axes != Ints{static_cast<std::int64_t>(shape->size()) - 1}) return std::nullopt;
      part = unsqueeze->inputs[0];
    }
  }
  const Node* neg = context.producer(parts[0], "Neg");
  const auto found = neg != nullptr ? pairing(context, parts[1], neg->inputs[0]) : std::nullopt;
  if (!found || found->interleaved != (reshape != nullptr)) return std::nullopt;
  return same_shape(context.shape(found->x), context.shape(id)) ? found : std::nullopt;
}

// Each element of the last axis once, where it stands there twice.
class Halver {
 public:
  Halver(const RuleContext& context, Patch& patch, bool interleaved)
      : context_(context), patch_(patch), interleaved_(interleaved) {}

  std::optional<Patch::Ref> half(ValueId id, int depth = kDeepest) {
    if (const Tensor* tensor = context_.constant(id)) return half_constant(id, *tensor);
    const Node* node = context_.graph.producer(id);
    const Shape* shape = context_.shape(id);
    if (node == nullptr || !node->domain.empty() || shape == nullptr || depth == 0) return std::nullopt;
    const auto last = static_cast<std::int64_t>(shape->size()) - 1;
    if (node->op_type == "Concat") {
      const bool twice = !interleaved_ && node->inputs.size() == 2 && node->inputs[0] == node->inputs[1] &&
                         axis_attribute(*node, "axis", 0, shape->size()) == last;
      return twice ? std::optional<Patch::Ref>(node->inputs[0]) : std::nullopt;
    }
    if (interleaved_ && (node->op_type == "Reshape" || node->op_type == "Flatten")) return repeated(*node, *shape);
    if (!keeps_last_axis(*node, *shape)) return std::nullopt;
    const auto input = half(node->inputs[0], depth - 1);
    if (!input) return std::nullopt;
    std::vector<Patch::Ref> inputs = {*input};
    for (std::size_t i = 1; i < node->inputs.size(); ++i) inputs.emplace_back(node->inputs[i]);
    return patch_.node(node->op_type, std::move(inputs), node->attributes);
  }

 private:
  std::optional<Patch::Ref> half_constant(ValueId id, const Tensor& tensor) {
    if (tensor.dtype() != DType::kFloat32 || tensor.rank() == 0 || tensor.dims().back() % 2 != 0) return std::nullopt;
    Dims dims = tensor.dims();
    dims.back() /= 2;
    const auto count = static_cast<std::size_t>(dims.back());
    Tensor once = Tensor::zeros(DType::kFloat32, dims).value();
    const auto from = tensor.data<float>();
    const auto to = once.mutable_data<float>();
    for (std::size_t i = 0; i < to.size(); ++i) {
      const std::size_t row = i / count * 2 * count;
      const std::size_t first = row + (interleaved_ ? 2 : 1) * (i % count);
      to[i] = from[first];
      if (!(to[i] == from[first + (interleaved_ ? 1 : count)])) return std::nullopt;
    }
    return patch_.constant(context_.value(id).name, std::move(once));
  }

  // x of reshape(expand(unsqueeze(x, last), 2), joined).
  std::optional<Patch::Ref> repeated(const Node& reshape, const Shape& shape) const {
    const Node* expand = context_.graph.producer(reshape.inputs[0]);
    if (expand == nullptr || (expand->op_type != "Expand" && expand->op_type != "Tile")) return std::nullopt;
    const Node* unsqueeze = context_.producer(expand->inputs[0], "Unsqueeze");
    const Shape* from = unsqueeze != nullptr ? context_.shape(unsqueeze->inputs[0]) : nullptr;
    const Shape* wide = context_.shape(expand->outputs[0]);
    if (from == nullptr || wide == nullptr || from->empty() || from->size() != shape.size()) return std::nullopt;
    Shape expected = *from;
    expected.emplace_back(2);
    if (!(*wide == expected) || !std::equal(from->begin(), from->end() - 1, shape.begin())) return std::nullopt;
    return unsqueeze->inputs[0];
  }

  // Computes elements one by one, or moves along other axes.
  bool keeps_last_axis(const Node& node, const Shape& shape) const {
    const auto last = static_cast<std::int64_t>(shape.size()) - 1;
    if (node.op_type == "Cos" || node.op_type == "Sin" || node.op_type == "Cast") return true;
    if (node.op_type == "Mul") {
      const Tensor* factor = context_.constant(node.inputs[1]);
      return factor != nullptr && factor->element_count() == 1 && factor->rank() <= 1;
    }
    if (node.op_type == "Unsqueeze") {
      const auto axes = axes_input(context_, node, 1, shape.size());
      return axes && std::ranges::count(*axes, last) == 0;
    }
    if (node.op_type == "Gather") return axis_attribute(node, "axis", 0, 2) == 0 && shape.size() > 1;
    if (node.op_type != "Slice" || !has_input(node, 3)) return false;
    const auto axes = context_.constant_ints(node.inputs[3]);
    return axes && std::ranges::all_of(*axes, [&](std::int64_t axis) { return axis >= 0 && axis < last; });
  }

  const RuleContext& context_;
  Patch& patch_;
  bool interleaved_;
};

// The first rows of a constant table, as many as x is long: min(rows, length) of them, which fits x where it is the length.
bool is_length(const RuleContext& context, ValueId cache, const Dim& size, const Dim& length) {
  if (size == length) return true;
  for (int depth = kDeepest; depth > 0; --depth) {
    const Node* node = context.graph.producer(cache);
    if (node == nullptr || !node->domain.empty() || node->inputs.empty()) return false;
    cache = node->inputs[0];
    const Tensor* table = context.constant(cache);
    if (table == nullptr) continue;
    return table->rank() > 1 && table->dim(0) > 1 && size == Dim::min(table->dim(0), length);
  }
  return false;
}

// Caches as (batch, length, half).
class Caches {
 public:
  Caches(const RuleContext& context, Patch& patch, ValueId x) : context_(context), patch_(patch), x_(x) {}

  // What broadcasts to x as `cache` does, of which `half` has each element once; nullopt where it differs by head.
  std::optional<Patch::Ref> of(ValueId cache, Patch::Ref half) {
    const Shape& shape = *context_.shape(cache);
    const Shape& target = *context_.shape(x_);
    const std::size_t rank = shape.size();
    if (rank < 2 || rank > kRank || !is_length(context_, cache, shape[rank - 2], target[2])) return std::nullopt;
    if (rank > 2 && !shape[rank - 3].is(1)) return std::nullopt;
    if (rank == kRank) half = patch_.node("Squeeze", {half, ints({1})});
    const Dim batch = rank == kRank ? shape[0] : Dim(1);
    if (batch == target[0]) return rank == 2 ? patch_.node("Unsqueeze", {half, ints({0})}) : half;
    return batch.is(1) ? std::optional(patch_.node("Expand", {half, for_all_batches()})) : std::nullopt;
  }

 private:
  Patch::Ref ints(Ints values) { return patch_.constant("sizes", int64s(values)); }

  // [batch, 1, 1]
  Patch::Ref for_all_batches() {
    if (const auto known = (*context_.shape(x_))[0].known()) return ints({*known, 1, 1});
    if (!sizes_) {
      const auto size = patch_.node("Shape", {x_}, {{"start", std::int64_t{0}}, {"end", std::int64_t{1}}});
      sizes_ = patch_.node("Concat", {size, ints({1, 1})}, {{"axis", std::int64_t{0}}});
    }
    return *sizes_;
  }

  const RuleContext& context_;
  Patch& patch_;
  ValueId x_;
  std::optional<Patch::Ref> sizes_;
};

std::optional<Patch> embedding(const RuleContext& context, const Node& node, const Pairing& found, ValueId cosines,
                               ValueId sines, bool twice) {
  const Shape* x = context.shape(found.x);
  if (x == nullptr || x->size() != kRank || context.dtype(found.x) != DType::kFloat32 ||
      !same_shape(x, context.shape(node.outputs[0])))
    return std::nullopt;
  Patch patch;
  std::vector<Patch::Ref> inputs = {found.x};
  Halver halver(context, patch, found.interleaved);
  Caches caches(context, patch, found.x);
  for (const ValueId id : {cosines, sines}) {
    const auto size = last_size(context, id);
    if (size != (twice ? x->back() : Dim::floor_div(x->back(), 2)).known() || !size) return std::nullopt;
    const auto half = twice ? halver.half(id) : std::optional<Patch::Ref>(id);
    const auto cache = half ? caches.of(id, *half) : std::nullopt;
    if (!cache) return std::nullopt;
    inputs.push_back(*cache);
  }
  Attributes attributes;
  if (found.interleaved) attributes.emplace("interleaved", std::int64_t{1});
  patch.replace(node.outputs[0], patch.node("RotaryEmbedding", std::move(inputs), std::move(attributes)));
  return patch;
}

// x * cos + right_angle(x) * sin
std::optional<Patch> of_the_whole(const RuleContext& context, const Node& add) {
  for (const std::size_t i : {0U, 1U}) {
    const Node* straight = context.producer(add.inputs[i], "Mul");
    const Node* turned = context.producer(add.inputs[1 - i], "Mul");
    if (straight == nullptr || turned == nullptr) return std::nullopt;
    for (const std::size_t j : {0U, 1U}) {
      const auto found = right_angle(context, turned->inputs[j]);
      if (!found) continue;
      for (const std::size_t k : {0U, 1U}) {
        if (straight->inputs[k] != found->x) continue;
        if (auto patch = embedding(context, add, *found, straight->inputs[1 - k], turned->inputs[1 - j], true))
          return patch;
      }
    }
  }
  return std::nullopt;
}

struct Factors {
  ValueId a, b;
};
std::optional<Factors> factors(const RuleContext& context, ValueId id) {
  const Node* mul = context.producer(id, "Mul");
  return mul != nullptr ? std::optional(Factors{mul->inputs[0], mul->inputs[1]}) : std::nullopt;
}
// The other factor, if one is `id`.
ValueId other(const Factors& factors, ValueId id) {
  return factors.a == id ? factors.b : factors.b == id ? factors.a : ValueId{};
}

// concat(x1 * cos - x2 * sin, x2 * cos + x1 * sin)
std::optional<Patch> of_halves(const RuleContext& context, const Node& concat) {
  const Shape* shape = context.shape(concat.outputs[0]);
  if (shape == nullptr || concat.inputs.size() != 2 || axis_attribute(concat, "axis", 0, shape->size()) != 3)
    return std::nullopt;
  const Node* real = context.producer(concat.inputs[0], "Sub");
  const Node* imaginary = context.producer(concat.inputs[1], "Add");
  if (real == nullptr || imaginary == nullptr) return std::nullopt;
  const auto p = factors(context, real->inputs[0]);
  const auto q = factors(context, real->inputs[1]);
  if (!p || !q) return std::nullopt;
  for (const bool x_first : {true, false}) {
    for (const bool y_first : {true, false}) {
      const ValueId x1 = x_first ? p->a : p->b;
      const ValueId cosines = x_first ? p->b : p->a;
      const ValueId x2 = y_first ? q->a : q->b;
      const ValueId sines = y_first ? q->b : q->a;
      const auto found = pairing(context, x1, x2);
      if (!found || found->interleaved) continue;
      for (const std::size_t i : {0U, 1U}) {
        const auto r = factors(context, imaginary->inputs[i]);
        const auto s = factors(context, imaginary->inputs[1 - i]);
        if (r && s && other(*r, x2) == cosines && other(*s, x1) == sines)
          return embedding(context, concat, *found, cosines, sines, false);
      }
    }
  }
  return std::nullopt;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  return node.op_type == "Add" ? of_the_whole(context, node) : of_halves(context, node);
}

}  // namespace

const Rule kRaiseRotary = {
    .name = "raise-rotary",
    .law = "x * cos + concat(-x2, x1) * sin => rotary_embedding(x, cos, sin), x1 and x2 the halves of x or its pairs",
    .why = "The formula is the definition of a standard operator, which reads and writes its input once.",
    .kind = RuleKind::kCheaperNode,
    .exact = false,
    .cost_decides = true,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
