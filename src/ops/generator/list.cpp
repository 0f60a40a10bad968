#include "ops/generator/generators.h"
#include "ops/generator/random.h"
#include "ops/op_list.h"

namespace cycloid {

void add_generator_ops(OpList& list) {
  list.insert(list.end(), {&kConstant, &kConstantOfShape, &kDropout, &kEyeLike, &kIdentity, &kRange});
  add_random_ops(list);
}

}  // namespace cycloid
