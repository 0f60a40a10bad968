#include "plan/lowering/epilogue.h"

namespace cycloid {
namespace {

void take(EpilogueMatch& epilogue, ActivationMatch match) {
  epilogue.activation = match.activation;
  epilogue.output = match.output;
  epilogue.nodes.insert(epilogue.nodes.end(), match.nodes.begin(), match.nodes.end());
}

std::optional<float> number(const Lowering& lowering, ValueId id) {
  const Tensor* tensor = lowering.constant(id);
  if (tensor == nullptr || tensor->dtype() != DType::kFloat32 || tensor->element_count() != 1) return {};
  return tensor->data<float>()[0];
}

// Products with and sums of one number, after an activation. (Before it they are in the weights: fold_affine().)
void take_scale(Lowering& lowering, EpilogueMatch& epilogue) {
  kernels::Activation& activation = epilogue.activation;
  for (;;) {
    const NodeId user = lowering.only_user(epilogue.output);
    if (!user.valid()) return;
    const Node& node = lowering.graph().node(user);
    if (!node.domain.empty() || (node.op_type != "Mul" && node.op_type != "Add")) return;
    const ValueId other = node.inputs[node.inputs[0] == epilogue.output ? 1 : 0];
    const std::optional<float> value = number(lowering, other);
    const Dims* dims = lowering.dims(node.outputs[0]);
    if (!value || dims == nullptr || *dims != *lowering.dims(epilogue.output)) return;
    if (node.op_type == "Mul") {
      activation.scale *= *value;
      activation.shift *= *value;
    } else {
      activation.shift += *value;
    }
    activation.scaled = true;
    epilogue.nodes.push_back(user);
    epilogue.output = node.outputs[0];
  }
}

}  // namespace

EpilogueMatch match_epilogue(Lowering& lowering, ValueId value, std::size_t channel_axis) {
  EpilogueMatch epilogue{.activation = {}, .residual = {}, .residual_last = false, .nodes = {}, .output = value};
  if (auto match = match_activation(lowering, value, channel_axis)) {
    take(epilogue, std::move(*match));
    take_scale(lowering, epilogue);
  }

  const NodeId user = lowering.only_user(epilogue.output);
  if (!user.valid()) return epilogue;
  const Node& add = lowering.graph().node(user);
  if (!add.domain.empty() || (add.op_type != "Add" && add.op_type != "Sum") || add.inputs.size() != 2) return epilogue;
  const ValueId other = add.inputs[0] == epilogue.output ? add.inputs[1] : add.inputs[0];
  const Dims* dims = lowering.dims(other);
  if (other == epilogue.output || dims == nullptr || lowering.dims(add.outputs[0]) == nullptr ||
      *dims != *lowering.dims(value) || !lowering.is_float(other) || !lowering.available(other)) {
    return epilogue;
  }
  epilogue.residual = other;
  epilogue.residual_last = epilogue.activation.kind != kernels::ActivationKind::kNone;
  epilogue.nodes.push_back(user);
  epilogue.output = add.outputs[0];
  if (epilogue.residual_last) return epilogue;
  if (auto match = match_activation(lowering, epilogue.output, channel_axis)) {
    take(epilogue, std::move(*match));
    take_scale(lowering, epilogue);
  }
  return epilogue;
}

}  // namespace cycloid
