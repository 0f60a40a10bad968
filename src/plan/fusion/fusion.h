// Rewrites of a graph with known shapes that only the native engine needs: the fewer, larger nodes that kernels take.
// Each changes what it can and leaves the rest; types stay inferred.
#pragma once

#include "graph/graph.h"

namespace cycloid {

// All of them but fuse_quantized() and fuse_quantized_weights(), in order.
Status fuse(ModelIr& model);

// Products, convolutions, sums and pools between DequantizeLinear and QuantizeLinear: on the integers themselves. Comes before
// constants are folded, which would leave nothing of the integers. Sizes need not be known.
void fuse_quantized(Graph& graph);

// Products with constant weights of few bits in blocks: on the codes. Before constants are folded, too.
void fuse_quantized_weights(Graph& graph);

// x  =>  x for Identity, and for Dropout outside training whose mask nobody reads.
void remove_identities(Graph& graph);

// Operators that are several others in one (attention, normalisation with a sum before it, and the like), taken apart into
// those that have kernels. Sizes must be known.
void expand_composites(Graph& graph);

// The Gelu that exporters write as x * (erf(x / sqrt(2)) + 1) * 0.5 or with a tanh, in any order of the factors.
void raise_gelu(Graph& graph);

// The HardSwish that exporters write as x * clip(x + 3, 0, 6) / 6.
void raise_hard_swish(Graph& graph);

// matmul(one_hot(x), w)  =>  rows of w, as exporters of JAX write a look-up; what follows element by element is done to w,
// by nodes that wait to be folded: whether there are any.
bool look_up_one_hot(Graph& graph);

// conv(conv(x, w), v)  =>  conv(x, v w), where v is of one tap and the product takes fewer multiplications.
void compose_convs(Graph& graph);

// x + x * s  =>  x * (s + 1), where s is smaller than x: one pass over x in place of two.
void factor_gates(Graph& graph);

// Pads by constants stand right behind what makes their input: whoever adds something to the padded value can then read it.
void hoist_pads(Graph& graph);

// Nodes that compute with float16 or bfloat16 compute with float32 instead: their constants are widened here, values between
// them stay float32, and a Cast stands only where a float16 value comes from or goes to something else. Each node then rounds
// less than it might (a sum in float16 is defined by no particular order of rounding), never more. Nodes that turn a last
// bit into a whole step (Round, Floor, comparisons) still get the rounded value.
void widen_half(Graph& graph);

// Scale and shift per channel by constants (BatchNormalization; Mul, Div, Add, Sub by constants of shape [C, 1, 1] and the
// like): into the weights and bias of the Conv or ConvTranspose before it, else joined into one BatchNormalization with mean 0,
// variance 1 and epsilon 0, which is such a scale and shift.
void fold_affine(Graph& graph);

}  // namespace cycloid
