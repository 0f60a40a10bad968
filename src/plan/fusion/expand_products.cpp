// FusedMatMul  =>  Transpose, MatMul, Mul
// FusedConv    =>  Conv, Add, the activation
// FusedGemm    =>  Gemm, the activation
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "plan/fusion/expanding.h"

namespace cycloid {
namespace {

// The activation of a fused node over x, or nothing where it is none that the kernels know.
std::optional<ValueId> activated(Expanding& e, ValueId x, const std::string& name, const std::vector<float>& given) {
  const Dims shape = *e.dims(x);
  const std::size_t needed = name == "LeakyRelu" ? 1 : name == "Clip" || name == "HardSigmoid" ? 2 : 0;
  if (given.size() < needed) return {};
  if (name.empty()) return x;
  if (name == "Relu" || name == "Tanh" || name == "Sigmoid") return e.add(name, {x}, shape);
  if (name == "LeakyRelu") return e.add(name, {x}, shape, {{"alpha", given[0]}});
  if (name == "HardSigmoid") return e.add(name, {x}, shape, {{"alpha", given[0]}, {"beta", given[1]}});
  if (name != "Clip") return {};
  const DType type = e.dtype(x);
  const ValueId low = e.number(static_cast<double>(given[0]), type),
                high = e.number(static_cast<double>(given[1]), type);
  return e.add(name, {x, low, high}, shape);
}

void finish(Expanding& e, std::optional<ValueId> result) {
  if (!result) return;
  e.give(0, *result);
  e.done();
}

bool knows(const std::string& name) {
  for (const char* known : {"", "Relu", "Tanh", "Sigmoid", "LeakyRelu", "Clip", "HardSigmoid"}) {
    if (name == known) return true;
  }
  return false;
}

Attributes without(Attributes attributes, std::initializer_list<const char*> names) {
  for (const char* name : names) attributes.erase(name);
  return attributes;
}

}  // namespace

namespace {

// An operand of FusedMatMul as MatMul takes it: its first axis behind the other batch axes (transBatch), then the last two
// swapped (trans).
ValueId ordered(Expanding& e, ValueId x, std::size_t rank, bool trans, bool trans_batch) {
  std::vector<std::int64_t> order;
  for (std::size_t axis = 0; axis < rank; ++axis) order.push_back(static_cast<std::int64_t>(axis));
  if (trans_batch) std::rotate(order.begin(), order.begin() + 1, order.end() - 1);
  if (trans) std::swap(order[rank - 1], order[rank - 2]);
  return e.permuted(x, order);
}

}  // namespace

void expand_fused_matmul(Expanding& e) {
  const Node& node = e.node();
  const Result<std::int64_t> a = get_int(node, "transA", 0), b = get_int(node, "transB", 0),
                             batch_a = get_int(node, "transBatchA", 0), batch_b = get_int(node, "transBatchB", 0);
  const Result<float> alpha = get_float(node, "alpha", 1);
  const auto left = e.dims(node.inputs[0]), right = e.dims(node.inputs[1]), shape = e.dims(node.outputs[0]);
  if (!a || !b || !batch_a || !batch_b || !alpha || !left || !right || !shape) return;
  if (!e.usable(node.inputs[0]) || left->size() < 2 || right->size() < 2) return;
  const ValueId x = ordered(e, node.inputs[0], left->size(), *a != 0, *batch_a != 0);
  const ValueId y = ordered(e, node.inputs[1], right->size(), *b != 0, *batch_b != 0);
  ValueId product = e.add("MatMul", {x, y}, *shape);
  if (*alpha != 1)
    product = e.add("Mul", {product, e.number(static_cast<double>(*alpha), e.dtype(node.inputs[0]))}, *shape);
  e.give(0, product);
  e.done();
}

void expand_fused_conv(Expanding& e) {
  const Node& node = e.node();
  const Result<std::string> name = get_string(node, "activation", "");
  const Result<std::vector<float>> parameters = get_floats(node, "activation_params");
  const auto shape = e.dims(node.outputs[0]);
  if (!name || !parameters || !shape || !e.usable(node.inputs[0]) || !knows(*name)) return;
  if (e.input(3).valid() && e.dims(e.input(3)) != shape) return;
  if ((*name == "LeakyRelu" && parameters->empty()) ||
      ((*name == "Clip" || *name == "HardSigmoid") && parameters->size() < 2))
    return;
  std::vector<ValueId> inputs(node.inputs.begin(), node.inputs.begin() + (e.input(2).valid() ? 3 : 2));
  ValueId y = e.add("Conv", std::move(inputs), *shape, without(node.attributes, {"activation", "activation_params"}));
  if (e.input(3).valid()) y = e.add("Add", {y, e.input(3)}, *shape);
  finish(e, activated(e, y, *name, *parameters));
}

void expand_fused_gemm(Expanding& e) {
  const Node& node = e.node();
  const Result<std::string> name = get_string(node, "activation", "");
  const auto shape = e.dims(node.outputs[0]);
  if (!name || !shape || !e.usable(node.inputs[0]) || !knows(*name)) return;
  std::vector<float> parameters;
  for (const char* which : {"activation_alpha", "activation_beta", "activation_gamma"}) {
    const Result<float> value = get_float(node, which, 0);
    if (!has_attribute(node, which) || !value) break;
    parameters.push_back(*value);
  }
  if ((*name == "LeakyRelu" && parameters.empty()) ||
      ((*name == "Clip" || *name == "HardSigmoid") && parameters.size() < 2))
    return;
  const ValueId y =
      e.add("Gemm", node.inputs, *shape,
            without(node.attributes, {"activation", "activation_alpha", "activation_beta", "activation_gamma"}));
  finish(e, activated(e, y, *name, parameters));
}

}  // namespace cycloid
