#include "ops/op_list.h"

namespace cycloid {

void add_ml_ops(OpList&) {}

}  // namespace cycloid
