// lstm(x, w, r, b, lens, 0, 0) => lstm(x, w, r, b, lens): an initial state of zeros is what an absent one means
//
// A bias of zeros stays: it is a constant, so no node is saved, and runtimes have their fast loops for layers with one.
#include <algorithm>
#include <cmath>

#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"GRU", "LSTM", "RNN"};
constexpr std::size_t kZeroByDefault[] = {5, 6, 7};  // initial_h, initial_c, peepholes

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  std::vector<Patch::Ref> inputs(node.inputs.begin(), node.inputs.end());
  std::size_t used = 0;
  bool changed = false;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!node.inputs[i].valid()) continue;
    const bool by_default = std::ranges::find(kZeroByDefault, i) != std::end(kZeroByDefault);
    const auto number = by_default ? uniform_number(context, node.inputs[i]) : std::nullopt;
    if (number && *number == 0 && !std::signbit(*number)) {
      inputs[i] = Patch::Ref::none();
      changed = true;
    } else {
      used = i + 1;
    }
  }
  if (!changed) return std::nullopt;
  inputs.resize(used, Patch::Ref::none());
  Patch patch;
  const auto outputs = patch.node_with_outputs(node.outputs.size(), node.op_type, std::move(inputs), node.attributes);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (output_wanted(context.graph, node, i)) patch.replace(node.outputs[i], outputs[i]);
  }
  return patch;
}

}  // namespace

const Rule kDropZeroState = {
    .name = "drop-zero-state",
    .law = "lstm(x, w, r, b, lens, 0, 0) => lstm(x, w, r, b, lens), and GRU and RNN alike",
    .why = "A recurrent operator begins with zeros where no initial state is given.",
    .kind = RuleKind::kFewerNodes,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
