#include "plan/fusion/fusion.h"

#include "plan/specialize.h"

namespace cycloid {

Status fuse(ModelIr& model) {
  remove_identities(model.graph);
  expand_composites(model.graph);
  fold_constants(model);  // transposed weights and parts of biases
  widen_half(model.graph);
  raise_gelu(model.graph);
  fold_affine(model.graph);
  model.graph.remove_dead();
  return {};
}

}  // namespace cycloid
