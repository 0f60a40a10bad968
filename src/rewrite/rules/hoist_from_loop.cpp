// loop(i => ... f(a) ...) => t = f(a); loop(i => ... t ...) for a that no iteration changes
#include <algorithm>
#include <map>

#include "ops/op.h"
#include "rewrite/loop_form.h"
#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Loop", "Scan"};

// What may fail on values of the right types would fail before a loop that runs no iteration, too.
constexpr std::string_view kMayFail[] = {
    "Compress",        "Expand",    "Gather",  "GatherElements", "GatherND", "OneHot", "Range",
    "ScatterElements", "ScatterND", "Reshape", "SequenceAt",     "Split",    "Tile",   "TopK"};
// Worth no value that is handed in: it costs nothing where it is.
constexpr std::string_view kFree[] = {"Identity", "Constant"};

class Hoisting {
 public:
  Hoisting(const RuleContext& context, const Node& node, const Graph& body)
      : context_(context), node_(node), body_(body) {}

  std::optional<Patch> build(const std::string& attribute) {
    for (const NodeId id : body_.nodes()) {
      if (can_go(body_.node(id))) hoist(body_.node(id));
    }
    if (hoisted_.empty()) return std::nullopt;
    Graph rest = body_;
    // The captured values of the new body; those that the patch makes get numbers that no value has.
    std::map<ValueId, Patch::Ref> made;
    for (const auto& [inside, ref] : hoisted_) {
      const ValueId stand_in{UINT32_MAX / 2 + static_cast<std::uint32_t>(made.size())};
      const ValueId capture = rest.add_capture(rest.value(inside).name, rest.value(inside).type, stand_in);
      rest.replace_uses(inside, capture);
      made.emplace(stand_in, ref);
    }
    rest.remove_dead();
    std::vector<Patch::Ref> outers;
    for (const ValueId capture : rest.captures()) {
      const ValueId outer = rest.value(capture).outer;
      const auto at = made.find(outer);
      outers.push_back(at != made.end() ? at->second : Patch::Ref(outer));
    }
    std::vector<Patch::Ref> inputs;
    for (const ValueId input : node_.inputs) inputs.emplace_back(input);
    Attributes attributes = node_.attributes;
    attributes.insert_or_assign(attribute, GraphPtr(std::make_shared<const Graph>(std::move(rest))));
    const auto results =
        patch_.node_with_outputs(node_.outputs.size(), node_.op_type, std::move(inputs), std::move(attributes));
    patch_.set_captures(results[0], attribute, std::move(outers));
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (output_wanted(context_.graph, node_, i)) patch_.replace(node_.outputs[i], results[i]);
    }
    return std::move(patch_);
  }

 private:
  bool is_outside(ValueId id) const {
    return !id.valid() || body_.value(id).kind == Value::Kind::kCapture ||
           body_.value(id).kind == Value::Kind::kConstant || hoisted_.contains(id);
  }

  bool can_go(const Node& node) const {
    const Op* op = find_op(node.domain, node.op_type);
    if (op == nullptr || op->random || is_one_of(node, kMayFail) || is_one_of(node, kFree)) return false;
    if ((node.op_type == "Div" || node.op_type == "Mod") && is_integer(body_.value(node.inputs[0]).type.dtype))
      return false;
    bool has_body = false;
    for_each_subgraph(node, [&](const std::string&, const Graph&) { has_body = true; });
    if (has_body || node.inputs.empty()) return false;
    for (const ValueId output : node.outputs) {
      if (output.valid() && body_.is_output(output)) return false;  // a body's output must be its own
    }
    return std::ranges::all_of(node.inputs, [&](ValueId id) { return is_outside(id); });
  }

  Patch::Ref outside(ValueId id) {
    if (!id.valid()) return Patch::Ref::none();
    if (const auto at = hoisted_.find(id); at != hoisted_.end()) return at->second;
    const Value& value = body_.value(id);
    return value.kind == Value::Kind::kCapture ? Patch::Ref(value.outer) : patch_.constant(value.name, value.constant);
  }

  void hoist(const Node& node) {
    std::vector<Patch::Ref> inputs;
    for (const ValueId id : node.inputs) inputs.push_back(outside(id));
    const auto results =
        patch_.node_with_outputs(node.outputs.size(), node.op_type, std::move(inputs), node.attributes, node.domain);
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (node.outputs[i].valid()) hoisted_.emplace(node.outputs[i], results[i]);
    }
  }

  const RuleContext& context_;
  const Node& node_;
  const Graph& body_;
  Patch patch_;
  std::map<ValueId, Patch::Ref> hoisted_;
};

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  const auto body = get_graph(node, "body");
  if (!body) return std::nullopt;
  return Hoisting(context, node, **body).build("body");
}

}  // namespace

const Rule kHoistFromLoop = {
    .name = "hoist-from-loop",
    .law = "loop(i => ... f(a) ...) => t = f(a); loop(i => ... t ...)",
    .why = "What no iteration changes is computed once instead of once an iteration.",
    .kind = RuleKind::kCheaperSubgraph,
    .exact = false,  // the same operations, but those that a loop had before its body was changed may round otherwise
    .cost_decides = true,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
