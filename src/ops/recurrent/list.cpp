#include "ops/recurrent/list.h"

#include "ops/op_list.h"

namespace cycloid {

void add_recurrent_ops(OpList& list) {
  list.insert(list.end(), {
                              &kDynamicQuantizeLSTM,
                              &kGRU,
                              &kLSTM,
                              &kRNN,
                          });
}

}  // namespace cycloid
