#include "ops/op_list.h"

namespace cycloid {

void add_sequence_ops(OpList&) {}

}  // namespace cycloid
