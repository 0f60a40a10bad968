#include "ops/training/list.h"

#include "ops/op_list.h"

namespace cycloid {

void add_training_ops(OpList& list) { list.insert(list.end(), {&kAdagrad, &kAdam, &kMomentum}); }

}  // namespace cycloid
