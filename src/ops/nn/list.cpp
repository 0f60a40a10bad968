#include "ops/op_list.h"

namespace cycloid {

void add_nn_ops(OpList&) {}

}  // namespace cycloid
