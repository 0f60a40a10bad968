#include "ops/normalization/list.h"

namespace cycloid {

void add_normalization_ops(OpList& list) {
  add_channel_normalization_ops(list);
  add_layer_normalization_ops(list);
  add_lrn_ops(list);
  add_spread_normalization_ops(list);
}

}  // namespace cycloid
