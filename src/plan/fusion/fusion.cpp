#include "plan/fusion/fusion.h"

namespace cycloid {

Status fuse(ModelIr& model) {
  remove_identities(model.graph);
  expand_composites(model.graph);
  widen_half(model.graph);
  raise_gelu(model.graph);
  fold_affine(model.graph);
  model.graph.remove_dead();
  return {};
}

}  // namespace cycloid
