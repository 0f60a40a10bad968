// Col2Im of windows side by side  =>  Reshape(Transpose(Reshape(x)))
//
// No two windows meet, and all of the image is theirs: nothing is summed, the columns are only moved.
#include <algorithm>

#include "ops/elements.h"
#include "ops/nn/window.h"
#include "plan/fusion/expanding.h"

namespace cycloid {

void expand_col2im(Expanding& e) {
  const Node& node = e.node();
  const auto x = e.dims(node.inputs[0]), y = e.dims(node.outputs[0]);
  const Tensor* block = e.graph().constant(node.inputs[2]);
  const auto attributes = WindowAttributes::parse(node);
  if (!x || !y || block == nullptr || !attributes || e.dtype(node.inputs[0]) == DType::kString) return;
  const Dims kernel = to_int64s(*block);
  const std::size_t rank = kernel.size();
  if (x->size() != 3 || y->size() != rank + 2 || rank == 0 || !attributes->check_rank(rank)) return;
  if (std::ranges::find(*x, 0) != x->end() || std::ranges::find(*y, 0) != y->end()) return;
  Dims apart{(*y)[0], (*y)[1]}, positions;
  std::vector<std::int64_t> order{0, 1};
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t size = (*y)[i + 2];
    if (kernel[i] < 1 || attributes->stride(i) != kernel[i] || attributes->dilation(i) != 1 ||
        attributes->pad_begin(i) != 0 || attributes->pad_end(i) != 0 || size % kernel[i] != 0)
      return;
    apart.push_back(kernel[i]);
    positions.push_back(size / kernel[i]);
    order.push_back(static_cast<std::int64_t>(2 + rank + i));
    order.push_back(static_cast<std::int64_t>(2 + i));
  }
  apart.insert(apart.end(), positions.begin(), positions.end());
  if (element_count(apart) != element_count(*x)) return;
  e.give(0, e.reshaped(e.permuted(e.reshaped(node.inputs[0], apart), order), *y));
  e.done();
}

}  // namespace cycloid
