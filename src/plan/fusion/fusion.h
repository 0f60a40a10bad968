// Rewrites of a graph with known shapes that only the native engine needs: the fewer, larger nodes that kernels take.
// Each changes what it can and leaves the rest; types stay inferred.
#pragma once

#include "graph/graph.h"

namespace cycloid {

// All of them, in order.
Status fuse(ModelIr& model);

// x  =>  x for Identity, and for Dropout outside training whose mask nobody reads.
void remove_identities(Graph& graph);

// Scale and shift per channel by constants (BatchNormalization; Mul, Div, Add, Sub by constants of shape [C, 1, 1] and the
// like): into the weights and bias of the Conv before it, else joined into one BatchNormalization with mean 0,
// variance 1 and epsilon 0, which is such a scale and shift.
void fold_affine(Graph& graph);

}  // namespace cycloid
