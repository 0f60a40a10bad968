// f(transpose(a), b, ...) => transposes where the data is smallest, or nowhere, for every f that commutes with them
//
// A Transpose can move through elementwise operators, reductions, Softmax, Concat, Split, Slice, Pad, Gather, Squeeze,
// Resize, MatMul (which exchanges its operands) and others, down or up, and cancels where it meets its inverse or an
// operator that takes both forms. Which nodes of a region should compute permuted values is a minimum cut.
#include <algorithm>

#include "ops/tensor/movement.h"
#include "rewrite/match.h"
#include "rewrite/rules/permuted_region.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Transpose"};

// Builds the patch for the chosen nodes of a region.
class Mover {
 public:
  Mover(const RuleContext& context, const PermutedRegion& region) : context_(context), region_(region) {}

  Patch run() {
    for (const NodeId id : context_.graph.nodes()) {  // in order, so that recursion stays flat
      if (region_.chosen.contains(id)) make(id);
    }
    for (const NodeId id : region_.chosen) replace_outputs(id);
    for (const auto& [id, p] : region_.values) {
      if (has_permuted(id)) move_users(id, p);
    }
    return std::move(patch_);
  }

 private:
  bool is_chosen(ValueId id) const {
    const Value& value = context_.value(id);
    return value.kind == Value::Kind::kOutput && region_.chosen.contains(value.producer);
  }

  // v' is there without a new Transpose.
  bool has_permuted(ValueId id) const {
    if (is_chosen(id)) return true;
    const Node* transpose = context_.producer(id, "Transpose");
    const auto r = transpose != nullptr ? permutation_of(context_, *transpose) : std::nullopt;
    return r && *r == region_.values.at(id);
  }

  // v', for an input of a chosen node.
  Patch::Ref permuted(ValueId id, const Permutation& p) {
    // A use by broadcasting has more axes than the value, and a permutation of its own.
    const auto own = region_.values.find(id);
    const bool same_axes = context_.shape(id)->size() == p.size();
    if (is_chosen(id) && same_axes && (own == region_.values.end() || own->second == p)) return made_.at(id);
    if (const auto at = permuted_.find({id, p}); at != permuted_.end()) return at->second;
    const Patch::Ref ref = permute(id, p);
    permuted_.emplace(std::pair(id, p), ref);
    return ref;
  }

  Patch::Ref permute(ValueId id, const Permutation& p) {
    const Shape& shape = *context_.shape(id);
    const std::size_t missing = p.size() - shape.size();
    if (const Tensor* tensor = context_.constant(id)) {
      Dims dims(missing, 1);
      dims.insert(dims.end(), tensor->dims().begin(), tensor->dims().end());
      Tensor moved = transposed(tensor->reshaped(dims), inverse(p)).value();
      if (missing != 0) {  // broadcasting puts leading axes back
        const Dims& now = moved.dims();
        moved = moved.reshaped(Dims(std::ranges::find_if(now, [](std::int64_t size) { return size != 1; }), now.end()));
      }
      return patch_.constant(context_.value(id).name, std::move(moved));
    }
    if (missing != 0) {
      Ints axes;
      for (std::size_t i = 0; i < missing; ++i) axes.push_back(static_cast<std::int64_t>(i));
      const auto wide = patch_.node("Unsqueeze", {plain(id), patch_.constant("axes", int64s(axes))});
      return patch_.node("Transpose", {wide}, {{"perm", inverse(p)}});
    }
    if (const Node* transpose = context_.producer(id, "Transpose")) {
      if (const auto r = permutation_of(context_, *transpose)) {
        const Permutation rest = compose(*r, inverse(p));
        const Patch::Ref source = plain(transpose->inputs[0]);
        return is_identity(rest) ? source : patch_.node("Transpose", {source}, {{"perm", rest}});
      }
    }
    return patch_.node("Transpose", {plain(id)}, {{"perm", inverse(p)}});
  }

  // v, for an input that is used as it is.
  Patch::Ref plain(ValueId id) {
    if (!id.valid() || !is_chosen(id) || !made_.contains(id)) return id;
    const auto at = region_.values.find(id);
    if (at == region_.values.end()) return made_.at(id);  // an output that has one form only
    const auto found = plain_.find(id);
    if (found != plain_.end()) return found->second;
    return plain_.emplace(id, patch_.node("Transpose", {made_.at(id)}, {{"perm", at->second}})).first->second;
  }

  void make(NodeId id) {
    const Node& node = context_.graph.node(id);
    const PermutedNode& made = region_.nodes.at(id);
    std::vector<Patch::Ref> inputs;
    for (std::size_t i = 0; i < made.inputs.size(); ++i) {
      const ValueId input = i < node.inputs.size() ? node.inputs[i] : ValueId{};
      if (const auto at = made.constants.find(i); at != made.constants.end()) {
        inputs.push_back(patch_.constant(input.valid() ? context_.value(input).name : "axes", at->second));
      } else {
        inputs.push_back(made.inputs[i].empty() ? plain(input) : permuted(input, made.inputs[i]));
      }
    }
    if (made.swapped) std::swap(inputs[0], inputs[1]);
    const auto outputs =
        patch_.node_with_outputs(node.outputs.size(), node.op_type, std::move(inputs), made.attributes);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (node.outputs[i].valid()) made_.emplace(node.outputs[i], outputs[i]);
    }
  }

  bool used_as_is(ValueId id, const Permutation& p) const {
    if (context_.graph.is_output(id)) return true;
    return std::ranges::any_of(context_.value(id).uses, [&](Use use) {
      if (use.input == Use::kCaptured) return true;
      const Node& node = context_.graph.node(use.node);
      if (region_.chosen.contains(use.node)) return false;
      if (region_.nodes.contains(use.node)) return true;
      if (node.domain.empty() && node.op_type == "Transpose") {
        const auto q = permutation_of(context_, node);
        return !q || q->size() != p.size();
      }
      return !absorbing(context_, node, node.attributes, use.input, p);
    });
  }

  void replace_outputs(NodeId id) {
    for (const ValueId output : context_.graph.node(id).outputs) {
      if (!output.valid() || context_.graph.is_dead(output)) continue;
      const auto at = region_.values.find(output);
      if (at == region_.values.end() || used_as_is(output, at->second)) patch_.replace(output, plain(output));
    }
  }

  // Transposes of a chosen node's v, and what absorbs it, take v' instead.
  void move_users(ValueId id, const Permutation& p) {
    for (const Use use : context_.value(id).uses) {
      if (use.input == Use::kCaptured || region_.nodes.contains(use.node)) continue;
      const Node& node = context_.graph.node(use.node);
      if (node.domain.empty() && node.op_type == "Transpose") {
        const auto q = permutation_of(context_, node);
        if (!is_chosen(id) || !q || q->size() != p.size()) continue;
        const Permutation rest = compose(p, *q);
        const Patch::Ref source = made_.at(id);
        patch_.replace(node.outputs[0],
                       is_identity(rest) ? source : patch_.node("Transpose", {source}, {{"perm", rest}}));
      } else if (absorbed_.insert(use.node).second) {
        absorb(node);
      }
    }
  }

  void absorb(const Node& node) {
    Attributes attributes = node.attributes;
    std::vector<Patch::Ref> inputs;
    bool any = false;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId input = node.inputs[i];
      const auto at = region_.values.find(input);
      auto with = at != region_.values.end() && has_permuted(input)
                      ? absorbing(context_, node, attributes, i, at->second)
                      : std::nullopt;
      inputs.push_back(with ? permuted(input, at->second) : plain(input));
      if (!with) continue;
      attributes = *std::move(with);
      any = true;
    }
    if (any) patch_.replace(node.outputs[0], patch_.node(node.op_type, std::move(inputs), std::move(attributes)));
  }

  const RuleContext& context_;
  const PermutedRegion& region_;
  Patch patch_;
  std::map<ValueId, Patch::Ref> made_;                              // outputs of chosen nodes, permuted
  std::map<std::pair<ValueId, Permutation>, Patch::Ref> permuted_;  // of other values
  std::map<ValueId, Patch::Ref> plain_;                             // of chosen nodes' outputs
  std::set<NodeId> absorbed_;
};

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  for (const Side side : {Side::kResult, Side::kInput}) {
    PermutedRegion region = region_of(context, root, side);
    if (!region.values.empty() && choose(context, region)) return Mover(context, region).run();
  }
  return std::nullopt;
}

}  // namespace

const Rule kMoveTransposes = {
    .name = "move-transposes",
    .law =
        "f(transpose(a), b) => transpose(f(a, transpose(b))), where it costs least; f elementwise, Reduce, Concat, "
        "MatMul, ...",
    .why = "The operator does the same along renamed axes, so the axes can be permuted before it or after it.",
    .kind = RuleKind::kFewerNodes,
    .exact = false,
    .cost_decides = true,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
