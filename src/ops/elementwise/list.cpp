#include "ops/elementwise/binary.h"
#include "ops/op_list.h"

namespace cycloid {

void add_elementwise_ops(OpList& list) { list.insert(list.end(), {&kAdd, &kSub, &kMul, &kDiv}); }

}  // namespace cycloid
