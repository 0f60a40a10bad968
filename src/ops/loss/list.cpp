#include "ops/loss/list.h"

#include "ops/op_list.h"

namespace cycloid {

void add_loss_ops(OpList& list) { list.insert(list.end(), {&kNegativeLogLikelihoodLoss, &kSoftmaxCrossEntropyLoss}); }

}  // namespace cycloid
