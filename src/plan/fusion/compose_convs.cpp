// conv(conv(x, w, b), v, c)  =>  conv(x, v w, v b + c), where v is of one tap and the product takes fewer multiplications
//
// as where a block without residual ends with a convolution that has no activation, and the next one begins with another.
#include <optional>
#include <vector>

#include "plan/fusion/fusion.h"
#include "plan/fusion/replace.h"

namespace cycloid {
namespace {

// A convolution with constant weights, in one group.
struct PlainConv {
  const Tensor* weights;
  const Tensor* bias;  // or null
  std::int64_t out() const { return weights->dim(0); }
  std::int64_t in() const { return weights->dim(1); }
  std::int64_t taps() const { return weights->element_count() / (out() * in()); }
};

std::optional<PlainConv> plain_conv(const Graph& graph, const Node& node) {
  if (!node.domain.empty() || node.op_type != "Conv") return {};
  const Result<std::int64_t> groups = get_int(node, "group", 1);
  const bool has_bias = node.inputs.size() > 2 && node.inputs[2].valid();
  const PlainConv conv{.weights = graph.constant(node.inputs[1]),
                       .bias = has_bias ? graph.constant(node.inputs[2]) : nullptr};
  if (!groups || *groups != 1 || conv.weights == nullptr || (has_bias && conv.bias == nullptr)) return {};
  if (conv.weights->dtype() != DType::kFloat32 || conv.weights->rank() < 3 || conv.weights->element_count() == 0)
    return {};
  return conv;
}

// One tap, and each output pixel is made of the input pixel at its place.
bool keeps_pixels(const Graph& graph, const Node& node) {
  const auto dims = [&](ValueId id) -> std::optional<Dims> {
    const ValueType& type = graph.value(id).type;
    return type.is_tensor() && type.shape ? known_dims(*type.shape) : std::nullopt;
  };
  const std::optional<Dims> in = dims(node.inputs[0]), out = dims(node.outputs[0]);
  const Result<std::vector<std::int64_t>> pads = get_ints(node, "pads"), strides = get_ints(node, "strides");
  const Result<std::string> auto_pad = get_string(node, "auto_pad", "NOTSET");
  if (!in || !out || !pads || !strides || !auto_pad || in->size() != out->size()) return false;
  for (std::size_t i = 2; i < in->size(); ++i) {
    if ((*in)[i] != (*out)[i]) return false;
  }
  // Sizes that stay leave a stride of 2 where a size is 1, and there it changes nothing.
  for (const std::int64_t pad : *pads) {
    if (pad != 0) return false;
  }
  return *auto_pad == "NOTSET" || *auto_pad == "VALID";
}

Tensor product(const PlainConv& first, const PlainConv& second) {
  const std::int64_t out = second.out(), middle = second.in(), row = first.in() * first.taps();
  Dims dims = first.weights->dims();
  dims[0] = out;
  std::vector<float> weights;
  weights.reserve(static_cast<std::size_t>(out * row));
  std::vector<double> sums(static_cast<std::size_t>(row));
  const float* v = second.weights->data<float>().data();
  for (std::int64_t o = 0; o < out; ++o) {
    std::fill(sums.begin(), sums.end(), 0.0);
    const float* w = first.weights->data<float>().data();
    for (std::int64_t m = 0; m < middle; ++m, ++v) {
      for (double& sum : sums) sum += static_cast<double>(*v) * static_cast<double>(*w++);
    }
    weights.insert(weights.end(), sums.begin(), sums.end());
  }
  return Tensor::of<float>(dims, std::span<const float>(weights));
}

Tensor bias_of(const PlainConv& first, const PlainConv& second) {
  std::vector<float> bias;
  const float* v = second.weights->data<float>().data();
  for (std::int64_t o = 0; o < second.out(); ++o) {
    double sum =
        second.bias == nullptr ? 0 : static_cast<double>(second.bias->data<float>()[static_cast<std::size_t>(o)]);
    for (std::int64_t m = 0; m < second.in(); ++m, ++v) {
      if (first.bias != nullptr)
        sum += static_cast<double>(*v) * static_cast<double>(first.bias->data<float>()[static_cast<std::size_t>(m)]);
    }
    bias.push_back(static_cast<float>(sum));
  }
  return Tensor::of<float>({second.out()}, std::span<const float>(bias));
}

void compose(Graph& graph, NodeId id) {
  const Node node = graph.node(id);
  const std::optional<PlainConv> second = plain_conv(graph, node);
  const ValueId middle = node.inputs[0];
  const NodeId before = graph.value(middle).producer;
  if (!second || second->taps() != 1 || !before.valid() || graph.is_output(middle) ||
      graph.value(middle).uses.size() != 1 || !keeps_pixels(graph, node))
    return;
  const std::optional<PlainConv> first = plain_conv(graph, graph.node(before));
  if (!first || first->out() != second->in()) return;
  const std::int64_t inputs = first->in() * first->taps();
  if (second->out() * inputs >= first->out() * inputs + second->out() * second->in()) return;

  Tensor weights = product(*first, *second), bias = bias_of(*first, *second);  // before the graph's constants move
  Node composed = graph.node(before);
  composed.name = node.name;
  composed.inputs.resize(3);
  const ValueId old = node.outputs[0];
  const std::string name = graph.value(old).name;
  composed.inputs[1] = graph.add_constant(name + ".weights", std::move(weights));
  composed.inputs[2] = graph.add_constant(name + ".bias", std::move(bias));
  replace_value(graph, old, std::move(composed), id);
  graph.erase_node(id);
  graph.erase_node(before);
}

}  // namespace

void compose_convs(Graph& graph) {
  const std::vector<NodeId> order(graph.nodes().begin(), graph.nodes().end());
  for (const NodeId id : order) {
    if (graph.alive(id) && graph.node(id).domain.empty() && graph.node(id).op_type == "Conv") compose(graph, id);
  }
}

}  // namespace cycloid
