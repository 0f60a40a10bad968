#include "plan/fusion/fusion.h"

#include "plan/specialize.h"

namespace cycloid {

Status fuse(ModelIr& model) {
  remove_identities(model.graph);
  expand_composites(model.graph);
  fold_constants(model);  // transposed weights and parts of biases
  widen_half(model.graph);
  raise_gelu(model.graph);
  raise_hard_swish(model.graph);
  fold_affine(model.graph);
  compose_convs(model.graph);
  factor_gates(model.graph);
  hoist_pads(model.graph);
  model.graph.remove_dead();
  return {};
}

}  // namespace cycloid
