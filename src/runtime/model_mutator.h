// What the fuzz targets that take whole models share. An input's first byte chooses how it is used, the rest is an ONNX file. Bytes
// changed at random seldom leave a model, so most mutations change the model itself: attributes, constants, edges, operators,
// sizes.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "cycloid/model.h"
#include "onnx/reader.h"
#include "onnx/writer.h"
#include "ops/op.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace cycloid::fuzz {

// Whether the inputs are small enough to be drawn here; the bounds are on what the session does.
inline bool small_inputs(const Model& model) {
  constexpr double kMostElements = 1 << 20;
  double elements = 0;
  for (const ValueInfo& info : model.inputs()) {
    double count = 1;
    for (const std::int64_t size : info.shape) count *= size < 0 ? 3 : static_cast<double>(size);
    elements += count;
  }
  return elements <= kMostElements;
}

class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  // Whether anything was changed.
  bool change(Graph& graph) {
    if (graph.node_count() == 0) return false;
    const NodeId id = graph.nodes()[pick(graph.node_count())];
    switch (pick(9)) {
      case 0:
      case 1: return change_attribute(graph, id);
      case 2:
      case 3: return change_constant(graph, id);
      case 4: return change_edge(graph, id);
      case 5: return change_operator(graph, id);
      case 6: return change_type(graph);
      case 7: return drop_output(graph, id);
      default: return drop_input(graph, id);
    }
  }

 private:
  std::size_t pick(std::size_t n) { return random_() % n; }

  std::int64_t integer(std::int64_t old) {
    constexpr std::array<std::int64_t, 16> kInteresting = {
        0,         1,         -1,        2,        -2,        3,
        16,        -3,        255,       65536,    1LL << 20, std::numeric_limits<std::int32_t>::max(),
        1LL << 32, 1LL << 40, INT64_MAX, INT64_MIN};
    switch (pick(4)) {
      case 0: return static_cast<std::int64_t>(static_cast<std::uint64_t>(old) + 1);
      case 1: return static_cast<std::int64_t>(static_cast<std::uint64_t>(old) - 1);
      default: return kInteresting[pick(kInteresting.size())];
    }
  }
  float number() {
    constexpr std::array<float, 8> kInteresting = {0,
                                                   -0.0F,
                                                   1,
                                                   -1,
                                                   1e30F,
                                                   1e-30F,
                                                   std::numeric_limits<float>::infinity(),
                                                   std::numeric_limits<float>::quiet_NaN()};
    return kInteresting[pick(kInteresting.size())];
  }

  bool change_attribute(Graph& graph, NodeId id) {
    const Node& node = graph.node(id);
    if (node.attributes.empty()) return false;
    auto at = node.attributes.begin();
    std::advance(at, pick(node.attributes.size()));
    const std::string name = at->first;
    Attribute attribute = at->second;
    if (auto* value = std::get_if<std::int64_t>(&attribute)) {
      *value = integer(*value);
    } else if (auto* real = std::get_if<float>(&attribute)) {
      *real = number();
    } else if (auto* list = std::get_if<std::vector<std::int64_t>>(&attribute)) {
      if (list->empty() || pick(6) == 0) {
        list->push_back(integer(1));
      } else if (pick(6) == 0) {
        list->pop_back();
      } else {
        auto& element = (*list)[pick(list->size())];
        element = integer(element);
      }
    } else if (auto* reals = std::get_if<std::vector<float>>(&attribute)) {
      reals->push_back(number());
    } else if (const auto* body = std::get_if<GraphPtr>(&attribute)) {
      auto changed = std::make_shared<Graph>(**body);
      if (!change(*changed)) return false;
      attribute = GraphPtr(std::move(changed));
    } else {
      graph.remove_attribute(id, name);
      return true;
    }
    graph.set_attribute(id, name, std::move(attribute));
    return true;
  }

  bool change_constant(Graph& graph, NodeId id) {
    for (const ValueId input : graph.node(id).inputs) {
      const Tensor* old = input.valid() ? graph.constant(input) : nullptr;
      if (old == nullptr || old->dtype() == DType::kString || pick(2) == 0) continue;
      Tensor tensor = *old;
      if (tensor.element_count() == 0 || pick(5) == 0) {
        Dims dims = tensor.dims();
        dims.insert(dims.begin(), pick(2) == 0 ? 1 : 0);
        auto made = Tensor::zeros(tensor.dtype(), dims);
        if (!made) return false;
        tensor = *std::move(made);
      } else if (tensor.dtype() == DType::kInt64) {
        auto data = tensor.mutable_data<std::int64_t>();
        auto& element = data[pick(data.size())];
        element = integer(element);
      } else {
        tensor.mutable_bytes()[pick(tensor.byte_count())] = static_cast<std::byte>(pick(256));
      }
      graph.replace_uses(input, graph.add_constant(graph.fresh_name("k"), std::move(tensor)));
      return true;
    }
    return false;
  }

  bool change_edge(Graph& graph, NodeId id) {
    const std::vector<ValueId> values = graph.values();
    const std::size_t inputs = graph.node(id).inputs.size();
    if (inputs == 0 || values.empty()) return false;
    const std::size_t at = pick(inputs);
    const ValueId old = graph.node(id).inputs[at];
    graph.set_input(id, at, values[pick(values.size())]);
    if (graph.sort().ok()) return true;
    graph.set_input(id, at, old);  // it was a cycle
    return false;
  }

  bool change_operator(Graph& graph, NodeId id) {
    const Op* op = all_ops()[pick(all_ops().size())];
    graph.set_operator(id, std::string(op->domain), std::string(op->name));
    return true;
  }

  bool change_type(Graph& graph) {
    if (graph.inputs().empty()) return false;
    const ValueId id = graph.inputs()[pick(graph.inputs().size())];
    ValueType type = graph.value(id).type;
    if (!type.is_tensor() || !type.shape || type.shape->empty()) return false;
    (*type.shape)[pick(type.shape->size())] = pick(3) == 0 ? Dim::symbol("n") : Dim(std::abs(integer(2) / 2));
    graph.set_type(id, std::move(type));
    return true;
  }

  bool drop_input(Graph& graph, NodeId id) {
    std::vector<ValueId> inputs = graph.node(id).inputs;
    if (inputs.empty()) return false;
    if (pick(2) == 0) {
      inputs.pop_back();
    } else {
      inputs[pick(inputs.size())] = ValueId{};
    }
    graph.set_inputs(id, std::move(inputs));
    return true;
  }

  // The node with an output fewer, or with one that is not wanted: whoever read it reads an input of the node instead.
  bool drop_output(Graph& graph, NodeId id) {
    Node node = graph.node(id);
    if (node.outputs.empty() || node.inputs.empty()) return false;
    const std::size_t dropped = pick(node.outputs.size());
    const ValueId other = node.inputs[pick(node.inputs.size())];
    if (!other.valid()) return false;
    std::vector<Graph::Output> outputs;
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      const ValueId old = node.outputs[i];
      const bool wanted = i != dropped && old.valid();
      outputs.push_back(wanted ? Graph::Output{graph.fresh_name("o"), graph.value(old).type} : Graph::Output{});
    }
    if (dropped + 1 == outputs.size() && pick(2) == 0) outputs.pop_back();
    const std::vector<ValueId> before = node.outputs;
    const NodeId made = graph.add_node(std::move(node), std::move(outputs), id);
    for (std::size_t i = 0; i < before.size(); ++i) {
      if (!before[i].valid()) continue;
      const std::vector<ValueId>& after = graph.node(made).outputs;
      graph.replace_uses(before[i], i < after.size() && after[i].valid() ? after[i] : other);
    }
    graph.erase_node(id);
    return true;
  }

  std::mt19937 random_;
};

// As LLVMFuzzerCustomMutator().
inline std::size_t mutate_model(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  if (seed % 4 == 0 || size < 2) return LLVMFuzzerMutate(data, size, max_size);
  auto model = onnx::read_model(std::as_bytes(std::span(data + 1, size - 1)));
  if (!model) return LLVMFuzzerMutate(data, size, max_size);
  Mutator mutator(seed);
  bool changed = false;
  for (int i = 0; i < 1 + static_cast<int>(seed / 4 % 3); ++i) changed = mutator.change(model->graph) || changed;
  const auto bytes = onnx::to_bytes(*model);
  if (!changed || !bytes || bytes->size() + 1 > max_size) return LLVMFuzzerMutate(data, size, max_size);
  data[0] = static_cast<std::uint8_t>(seed >> 8);
  std::memcpy(data + 1, bytes->data(), bytes->size());
  return bytes->size() + 1;
}

// A target's whole input: calls run(model, first byte) where the rest is a model.
template <class Run>
int run_on_model(const std::uint8_t* data, std::size_t size, Run run) {
  if (size == 0) return 0;
  const auto model = Model::from_bytes(std::as_bytes(std::span(data + 1, size - 1)));
  if (model) run(*model, data[0]);
  return 0;
}

}  // namespace cycloid::fuzz

#if defined(CYCLOID_LIBFUZZER)
// Each target is one file, which alone includes this.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return cycloid::fuzz::mutate_model(data, size, max_size, seed);
}
#endif
