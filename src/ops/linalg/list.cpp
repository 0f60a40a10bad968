#include "ops/op_list.h"

namespace cycloid {

void add_linalg_ops(OpList&) {}

}  // namespace cycloid
