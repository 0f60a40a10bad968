// conv(pad(x, p)) => conv(x, pads + p);  the same for MaxPool (padded with -inf) and AveragePool (counting the padding)
#include <algorithm>
#include <limits>

#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"AveragePool", "Conv", "MaxPool"};

// What the Pad puts around each spatial axis, ends after beginnings as in `pads` of Conv; nullopt where it pads batch or
// channels, cuts off, or pads otherwise than with `value`.
std::optional<Ints> spatial_pads(const RuleContext& context, const Node& pad, std::size_t rank, double value) {
  const auto mode = get_string(pad, "mode", "constant");
  const auto pads = context.constant_ints(pad.inputs[1]);
  if (!mode || *mode != "constant" || !pads) return std::nullopt;
  Ints axes;
  if (has_input(pad, 3)) {
    const auto given = context.constant_ints(pad.inputs[3]);
    if (!given) return std::nullopt;
    for (const std::int64_t axis : *given) axes.push_back(axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis);
  } else {
    for (std::size_t i = 0; i < rank; ++i) axes.push_back(static_cast<std::int64_t>(i));
  }
  if (pads->size() != 2 * axes.size()) return std::nullopt;
  Ints spatial(2 * (rank - 2), 0);
  bool any = false;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    for (const std::size_t end : {0, 1}) {
      const std::int64_t size = (*pads)[i + end * axes.size()];
      if (size == 0) continue;
      if (size < 0 || axes[i] < 2 || axes[i] >= static_cast<std::int64_t>(rank)) return std::nullopt;
      spatial[static_cast<std::size_t>(axes[i]) - 2 + end * (rank - 2)] += size;
      any = true;
    }
  }
  if (!any) return std::nullopt;
  double padded_with = 0;
  if (has_input(pad, 2)) {
    const Tensor* constant = context.constant(pad.inputs[2]);
    const auto number = constant != nullptr ? one_number(*constant) : std::nullopt;
    if (!number) return std::nullopt;
    padded_with = *number;
  }
  if (padded_with != value) return std::nullopt;
  return spatial;
}

bool is_zero(const Ints& values) {
  return std::ranges::all_of(values, [](std::int64_t value) { return value == 0; });
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  const Node* pad = context.producer(node.inputs[0], "Pad");
  const Shape* shape = context.shape(node.inputs[0]);
  if (pad == nullptr || shape == nullptr || shape->size() < 3 || output_wanted(context.graph, node, 1))
    return std::nullopt;
  const std::size_t spatial = shape->size() - 2;
  const auto auto_pad = get_string(node, "auto_pad", "NOTSET");
  auto pads = get_ints(node, "pads", Ints(2 * spatial, 0));
  const auto ceil_mode = get_int(node, "ceil_mode", 0);
  const auto counts = get_int(node, "count_include_pad", 0);
  if (!auto_pad || !pads || !ceil_mode || !counts || pads->size() != 2 * spatial) return std::nullopt;
  if (*auto_pad == "VALID") pads = Ints(2 * spatial, 0);
  if ((*auto_pad != "NOTSET" && *auto_pad != "VALID") || *ceil_mode != 0) return std::nullopt;
  const bool is_max = node.op_type == "MaxPool";
  const bool is_average = node.op_type == "AveragePool";
  const auto more = spatial_pads(context, *pad, shape->size(), is_max ? -std::numeric_limits<double>::infinity() : 0.0);
  if (!more) return std::nullopt;
  // The padding was counted as elements; so must its own be.
  if (is_average && *counts == 0 && !is_zero(*pads)) return std::nullopt;
  for (std::size_t i = 0; i < pads->size(); ++i) (*pads)[i] += (*more)[i];
  if (is_max || is_average) {  // runtimes refuse padding that is not smaller than the window
    const auto kernel = get_ints(node, "kernel_shape");
    if (!kernel || kernel->size() != spatial) return std::nullopt;
    for (std::size_t i = 0; i < pads->size(); ++i) {
      if ((*pads)[i] >= (*kernel)[i % spatial]) return std::nullopt;
    }
  }
  Attributes attributes = node.attributes;
  attributes.erase("auto_pad");
  attributes.insert_or_assign("pads", *pads);
  if (is_average) attributes.insert_or_assign("count_include_pad", std::int64_t{1});
  std::vector<Patch::Ref> inputs(node.inputs.begin(), node.inputs.end());
  inputs[0] = pad->inputs[0];
  Patch patch;
  patch.replace(node.outputs[0], patch.node(node.op_type, std::move(inputs), std::move(attributes)));
  return patch;
}

}  // namespace

const Rule kFoldPad = {
    .name = "fold-pad",
    .law = "conv(pad(x, p)) => conv(x, pads + p); MaxPool padded with -inf and AveragePool alike",
    .why = "The operator pads with the same value by itself, without writing the padded tensor.",
    .kind = RuleKind::kFewerNodes,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
