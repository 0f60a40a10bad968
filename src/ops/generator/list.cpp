#include "ops/generator/list.h"

namespace cycloid {

void add_generator_ops(OpList& list) { add_constant_ops(list); }

}  // namespace cycloid
