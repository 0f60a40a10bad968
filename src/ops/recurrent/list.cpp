#include "ops/op_list.h"

namespace cycloid {

void add_recurrent_ops(OpList&) {}

}  // namespace cycloid
