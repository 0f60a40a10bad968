#include "plan/lowering/epilogue.h"

namespace cycloid {
namespace {

void take(EpilogueMatch& epilogue, ActivationMatch match) {
  epilogue.activation = match.activation;
  epilogue.output = match.output;
  epilogue.nodes.insert(epilogue.nodes.end(), match.nodes.begin(), match.nodes.end());
}

}  // namespace

EpilogueMatch match_epilogue(Lowering& lowering, ValueId value, std::size_t channel_axis) {
  EpilogueMatch epilogue{.activation = {}, .residual = {}, .residual_last = false, .nodes = {}, .output = value};
  if (auto match = match_activation(lowering, value, channel_axis)) take(epilogue, std::move(*match));

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
  if (auto match = match_activation(lowering, epilogue.output, channel_axis)) take(epilogue, std::move(*match));
  return epilogue;
}

}  // namespace cycloid
