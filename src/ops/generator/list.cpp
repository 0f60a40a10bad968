#include "ops/op_list.h"

namespace cycloid {

void add_generator_ops(OpList&) {}

}  // namespace cycloid
