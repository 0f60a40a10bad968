#include "rewrite/rules/permuted_region.h"

#include <algorithm>

#include "rewrite/cost.h"
#include "rewrite/match.h"
#include "rewrite/rules/min_cut.h"

namespace cycloid {
namespace {

// A bound on the work of one proposal; what lies beyond stays as it is.
constexpr std::size_t kMaxNodes = 512;

bool full_rank(const RuleContext& context, ValueId id, const Permutation& p) {
  const Shape* shape = context.shape(id);
  return !p.empty() && shape != nullptr && shape->size() == p.size();
}

class Explorer {
 public:
  Explorer(const RuleContext& context, PermutedRegion& region) : context_(context), region_(region) {}

  void run(ValueId start, const Permutation& p) {
    assign(start, p);
    for (std::size_t i = 0; i < pending_.size(); ++i) visit(pending_[i]);
  }

 private:
  void assign(ValueId id, const Permutation& p) {
    if (region_.values.emplace(id, p).second) pending_.push_back(id);
  }

  void visit(ValueId id) {
    const Permutation p = region_.values.at(id);
    const Value& value = context_.value(id);
    if (value.kind == Value::Kind::kOutput && context_.graph.node(value.producer).op_type != "Transpose" &&
        !region_.nodes.contains(value.producer))
      add(value.producer, permuted_by_output(context_, context_.graph.node(value.producer), value.output, p));
    for (const Use use : value.uses) {
      if (use.input == Use::kCaptured || region_.nodes.contains(use.node)) continue;
      if (context_.graph.node(use.node).op_type == "Transpose") continue;
      add(use.node, permuted_by_input(context_, context_.graph.node(use.node), use.input, p));
    }
  }

  // Takes the node in, unless one of its values has another permutation already.
  void add(NodeId id, const std::optional<PermutedNode>& made) {
    if (!made || region_.nodes.size() >= kMaxNodes) return;
    const Node& node = context_.graph.node(id);
    std::vector<std::pair<ValueId, Permutation>> found;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (full_rank(context_, node.inputs[i], made->inputs[i])) found.emplace_back(node.inputs[i], made->inputs[i]);
    }
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (!made->outputs[i].empty() && node.outputs[i].valid()) found.emplace_back(node.outputs[i], made->outputs[i]);
    }
    for (const auto& [value, p] : found) {
      const auto at = region_.values.find(value);
      if (at != region_.values.end() && at->second != p) return;
    }
    region_.nodes.emplace(id, *made);
    for (const auto& [value, p] : found) assign(value, p);
  }

  const RuleContext& context_;
  PermutedRegion& region_;
  std::vector<ValueId> pending_;
};

// The cut's graph: the source's side computes permuted values, the sink's side those of the model.
class Cutter {
 public:
  Cutter(const RuleContext& context, PermutedRegion& region) : context_(context), region_(region) {
    for (const auto& [id, node] : region.nodes) side_.emplace(id, cut_.add_node());
  }

  bool run() {
    for (const auto& [id, p] : region_.values) add_value(id, p);
    for (const auto& [id, made] : region_.nodes) add_other_inputs(id, made);
    const double cost = cut_.solve();
    if (cost >= present_ - 1) return false;  // a byte: below it, rounding
    for (const auto& [id, node] : side_) {
      if (cut_.on_source_side(node)) region_.chosen.insert(id);
    }
    return true;
  }

 private:
  // What one Transpose of the value takes: a node, a read and a write.
  double price(ValueId id) const { return kBytesPerNode + 2 * typical_bytes(context_.graph, id); }

  struct Users {
    std::vector<std::size_t> nodes;  // of the region, by their place in the cut
    bool as_is = false;              // someone who needs the value of the model
    bool inverse = false;            // a Transpose that makes v' of it
    bool absorbers = false;          // who take either
  };

  Users users_of(ValueId id, const Permutation& p) const {
    Users users;
    users.as_is = context_.graph.is_output(id);
    for (const Use use : context_.value(id).uses) {
      if (use.input == Use::kCaptured) {
        users.as_is = true;
        continue;
      }
      const Node& node = context_.graph.node(use.node);
      const auto at = region_.nodes.find(use.node);
      if (at != region_.nodes.end()) {
        if (at->second.inputs[use.input].empty()) {
          users.as_is = true;
        } else {
          users.nodes.push_back(side_.at(use.node));
        }
      } else if (context_.producer(node.outputs[0], "Transpose") != nullptr) {
        const auto q = permutation_of(context_, node);
        if (q && q->size() == p.size()) {
          users.inverse = users.inverse || is_identity(compose(p, *q));
        } else {
          users.as_is = true;
        }
      } else if (absorbing(context_, node, node.attributes, use.input, p)) {
        users.absorbers = true;
      } else {
        users.as_is = true;
      }
    }
    return users;
  }

  void add_value(ValueId id, const Permutation& p) {
    if (context_.constant(id) != nullptr) return;  // there in both forms
    const Users users = users_of(id, p);
    const double price = this->price(id);
    const Value& value = context_.value(id);
    const Node* transpose = context_.producer(id, "Transpose");
    const auto r = transpose != nullptr ? permutation_of(context_, *transpose) : std::nullopt;
    const bool is_transposed = r && r->size() == p.size();
    const auto in_region = value.kind == Value::Kind::kOutput ? side_.find(value.producer) : side_.end();
    const bool made_here = in_region != side_.end();
    const bool is_free = is_transposed && is_identity(compose(*r, inverse(p)));
    // Where the value exists without a further Transpose: as v' at `permuted`, as v at `plain`.
    if (made_here || is_transposed) {
      const std::size_t permuted = made_here ? in_region->second : MinCut::kSource;
      const std::size_t wanted = cut_.add_node();
      cut_.add_edge(permuted, wanted, price);
      for (const std::size_t node : users.nodes) cut_.add_edge(wanted, node, MinCut::kForbidden);
      if (users.as_is) cut_.add_edge(wanted, MinCut::kSink, MinCut::kForbidden);
      if (!made_here && (!users.nodes.empty() || users.as_is || users.absorbers)) present_ += price;
    }
    if (!is_free) {
      const std::size_t plain = made_here ? in_region->second : MinCut::kSink;
      const std::size_t wanted = cut_.add_node();
      cut_.add_edge(wanted, plain, price);
      for (const std::size_t node : users.nodes) cut_.add_edge(node, wanted, MinCut::kForbidden);
      if (users.inverse) {
        cut_.add_edge(MinCut::kSource, wanted, MinCut::kForbidden);
        present_ += price;
      }
    }
  }

  // Operands of lower rank must get axes and be transposed.
  void add_other_inputs(NodeId id, const PermutedNode& made) {
    const Node& node = context_.graph.node(id);
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId input = node.inputs[i];
      if (made.inputs[i].empty() || full_rank(context_, input, made.inputs[i])) continue;
      if (context_.constant(input) == nullptr) cut_.add_edge(side_.at(id), MinCut::kSink, price(input) + kBytesPerNode);
    }
  }

  const RuleContext& context_;
  PermutedRegion& region_;
  MinCut cut_;
  std::map<NodeId, std::size_t> side_;
  double present_ = 0;  // the cost of the Transposes there are
};

}  // namespace

PermutedRegion region_of(const RuleContext& context, NodeId root, Side side) {
  PermutedRegion region;
  const Node& transpose = context.graph.node(root);
  const auto p = permutation_of(context, transpose);
  if (!p || is_identity(*p)) return region;
  const bool from_result = side == Side::kResult;
  Explorer(context, region)
      .run(from_result ? transpose.outputs[0] : transpose.inputs[0], from_result ? *p : inverse(*p));
  return region;
}

bool choose(const RuleContext& context, PermutedRegion& region) { return Cutter(context, region).run(); }

}  // namespace cycloid
