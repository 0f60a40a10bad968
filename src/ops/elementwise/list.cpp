#include "ops/elementwise/binary.h"
#include "ops/elementwise/cast.h"
#include "ops/elementwise/power.h"
#include "ops/elementwise/unary.h"
#include "ops/elementwise/variadic.h"
#include "ops/op_list.h"

namespace cycloid {

void add_elementwise_ops(OpList& list) {
  list.insert(list.end(), {&kAdd, &kSub, &kMul, &kDiv});
  list.insert(list.end(), {&kBitCast, &kCast, &kCastLike, &kClip, &kMax, &kMean, &kMin, &kMod, &kPow, &kSum});
  add_unary_ops(list);
}

}  // namespace cycloid
