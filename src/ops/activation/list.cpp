#include "ops/activation/parametric.h"
#include "ops/activation/relu.h"
#include "ops/activation/softmax.h"
#include "ops/op_list.h"

namespace cycloid {

void add_activation_ops(OpList& list) {
  list.insert(list.end(), {&kRelu, &kSoftmax, &kLogSoftmax, &kHardmax});
  add_parametric_ops(list);
}

}  // namespace cycloid
