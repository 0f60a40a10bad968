// affine(conv(x, w, b))  =>  conv(x, a * w, a * b + s)
// affine(affine(x))      =>  affine(x)
#include <cmath>
#include <optional>
#include <vector>

#include "plan/fusion/affine.h"
#include "plan/fusion/fusion.h"
#include "plan/fusion/replace.h"

namespace cycloid {
namespace {

Tensor to_tensor(const std::vector<double>& values) {
  const std::vector<float> narrow(values.begin(), values.end());
  return Tensor::of<float>({static_cast<std::int64_t>(narrow.size())}, std::span<const float>(narrow));
}

// The node replaced by `replacement` with one output of the same type.
ValueId replace_node(Graph& graph, NodeId old, Node replacement) {
  const ValueId result = replace_value(graph, graph.node(old).outputs[0], std::move(replacement), old);
  graph.erase_node(old);
  return result;
}

// The channels of the result that element [i][j][...] of a convolution's weights belongs to: i, or for ConvTranspose, whose weights
// are [in_c][out_c / groups][...], j of i's group.
std::int64_t channel_of(const Node& conv, const Tensor& weights, std::int64_t groups, std::int64_t i, std::int64_t j) {
  if (conv.op_type == "Conv") return i;
  return i / (weights.dim(0) / groups) * weights.dim(1) + j;
}

bool fold_into_conv(Graph& graph, NodeId conv_id, NodeId affine_id, const ChannelAffine& affine) {
  const Node conv = graph.node(conv_id);
  const Tensor* weights = graph.constant(conv.inputs[1]);
  const bool has_bias = conv.inputs.size() > 2 && conv.inputs[2].valid();
  const Tensor* bias = has_bias ? graph.constant(conv.inputs[2]) : nullptr;
  if (weights == nullptr || weights->dtype() != DType::kFloat32 || (has_bias && bias == nullptr)) return false;
  const std::size_t channels = affine.scale.size();
  const Result<std::int64_t> groups = get_int(conv, "group", 1);
  if (weights->rank() < 3 || !groups || *groups < 1) return false;
  const std::int64_t made = conv.op_type == "Conv" ? weights->dim(0) : weights->dim(1) * *groups;
  if (static_cast<std::size_t>(made) != channels || weights->dim(0) % *groups != 0) return false;

  Tensor scaled = *weights;
  const std::int64_t rows = weights->dim(0), columns = weights->dim(1);
  const std::int64_t each = weights->element_count() / (rows * columns);
  float* w = scaled.mutable_data<float>().data();
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j, w += each) {
      const double scale = affine.scale[static_cast<std::size_t>(channel_of(conv, *weights, *groups, i, j))];
      for (std::int64_t k = 0; scale != 1 && k < each; ++k)
        w[k] = static_cast<float>(scale * static_cast<double>(w[k]));
    }
  }
  std::vector<double> shift = affine.shift;
  for (std::size_t c = 0; bias != nullptr && c < channels; ++c)
    shift[c] += affine.scale[c] * static_cast<double>(bias->data<float>()[c]);

  Node folded = conv;
  folded.inputs.resize(3);
  folded.inputs[1] = graph.add_constant(graph.value(conv.inputs[1]).name, std::move(scaled));
  folded.inputs[2] = graph.add_constant(graph.value(conv.outputs[0]).name + ".bias", to_tensor(shift));
  // The convolution moves to where the scale was; what was between does not read it.
  const ValueId middle = conv.outputs[0];
  folded.outputs.clear();
  replace_node(graph, affine_id, std::move(folded));
  if (graph.is_dead(middle)) graph.erase_node(conv_id);
  return true;
}

NodeId make_affine(Graph& graph, NodeId old, ValueId input, const ChannelAffine& affine) {
  const std::string name = graph.value(graph.node(old).outputs[0]).name;
  const std::vector<double> zero(affine.scale.size(), 0), one(affine.scale.size(), 1);
  Node node{.name = graph.node(old).name, .domain = "", .op_type = "BatchNormalization"};
  node.inputs = {input, graph.add_constant(name + ".scale", to_tensor(affine.scale)),
                 graph.add_constant(name + ".shift", to_tensor(affine.shift)),
                 graph.add_constant(name + ".mean", to_tensor(zero)),
                 graph.add_constant(name + ".variance", to_tensor(one))};
  node.attributes["epsilon"] = 0.0f;
  return graph.value(replace_node(graph, old, std::move(node))).producer;
}

}  // namespace

void fold_affine(Graph& graph) {
  const std::vector<NodeId> order(graph.nodes().begin(), graph.nodes().end());
  for (const NodeId id : order) {
    const std::optional<ChannelAffine> affine = channel_affine(graph, graph.node(id));
    if (!affine) continue;
    const ValueId input = affine->input;
    const NodeId before = graph.value(input).producer;
    const bool alone = graph.value(input).uses.size() == 1 && !graph.is_output(input);
    if (alone && before.valid()) {
      const Node& producer = graph.node(before);
      if (producer.domain.empty() && (producer.op_type == "Conv" || producer.op_type == "ConvTranspose") &&
          fold_into_conv(graph, before, id, *affine))
        continue;
      if (const std::optional<ChannelAffine> first = channel_affine(graph, producer); first && first->worth_joining) {
        ChannelAffine both = *affine;
        both.input = first->input;
        for (std::size_t c = 0; c < both.scale.size(); ++c) {
          both.shift[c] += both.scale[c] * first->shift[c];
          both.scale[c] *= first->scale[c];
        }
        make_affine(graph, id, both.input, both);
        graph.erase_node(before);
      }
    }
  }
}

}  // namespace cycloid
