// Reshape, Flatten, Squeeze, Unsqueeze: the same elements under other dims. BitCast: the same bits as another type.
#include <algorithm>

#include "plan/lowering/elements.h"
#include "plan/lowering/lowerings.h"

namespace cycloid {

Declined lower_view(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0], y = node.outputs[0];
  const Dims from = *lowering.dims(x), to = *lowering.dims(y);
  if (element_count(from) != element_count(to)) return "the number of elements changes";
  if (lower_channel_shuffle(lowering, id) || lower_shuffled_split(lowering, id)) return {};
  // Batch and channels stay: pixels are pixels, however they are counted.
  const bool pixels = from.size() >= 3 && to.size() >= 3 && from[0] == to[0] && from[1] == to[1];
  const Layout layout = pixels ? lowering.layout_of(x) : Layout::kRowMajor;
  Place place = lowering.read(x, layout);
  place.dims = to;
  lowering.alias(y, place);
  return {};
}

Declined lower_bit_cast(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0], y = node.outputs[0];
  // Layouts are converted by the bytes of an element, which stay.
  Place place = lowering.read(x, Layout::kRowMajor);
  place.dtype = lowering.dtype(y);
  if (*lowering.dims(x) != *lowering.dims(y) || size_of(place.dtype) != size_of(lowering.dtype(x)))
    return "elements of another size";
  lowering.alias(y, place);
  return {};
}

}  // namespace cycloid
