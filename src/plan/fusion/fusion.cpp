#include "plan/fusion/fusion.h"

#include "base/work_bounds.h"
#include "plan/specialize.h"

namespace cycloid {

Status fuse(ModelIr& model) {
  // Weights in another form count as weights do: not at all. Only what is folded may be of any size, and is bounded.
  WorkBounds of_weights = work_bounds() != nullptr ? *work_bounds() : WorkBounds();
  of_weights.memory = nullptr;
  {
    const BoundsScope scope(of_weights);
    remove_identities(model.graph);
    expand_composites(model.graph);
  }
  fold_constants(model);  // transposed weights and parts of biases
  bool tables = false;
  {
    const BoundsScope scope(of_weights);
    widen_half(model.graph);
    raise_gelu(model.graph);
    raise_hard_swish(model.graph);
    tables = look_up_one_hot(model.graph);
    fold_affine(model.graph);
    compose_convs(model.graph);
    factor_gates(model.graph);
    hoist_pads(model.graph);
    model.graph.remove_dead();
  }
  if (tables) fold_constants(model);
  return {};
}

}  // namespace cycloid
