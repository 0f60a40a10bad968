#include "ops/activation/relu.h"
#include "ops/op_list.h"

namespace cycloid {

void add_activation_ops(OpList& list) { list.insert(list.end(), {&kRelu}); }

}  // namespace cycloid
