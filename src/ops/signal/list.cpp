#include "ops/signal/list.h"

#include "ops/op_list.h"

namespace cycloid {

void add_signal_ops(OpList& list) {
  list.insert(list.end(), {&kBlackmanWindow, &kDft, &kHammingWindow, &kHannWindow, &kMelWeightMatrix, &kStft});
}

}  // namespace cycloid
